metadata description = 'One service seen from inside a network: its private endpoint, and the DNS zone that leads there.'

@description('Name of the endpoint.')
param name string

@description('Region.')
param location string

@description('Tags of the endpoint and its zone.')
param tags object

@description('Resource id of what is reached.')
param serviceId string

@description('Which part of it, such as blob.')
param groupId string

@description('DNS zone of such endpoints, such as privatelink.blob.core.windows.net.')
param zoneName string

@description('Resource id of the network.')
param networkId string

@description('Resource id of the subnet that the endpoint lies in.')
param subnetId string

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: zoneName
  location: 'global'
  tags: tags
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = {
  parent: zone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: zone.id
        }
      }
    ]
  }
}
