metadata description = 'The workbook that shows how every loop is doing.'

@description('Region.')
param location string

@description('Tags of the workbook.')
param tags object

@description('Title of the workbook.')
param title string

@description('Resource id of the Log Analytics workspace that it reads.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(workspaceId, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: title
    serializedData: replace(loadTextContent('../workbook.json'), '{workspaceId}', workspaceId)
    sourceId: workspaceId
    version: 'Notebook/1.0'
  }
}

@description('Resource id.')
output id string = workbook.id
