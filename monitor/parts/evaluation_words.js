/** What evaluations and their policies are, in words. */

import { decimal } from "../format.js";
import { hasFailed, isOver } from "./jobs.js";

/**
 * @typedef {object} Estimate
 * @property {number} events
 * @property {number} effectiveEvents
 * @property {number | null} expectedReward
 * @property {[number, number] | null} confidenceInterval
 *
 * @typedef {{name: string, arguments: string, policySource: string, comparisons: number,
 *   isApplicable: boolean} & Estimate} JudgedPolicy
 *
 * @typedef {import("./jobs.js").Job & {evaluationType: string, optimalPolicy: string | null,
 *   kind: string, optimizes: boolean, customPolicies: string[], contenders: number,
 *   finishedTime: string | null}} Evaluation
 */

const LOGGED = {
  online: "what was served",
  baseline1: "always the first action",
  baselineRand: "any action",
};
const CURRENT = "current";

/** @param {JudgedPolicy} policy What it is, in a few words. */
export function kindWords({ name, policySource }) {
  if (LOGGED[name]) {
    return LOGGED[name];
  }
  if (policySource === "OfflineExperimentation") {
    return "found";
  }
  return name === CURRENT ? "settings in force then, learned afresh" : "your own";
}

/** @param {JudgedPolicy} policy Which of the page's colours is its. */
export function colourOf({ name, policySource }) {
  const places = { online: 1, baseline1: 2, baselineRand: 3 };
  return places[name] ?? (policySource === "OfflineExperimentation" ? 4 : 5);
}

/** @param {Estimate} estimate `0.812 (0.795 to 0.829)` */
export function estimateText({ expectedReward, confidenceInterval }) {
  return confidenceInterval
    ? `${decimal(expectedReward)} (${confidenceInterval.map((bound) => decimal(bound)).join(" to ")})`
    : "not to be said";
}

/**
 * What came of an evaluation; or what it waits for.
 *
 * @param {Evaluation} evaluation
 * @param {{online?: Estimate | null, current?: Estimate | null, best?: Estimate | null}} estimates
 * @returns {string}
 */
export function outcome(evaluation, estimates) {
  if (!isOver(evaluation)) {
    return progressWords(evaluation);
  }
  if (hasFailed(evaluation) || evaluation.evaluationType === "Auto") {
    return evaluation.description;
  }
  return [bestWords(evaluation, estimates), evaluation.description].filter(Boolean).join(" ");
}

/** @param {Evaluation} evaluation */
function progressWords({ status, contenders }) {
  if (status === "NotSubmitted") {
    return "It waits for its turn: evaluations are worked on one after the other.";
  }
  return contenders
    ? `Policies that learn from the log and are judged by it: ${contenders}.`
    : "The log is looked through for policies that may be worth judging.";
}

/** @param {Evaluation} evaluation @param {Parameters<typeof outcome>[1]} estimates */
function bestWords({ optimalPolicy }, { online, current, best }) {
  if (!optimalPolicy || !online?.confidenceInterval || !best?.confidenceInterval) {
    return "There were too few events to compare policies by.";
  }
  const earned = estimateText(online);
  if (optimalPolicy === "online") {
    return `What is online is the best: it has earned ${earned}.`;
  }
  const [low] = best.confidenceInterval;
  const chance = "the difference may be chance";
  const beside =
    low > online.confidenceInterval[1]
      ? "the intervals do not overlap"
      : `the intervals overlap, so that ${chance}`;
  const words = [
    `${optimalPolicy} is the best: it would have earned ${estimateText(best)}.`,
    `Online has earned ${earned}; ${beside}.`,
  ];
  if (current?.expectedReward && optimalPolicy !== CURRENT) {
    const afresh = low > current.expectedReward ? "clearly less over this range" : chance;
    words.push(
      `The settings in force, learned afresh, would have earned ${estimateText(current)}: ${afresh}.`,
    );
  }
  return words.join(" ");
}
