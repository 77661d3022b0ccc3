metadata description = 'The service in a resource group that there is, for `az deployment group create`.'

// Place and names.

@description('Region of every resource.')
param location string = resourceGroup().location

@description('What the names of all resources begin with, after their kind: letters, digits and hyphens. Empty: only the unique part that every name ends with.')
@maxLength(20)
param name string = ''

@description('Tags of every resource.')
param tags object = {}

@description('Object id of the owner, or of a group of owners, who may read and write all data with `python -m cli`, and the secrets of a vault. Empty: nobody but the service may.')
param principalId string = ''

@description('What the owner is: User, Group or ServicePrincipal. Empty: found out by Azure.')
@allowed([
  ''
  'User'
  'Group'
  'ServicePrincipal'
])
param principalType string = ''

// Compute.

@description('Version of Python that the service runs on.')
@allowed([
  '3.11'
  '3.12'
  '3.13'
])
param pythonVersion string = '3.12'

@description('Memory of an instance in MB; with 2048 it has one core, with 4096 two, with 512 a quarter.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('The most instances that calls are spread over: a bound on what a flood of calls may cost. Less than 40 is not allowed everywhere.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('How many calls an instance answers at once, before another one is started. One process answers well over a thousand small ranks a second, a few at a time: more in flight only wait for each other.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 32

@description('Instances for calls that always run, and are paid for: 1 or more, and no call waits for a cold start.')
@minValue(0)
@maxValue(1000)
param alwaysReadyInstances int = 0

// Storage.

@description('How many copies of the data are kept, and where. Table and blob prices differ by it.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_RAGRS'
  'Standard_GZRS'
  'Standard_RAGZRS'
])
param storageSku string = 'Standard_LRS'

@description('Days after which logs that nobody has read are moved to the cool tier, which is cheaper to keep and dearer to read; 0: never. Nothing is deleted by it: logs are removed by the loops, by their own retention.')
@minValue(0)
@maxValue(3650)
param coolAfterDays int = 30

// Monitoring and alerts.

@description('Days that log lines, requests and metrics are kept in Log Analytics.')
@minValue(30)
@maxValue(730)
param telemetryRetentionDays int = 30

@description('Gigabytes of telemetry a day beyond which nothing more is taken, and alerts see nothing but that, until the next; 0: no limit.')
@minValue(0)
@maxValue(1000)
param telemetryDailyCapGb int = 1

@description('Puts the alerts to work; those that are off cost nothing.')
param alertsEnabled bool = true

@description('Address that alerts are sent to. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('How often the alerts look, and how far back. The more often, the more they cost.')
@allowed([
  'PT5M'
  'PT10M'
  'PT15M'
  'PT30M'
  'PT1H'
])
param alertFrequency string = 'PT15M'

@description('Alert when, while there is something to learn, no model was published for more than so many update periods of a loop.')
@minValue(1)
param alertModelPeriods int = 3

@description('Alert when nothing was heard of the trainer for so many minutes: it is down, or telemetry is at its daily cap.')
@minValue(5)
@maxValue(1380)
param alertTrainerSilentMinutes int = 30

@description('Alert when more than so many runs of a loop\'s trainer fail between two looks; one that fails now and then is made up for by the next.')
@minValue(0)
param alertTrainerFailures int = 3

@description('Alert when more than so many decisions are lost between two looks: answered, but never logged.')
@minValue(0)
param alertDropped int = 0

@description('Alert when it takes longer than so many milliseconds on average from a call until the event log has its row.')
@minValue(1)
param alertInsertLagMs int = 500

@description('Alert when more than so many percent of the calls are answered 5xx, and at least five of them.')
@minValue(0)
@maxValue(100)
param alertServerErrorPercent int = 1

// Network.

@description('Gives the app a virtual network, reaches storage and vault by private endpoints in it, and closes them to the internet. The subscription must have the provider Microsoft.App registered.')
param useVirtualNetwork bool = false

@description('IPv4 range of the virtual network, in CIDR notation, of which instances of the app take half. Empty: 10.0.0.0/22.')
param virtualNetworkAddressPrefix string = ''

@description('IPv4 addresses and ranges, with commas between, that may enter storage and vault from outside the virtual network: such as the one from which the owner works with `python -m cli` or deploys with azd. Empty: none.')
param allowedIpAddresses string = ''

// Keys in a vault.

@description('Keeps the keys that are given below in a Key Vault, and gives the app references to them. Otherwise they are not used: the keys of all loops are then in the register, made with `python -m cli loops add`.')
param useKeyVault bool = false

@description('PERSONALIZER_KEY1: a key of the loop `default`. Used with useKeyVault only.')
@secure()
param personalizerKey1 string = ''

@description('PERSONALIZER_KEY2: the other key of the loop `default`, so that one can be rotated. Used with useKeyVault only.')
@secure()
param personalizerKey2 string = ''

@description('PERSONALIZER_CLIENT_KEY1: a key of the loop `default` for browsers and devices, which opens rank, reward and activate alone. Used with useKeyVault only.')
@secure()
param personalizerClientKey1 string = ''

@description('PERSONALIZER_CLIENT_KEY2: the other such key. Used with useKeyVault only.')
@secure()
param personalizerClientKey2 string = ''

@description('MODEL_SIGNING_KEY: an RSA key and its certificate, in PEM, that exported models are signed with. Empty: each loop makes and keeps one. Used with useKeyVault only.')
@secure()
param modelSigningKey string = ''

// Settings of the service, as in the README.

@description('CORS_ORIGINS: origins of web pages that may call, with commas between, or *. Empty: none.')
param corsOrigins string = ''

@description('ENTRA_TENANT_ID: the tenant whose tokens are taken beside keys. Empty: none are.')
param entraTenantId string = ''

@description('ENTRA_PRINCIPALS: object or application ids of who may call with a token, each alone, for `default`, or as id=loop, with commas between; needed with ENTRA_TENANT_ID.')
param entraPrincipals string = ''

@description('ENTRA_AUDIENCES: what a token must have been made for, with commas between. Empty: what the retired service\'s clients ask for.')
param entraAudiences string = ''

@description('ENTRA_AUTHORITY: who makes the tokens. Empty: Entra ID of the public cloud.')
param entraAuthority string = ''

@description('RATE_LIMIT: calls a second that each key may make, in each process, such as 50 or 0.5. Empty: any number.')
param rateLimit string = ''

@description('CLIENT_RATE_LIMIT: the same for each client key. Empty: any number.')
param clientRateLimit string = ''

@description('RANK_LOG_BUDGET_MS: how long a rank waits for its decision to be logged.')
@minValue(1)
@maxValue(10000)
param rankLogBudgetMs int = 250

@description('STRICT_LOGGING: a rank that can\'t be logged in that time answers 503.')
param strictLogging bool = false

@description('RANK_REFRESH_BUDGET_MS: how long the first rank of a process waits for configuration and model.')
@minValue(0)
@maxValue(10000)
param rankRefreshBudgetMs int = 1000

@description('MODEL_REFRESH_SECONDS: how often a process looks for a new model.')
@minValue(1)
@maxValue(3600)
param modelRefreshSeconds int = 3

@description('LOOPS_REFRESH_SECONDS: how often a process looks for new loops and rotated keys.')
@minValue(1)
@maxValue(20)
param loopsRefreshSeconds int = 15

@description('TRAINER_SCHEDULE: when the trainer looks whether something is due: cron with six fields, UTC.')
param trainerSchedule string = '*/15 * * * * *'

@description('TRAINER_GRACE_SECONDS: how late a row may become visible and still be learned.')
@minValue(1)
@maxValue(3600)
param trainerGraceSeconds int = 60

@description('TRAINER_TIME_LIMIT_SECONDS: when a run stops and leaves the rest to the next; below functionTimeout in host.json.')
@minValue(1)
@maxValue(36000)
param trainerTimeLimitSeconds int = 240

@description('EVALUATOR_SCHEDULE: when the evaluator looks whether something is to be evaluated: cron with six fields, UTC.')
param evaluatorSchedule string = '0 * * * * *'

@description('EVALUATOR_TIME_LIMIT_SECONDS: when it begins nothing more, and leaves the rest to the next call; two minutes below functionTimeout in host.json.')
@minValue(1)
@maxValue(36000)
param evaluatorTimeLimitSeconds int = 120

@description('EVALUATOR_PROCESSES: how many processes judge policies at once; 0: as many as there are cores, 4 at most.')
@minValue(0)
@maxValue(64)
param evaluatorProcesses int = 0

@description('EVENT_LOG_SHARDS: tails that the event log is spread over; may grow, must never shrink.')
@minValue(1)
@maxValue(99)
param eventLogShards int = 4

@description('MAX_REWARD_WAIT_TIME: the longest reward wait time that a loop may be given, as an ISO 8601 duration.')
param maxRewardWaitTime string = 'P2D'

@description('MAX_BODY_BYTES: the largest request.')
@minValue(1024)
@maxValue(100000000)
param maxBodyBytes int = 1048576

@description('TRUSTED_MODEL_SIGNERS: SHA-256 fingerprints of certificates whose signed models may be imported, with commas between. Empty: none but the loop\'s own.')
param trustedModelSigners string = ''

@description('OTEL_METRIC_EXPORT_INTERVAL: milliseconds between two exports of metrics.')
@minValue(1000)
@maxValue(3600000)
param otelMetricExportInterval int = 60000

var token = uniqueString(resourceGroup().id)
var base = toLower(empty(name) ? 'personalizer-${token}' : '${name}-${token}')
// Names of accounts and vaults have room for less, and accounts none for hyphens.
var short = toLower(take(replace(name, '-', ''), 8))
var deploymentContainer = 'packages'
var addresses = filter(map(split(allowedIpAddresses, ','), address => trim(address)), address => !empty(address))

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-${base}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: 'log-${base}'
    applicationInsightsName: 'appi-${base}'
    location: location
    tags: tags
    retentionDays: telemetryRetentionDays
    dailyCapGb: telemetryDailyCapGb
    servicePrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: 'st${short}${token}'
    location: location
    tags: tags
    sku: storageSku
    private: useVirtualNetwork
    allowedIpAddresses: addresses
    coolAfterDays: coolAfterDays
    deploymentContainer: deploymentContainer
    servicePrincipalId: identity.outputs.principalId
    ownerPrincipalId: principalId
    ownerPrincipalType: principalType
  }
}

module vault 'modules/vault.bicep' = if (useKeyVault) {
  name: 'vault'
  params: {
    name: 'kv-${short}${token}'
    location: location
    tags: tags
    private: useVirtualNetwork
    allowedIpAddresses: addresses
    servicePrincipalId: identity.outputs.principalId
    ownerPrincipalId: principalId
    ownerPrincipalType: principalType
    personalizerKey1: personalizerKey1
    personalizerKey2: personalizerKey2
    personalizerClientKey1: personalizerClientKey1
    personalizerClientKey2: personalizerClientKey2
    modelSigningKey: modelSigningKey
  }
}

module network 'modules/network.bicep' = if (useVirtualNetwork) {
  name: 'network'
  params: {
    name: 'vnet-${base}'
    location: location
    tags: tags
    addressPrefix: empty(virtualNetworkAddressPrefix) ? '10.0.0.0/22' : virtualNetworkAddressPrefix
  }
}

module blobEndpoint 'modules/private-endpoint.bicep' = if (useVirtualNetwork) {
  name: 'blob-endpoint'
  params: {
    name: 'pep-blob-${base}'
    location: location
    tags: tags
    serviceId: storage.outputs.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
    networkId: useVirtualNetwork ? network.outputs.id : ''
    subnetId: useVirtualNetwork ? network.outputs.endpointSubnetId : ''
  }
}

module tableEndpoint 'modules/private-endpoint.bicep' = if (useVirtualNetwork) {
  name: 'table-endpoint'
  params: {
    name: 'pep-table-${base}'
    location: location
    tags: tags
    serviceId: storage.outputs.id
    groupId: 'table'
    zoneName: 'privatelink.table.${environment().suffixes.storage}'
    networkId: useVirtualNetwork ? network.outputs.id : ''
    subnetId: useVirtualNetwork ? network.outputs.endpointSubnetId : ''
  }
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (useVirtualNetwork && useKeyVault) {
  name: 'vault-endpoint'
  params: {
    name: 'pep-vault-${base}'
    location: location
    tags: tags
    serviceId: useKeyVault ? vault.outputs.id : ''
    groupId: 'vault'
    zoneName: 'privatelink.vaultcore.azure.net'
    networkId: useVirtualNetwork ? network.outputs.id : ''
    subnetId: useVirtualNetwork ? network.outputs.endpointSubnetId : ''
  }
}

var reference = useKeyVault ? '@Microsoft.KeyVault(VaultName=${vault.outputs.name};SecretName=' : ''

var settings = {
  AzureWebJobsStorage__accountName: storage.outputs.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  // The page at / is the service's own.
  AzureWebJobsDisableHomepage: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identity.outputs.clientId}'
  PERSONALIZER_KEY1: useKeyVault && !empty(personalizerKey1) ? '${reference}PERSONALIZER-KEY1)' : ''
  PERSONALIZER_KEY2: useKeyVault && !empty(personalizerKey2) ? '${reference}PERSONALIZER-KEY2)' : ''
  PERSONALIZER_CLIENT_KEY1: useKeyVault && !empty(personalizerClientKey1) ? '${reference}PERSONALIZER-CLIENT-KEY1)' : ''
  PERSONALIZER_CLIENT_KEY2: useKeyVault && !empty(personalizerClientKey2) ? '${reference}PERSONALIZER-CLIENT-KEY2)' : ''
  MODEL_SIGNING_KEY: useKeyVault && !empty(modelSigningKey) ? '${reference}MODEL-SIGNING-KEY)' : ''
  CORS_ORIGINS: corsOrigins
  ENTRA_TENANT_ID: entraTenantId
  ENTRA_PRINCIPALS: entraPrincipals
  ENTRA_AUDIENCES: entraAudiences
  ENTRA_AUTHORITY: entraAuthority
  RATE_LIMIT: rateLimit
  CLIENT_RATE_LIMIT: clientRateLimit
  RANK_LOG_BUDGET_MS: string(rankLogBudgetMs)
  STRICT_LOGGING: string(strictLogging)
  RANK_REFRESH_BUDGET_MS: string(rankRefreshBudgetMs)
  MODEL_REFRESH_SECONDS: string(modelRefreshSeconds)
  LOOPS_REFRESH_SECONDS: string(loopsRefreshSeconds)
  TRAINER_SCHEDULE: trainerSchedule
  TRAINER_GRACE_SECONDS: string(trainerGraceSeconds)
  TRAINER_TIME_LIMIT_SECONDS: string(trainerTimeLimitSeconds)
  EVALUATOR_SCHEDULE: evaluatorSchedule
  EVALUATOR_TIME_LIMIT_SECONDS: string(evaluatorTimeLimitSeconds)
  EVALUATOR_PROCESSES: evaluatorProcesses == 0 ? '' : string(evaluatorProcesses)
  EVENT_LOG_SHARDS: string(eventLogShards)
  MAX_REWARD_WAIT_TIME: maxRewardWaitTime
  MAX_BODY_BYTES: string(maxBodyBytes)
  TRUSTED_MODEL_SIGNERS: trustedModelSigners
  OTEL_METRIC_EXPORT_INTERVAL: string(otelMetricExportInterval)
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  params: {
    name: 'func-${base}'
    planName: 'plan-${base}'
    location: location
    tags: tags
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyInstances: alwaysReadyInstances
    identityId: identity.outputs.id
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    subnetId: useVirtualNetwork ? network.outputs.appSubnetId : ''
    settings: settings
  }
  dependsOn: [
    blobEndpoint
    tableEndpoint
    vaultEndpoint
  ]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: base
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    enabled: alertsEnabled
    email: alertEmail
    frequency: alertFrequency
    modelPeriods: alertModelPeriods
    trainerSilentMinutes: alertTrainerSilentMinutes
    trainerFailures: alertTrainerFailures
    dropped: alertDropped
    insertLagMs: alertInsertLagMs
    serverErrorPercent: alertServerErrorPercent
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    title: 'Loops of ${base}'
    workspaceId: monitoring.outputs.workspaceId
  }
}

@description('Where the service is called.')
output PERSONALIZER_ENDPOINT string = app.outputs.endpoint

@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = app.outputs.name

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Name of the storage account.')
output STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Name of the Application Insights resource.')
output APPLICATION_INSIGHTS_NAME string = monitoring.outputs.applicationInsightsName

@description('Name of the vault; empty where there is none.')
output AZURE_KEY_VAULT_NAME string = useKeyVault ? vault.outputs.name : ''

@description('Resource id of the workbook; the portal opens it at https://portal.azure.com/#resource and this.')
output AZURE_WORKBOOK_ID string = workbook.outputs.id
