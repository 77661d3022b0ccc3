metadata description = 'Alerts on what an operator has to know: is it learning, answering, and keeping what it is told?'

@description('What the names of the alerts begin with.')
param name string

@description('Region.')
param location string

@description('Tags of the alerts.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Puts the alerts to work; those that are off cost nothing.')
param enabled bool

@description('Address that alerts are sent to; empty: they are only shown in the portal.')
param email string

@description('How often the alerts look, and how far back: an ISO 8601 duration of five minutes or more.')
param frequency string

@description('Update periods without a new model, while there is something to learn, beyond which there is an alert.')
param modelPeriods int

@description('Minutes without word of the trainer beyond which there is an alert.')
param trainerSilentMinutes int

@description('Runs of a trainer that fail within one look beyond which there is an alert.')
param trainerFailures int

@description('Decisions lost within one look beyond which there is an alert.')
param dropped int

@description('Mean milliseconds from a call until the event log has its row, beyond which there is an alert.')
param insertLagMs int

@description('Percentage of calls answered 5xx beyond which there is an alert; fewer than five of them never are one.')
param serverErrorPercent int

var byLoop = 'extend loop = tostring(Properties.loop)'

var rules = [
  {
    key: 'model-overdue'
    title: 'No new model'
    explanation: 'A loop has had something to learn for more than ${modelPeriods} update periods, and no model was published.'
    severity: 2
    window: frequency
    dimension: 'loop'
    query: 'AppMetrics | where Name == "personalizer.model.periods" | ${byLoop} | summarize value = max(Sum) by loop | where value > ${modelPeriods}'
  }
  {
    key: 'trainer-silent'
    title: 'Nothing is heard of the trainer'
    explanation: 'The trainer ran within the last day, but not in the last ${trainerSilentMinutes} minutes as far as is known: it is down, or telemetry is at its daily cap.'
    severity: 1
    window: 'P1D'
    dimension: ''
    // Measured at each of its ticks, and never sampled.
    query: 'AppMetrics | where Name == "personalizer.model.periods" | summarize last = max(TimeGenerated) | where last < ago(${trainerSilentMinutes}m)'
  }
  {
    key: 'trainer-failures'
    title: 'The trainer fails'
    explanation: 'More than ${trainerFailures} runs of a loop\'s trainer have failed.'
    severity: 2
    window: frequency
    dimension: 'loop'
    query: 'AppMetrics | where Name == "personalizer.trainer.failures" | ${byLoop} | summarize value = sum(Sum) by loop | where value > ${trainerFailures}'
  }
  {
    key: 'dropped'
    title: 'Decisions are lost'
    explanation: 'More than ${dropped} decisions were answered and could not be logged: nothing is learned from them.'
    severity: 2
    window: frequency
    dimension: 'loop'
    query: 'AppMetrics | where Name == "personalizer.dropped" | ${byLoop} | summarize value = sum(Sum) by loop | where value > ${dropped}'
  }
  {
    key: 'insert-lag'
    title: 'The event log is slow'
    explanation: 'It takes more than ${insertLagMs} ms on average from a call until the event log has its row.'
    severity: 3
    window: frequency
    dimension: 'loop'
    query: 'AppMetrics | where Name == "personalizer.insert.lag" | ${byLoop} | summarize value = 1000.0 * sum(Sum) / sum(ItemCount) by loop | where value > ${insertLagMs}'
  }
  {
    key: 'server-errors'
    title: 'Calls fail'
    explanation: 'More than ${serverErrorPercent} % of all calls are answered 5xx.'
    severity: 1
    window: frequency
    dimension: ''
    // The timers' runs are requests too, without a status.
    query: 'AppRequests | where toint(ResultCode) >= 100 | summarize failed = sumif(ItemCount, toint(ResultCode) >= 500), calls = sum(ItemCount) | where failed >= 5 and 100.0 * failed / calls > ${serverErrorPercent}'
  }
]

resource group 'Microsoft.Insights/actionGroups@2022-06-01' = if (!empty(email)) {
  name: '${name}-owner'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'personalizer'
    emailReceivers: [
      {
        name: 'owner'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${name}-${rule.key}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: rule.explanation
    severity: rule.severity
    enabled: enabled
    autoMitigate: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: frequency
    windowSize: rule.window
    // A new workspace may not know the tables before the first telemetry comes.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          dimensions: empty(rule.dimension) ? [] : [
            {
              name: rule.dimension
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: empty(email) ? [] : [
        group.id
      ]
    }
  }
}]
