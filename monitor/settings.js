/** Every setting of a loop: what it means, what it may be, and what it is at first. */

/**
 * @typedef {object} Setting
 * @property {string} name As the API calls it.
 * @property {string} label
 * @property {string} meaning
 * @property {"duration" | "share" | "number" | "whole" | "days" | "choice" | "switch" | "secret" | "moment"} kind
 *   A share is a number from 0 to 1 that people read in percent; days may be for ever.
 * @property {string | number | boolean | null} fallback What a fresh loop has.
 * @property {number} [min] The smallest value; of a duration in seconds.
 * @property {number} [max] The largest one.
 * @property {string} [range] In words, where the numbers do not say it all.
 * @property {[string, string][]} [choices] Each with what it means.
 * @property {boolean} [resets] Whether a change resets the model.
 */

const DAY = 86_400;

/** @type {{title: string, settings: Setting[]}[]} */
export const GROUPS = [
  {
    title: "Choices",
    settings: [
      {
        name: "learningMode",
        label: "Learning mode",
        meaning:
          "What calls are answered with. Going from Apprentice to Online keeps the model. It can't be changed together with reward wait time, default reward or reward aggregation.",
        kind: "choice",
        fallback: "Online",
        choices: [
          ["Online", "the model chooses, explores and learns"],
          [
            "Apprentice",
            "your application's own choice is the answer; the model learns to imitate it",
          ],
          ["LoggingOnly", "your application's own choice is the answer; nothing is learned"],
        ],
      },
      {
        name: "explorationPercentage",
        label: "Exploration",
        meaning:
          "The share of calls that are answered with any action, by chance, to learn what it is worth. The rest gets what the model thinks best.",
        kind: "share",
        fallback: 0.2,
        min: 0,
        max: 1,
        resets: true,
      },
      {
        name: "isInferenceExplainabilityEnabled",
        label: "Explain ranks",
        meaning:
          "The answer of a rank says which features spoke for the model's best action. Calls take somewhat longer.",
        kind: "switch",
        fallback: false,
      },
    ],
  },
  {
    title: "Rewards",
    settings: [
      {
        name: "rewardWaitTime",
        label: "Reward wait time",
        meaning:
          "How long an event waits for its rewards. It is learned from when the wait is over; a reward after that is counted as late and not learned from.",
        kind: "duration",
        fallback: "PT10M",
        min: 5,
        range: "5 seconds to 2 days; a deployment may allow more",
        resets: true,
      },
      {
        name: "defaultReward",
        label: "Default reward",
        meaning: "What an event is worth for which no reward arrived in time.",
        kind: "number",
        fallback: 0,
        min: -1,
        max: 1,
        resets: true,
      },
      {
        name: "rewardAggregation",
        label: "Reward aggregation",
        meaning: "How several rewards of one event become one.",
        kind: "choice",
        fallback: "earliest",
        choices: [
          ["earliest", "the first that arrived"],
          ["average", "their mean"],
          ["median", "the one in the middle"],
          ["sum", "all together"],
          ["min", "the smallest"],
          ["max", "the largest"],
        ],
        resets: true,
      },
    ],
  },
  {
    title: "Model",
    settings: [
      {
        name: "modelExportFrequency",
        label: "Model update frequency",
        meaning: "How often a new model is made of what was learned, and served.",
        kind: "duration",
        fallback: "PT5M",
        min: 1,
        max: 30 * DAY,
      },
      {
        name: "modelAutoPublish",
        label: "Publish new models automatically",
        meaning:
          "Off: a new model only joins the history, and serves once somebody publishes it. Learning goes on.",
        kind: "switch",
        fallback: true,
      },
      {
        name: "stagedModelHistoryLength",
        label: "Models in the history",
        meaning:
          "How many of the latest models are kept to go back to, beside those that are pinned.",
        kind: "whole",
        fallback: 10,
        min: 1,
        max: 100,
      },
      {
        name: "modelRetrainDays",
        label: "Days to rebuild from",
        meaning:
          "How many days of the log a model is rebuilt from, when settings change that reset it.",
        kind: "whole",
        fallback: 2,
        min: 0,
        range: "0 days to as long as the log is kept",
      },
    ],
  },
  {
    title: "Auto-optimization",
    settings: [
      {
        name: "isAutoOptimizationEnabled",
        label: "Optimise learning settings automatically",
        meaning:
          "Better learning settings are looked for in the log, and put online if the evidence is good enough. Not for multi-slot loops.",
        kind: "switch",
        fallback: true,
      },
      {
        name: "autoOptimizationFrequency",
        label: "Optimization frequency",
        meaning: "How often they are looked for, once the loop has found its feet.",
        kind: "duration",
        fallback: "P28D",
        min: 300,
        max: 365 * DAY,
      },
      {
        name: "autoOptimizationStartDate",
        label: "Not before",
        meaning: "Nothing is optimised before this time, and periods are counted from it.",
        kind: "moment",
        fallback: null,
        range: "any time, or none",
      },
    ],
  },
  {
    title: "Log",
    settings: [
      {
        name: "logRetentionDays",
        label: "Log retention",
        meaning: "How long events are kept for evaluations and for rebuilding the model.",
        kind: "days",
        fallback: 90,
        min: -1,
        range: "at least the reward wait time and a day, or for ever",
      },
      {
        name: "logMirrorEnabled",
        label: "Mirror the log",
        meaning: "Each file of the log is copied to a container of yours once its hour is over.",
        kind: "switch",
        fallback: false,
      },
      {
        name: "logMirrorSasUri",
        label: "SAS URI of the mirror",
        meaning: "Where the copies go: a container, by a URI that lets them be written.",
        kind: "secret",
        fallback: null,
        range: "a SAS URI of a container, up to 2,048 characters",
      },
    ],
  },
];

export const SETTINGS = GROUPS.flatMap((group) => group.settings);
