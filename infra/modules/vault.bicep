metadata description = 'The vault for keys that are app settings: the app sees references, and reads them as its identity.'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of the vault.')
param tags object

@description('Closes the vault to the internet but for allowedIpAddresses.')
param private bool

@description('IPv4 addresses and ranges that may still enter a private vault.')
param allowedIpAddresses array

@description('Principal id of the identity that the service runs as.')
param servicePrincipalId string

@description('Object id of the owner, who may read and change the secrets; empty: nobody but the service may read them.')
param ownerPrincipalId string

@description('What the owner is, such as User; empty: found out by Azure.')
param ownerPrincipalType string

@description('PERSONALIZER_KEY1; empty: not set.')
@secure()
param personalizerKey1 string

@description('PERSONALIZER_KEY2; empty: not set.')
@secure()
param personalizerKey2 string

@description('PERSONALIZER_CLIENT_KEY1; empty: not set.')
@secure()
param personalizerClientKey1 string

@description('PERSONALIZER_CLIENT_KEY2; empty: not set.')
@secure()
param personalizerClientKey2 string

@description('MODEL_SIGNING_KEY; empty: not set.')
@secure()
param modelSigningKey string

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in allowedIpAddresses: {
        value: address
      }]
    }
  }
}

resource key1 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(personalizerKey1)) {
  parent: vault
  name: 'PERSONALIZER-KEY1'
  properties: {
    value: personalizerKey1
  }
}

resource key2 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(personalizerKey2)) {
  parent: vault
  name: 'PERSONALIZER-KEY2'
  properties: {
    value: personalizerKey2
  }
}

resource clientKey1 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(personalizerClientKey1)) {
  parent: vault
  name: 'PERSONALIZER-CLIENT-KEY1'
  properties: {
    value: personalizerClientKey1
  }
}

resource clientKey2 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(personalizerClientKey2)) {
  parent: vault
  name: 'PERSONALIZER-CLIENT-KEY2'
  properties: {
    value: personalizerClientKey2
  }
}

resource signingKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(modelSigningKey)) {
  parent: vault
  name: 'MODEL-SIGNING-KEY'
  properties: {
    value: modelSigningKey
  }
}

resource serviceReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, servicePrincipalId, secretsUser)
  scope: vault
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
  }
}

resource ownerWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(ownerPrincipalId)) {
  name: guid(vault.id, ownerPrincipalId, secretsOfficer)
  scope: vault
  properties: {
    principalId: ownerPrincipalId
    principalType: empty(ownerPrincipalType) ? null : ownerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
  }
}

@description('Resource id.')
output id string = vault.id

@description('Name of the vault.')
output name string = vault.name
