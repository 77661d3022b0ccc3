metadata description = 'The storage account: event log in tables; joined log, models and the deployed package in blobs.'

@description('Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of the account.')
param tags object

@description('How many copies are kept, and where.')
param sku string

@description('Closes the account to the internet but for allowedIpAddresses.')
param private bool

@description('IPv4 addresses and ranges that may still enter a private account.')
param allowedIpAddresses array

@description('Days after which blobs that nobody has read are moved to the cool tier; 0: never.')
@minValue(0)
param coolAfterDays int

@description('Container of the deployed package.')
param deploymentContainer string

@description('Principal id of the identity that the service runs as.')
param servicePrincipalId string

@description('Object id of the owner, who may read and write all data; empty: nobody but the service may.')
param ownerPrincipalId string

@description('What the owner is, such as User; empty: found out by Azure.')
param ownerPrincipalType string

var container = 'personalizer'

// The host keeps leases of its timers and its own keys in blobs, and asks for the owner's role for that.
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
// It may make and remove tables too, which the service does every day.
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in allowedIpAddresses: {
        action: 'Allow'
        value: address
      }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    // The trainer rewrites its state at every run, and retention must truly remove what is old.
    deleteRetentionPolicy: {
      enabled: false
    }
    isVersioningEnabled: false
    lastAccessTimeTrackingPolicy: {
      enable: true
      name: 'AccessTimeTracking'
      trackingGranularityInDays: 1
      blobType: [
        'blockBlob'
      ]
    }
  }
}

resource data 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}

resource register 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: '${container}-register'
  properties: {
    publicAccess: 'None'
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: deploymentContainer
  properties: {
    publicAccess: 'None'
  }
}

// It deletes nothing: what is too old is known to the loops alone, and removed by them. What lies in
// the cool tier can be read at any time, and comes back when it is. That it is the time of reading
// that counts keeps settings and models hot which are old but in use.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'logs-to-cool'
          enabled: coolAfterDays > 0
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                '${container}/'
              ]
            }
            actions: {
              baseBlob: {
                enableAutoTierToHotFromCool: true
                tierToCool: {
                  daysAfterLastAccessTimeGreaterThan: max(coolAfterDays, 1)
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [
    blobs
  ]
}

resource serviceBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, servicePrincipalId, blobDataOwner)
  scope: account
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
  }
}

resource serviceTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, servicePrincipalId, tableDataContributor)
  scope: account
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
  }
}

resource ownerBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(ownerPrincipalId)) {
  name: guid(account.id, ownerPrincipalId, blobDataContributor)
  scope: account
  properties: {
    principalId: ownerPrincipalId
    principalType: empty(ownerPrincipalType) ? null : ownerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
  }
}

resource ownerTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(ownerPrincipalId)) {
  name: guid(account.id, ownerPrincipalId, tableDataContributor)
  scope: account
  properties: {
    principalId: ownerPrincipalId
    principalType: empty(ownerPrincipalType) ? null : ownerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
  }
}

@description('Resource id.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('URL of the container that the deployed package goes to.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${packages.name}'
