/** What the diagnosis has found: the worst first, each with its evidence and what to do. */

import { h, replace } from "../dom.js";
import { count, dateTime } from "../format.js";

/**
 * Where on this page something can be done about a finding, or seen of it, as in its address. None
 * for what only the application, or the deployment, can mend.
 *
 * @type {Record<string, string[]>}
 */
export const PLACES = {
  "no-calls": [],
  "no-model-yet": ["setup?setting=rewardWaitTime"],
  "model-current": ["model"],
  "model-being-rebuilt": ["model"],
  "model-waits-for-publishing": ["model"],
  "model-broken": ["model"],
  "policy-unusable": ["model"],
  "trainer-not-running": [],
  "mirror-failing": ["setup?setting=logMirrorSasUri"],
  "decisions-dropped": ["monitor"],
  "duplicate-events": ["monitor"],
  "not-activated": ["monitor"],
  "events-unlearnable": [],
  "events-of-other-kind": ["model"],
  "no-rewards": ["monitor", "setup?setting=rewardWaitTime"],
  "rewards-late": ["setup?setting=rewardWaitTime", "monitor"],
  "rewards-orphaned": ["monitor", "setup?setting=rewardWaitTime"],
  "rewards-without-slot": [],
  "rewards-arrive": ["monitor"],
  "mostly-default-rewards": ["monitor"],
  "reward-constant": ["setup?setting=defaultReward"],
  "rewards-rare": [],
  "rewards-out-of-range": ["setup?setting=rewardAggregation"],
  "only-earliest-reward": ["setup?setting=rewardAggregation"],
  "all-probabilities-equal": ["setup?setting=explorationPercentage", "model"],
  "exploration-collapsed": ["setup?setting=explorationPercentage", "model"],
  "exploration-off": ["setup?setting=explorationPercentage"],
  "exploration-low": ["setup?setting=explorationPercentage"],
  "exploration-high": ["setup?setting=explorationPercentage"],
  "exploration-sound": ["setup?setting=explorationPercentage"],
  "one-action-preferred": ["evaluations", "monitor"],
  "single-action-calls": [],
  "policy-cannot-personalise": ["model"],
  "namespaces-collide": ["model"],
  "namespaces-beyond-wildcards": ["model"],
  "auto-optimization": ["evaluations"],
  "auto-optimization-off": ["setup?setting=isAutoOptimizationEnabled"],
  "unique-values": [],
  timestamps: [],
  "rare-values": [],
  "unique-names": [],
  "many-features": ["features"],
  "categories-as-numbers": [],
  "constant-features": ["features"],
  "seldom-features": ["features"],
  "large-requests": ["features", "model"],
  "no-context": [],
  "unique-action-ids": [],
  "actions-without-features": [],
  "actions-look-alike": [],
  learning: [],
  "no-better-than-random": ["evaluations"],
  "worse-than-baseline": ["evaluations", "setup?setting=learningMode"],
  "logging-only": ["setup?setting=learningMode"],
  "apprentice-ready": ["monitor"],
  "apprentice-learns": ["monitor"],
  "apprentice-slow": ["monitor"],
};

const TITLES = {
  setup: "Setup",
  monitor: "Monitor",
  model: "Model and learning settings",
  evaluations: "Evaluations",
  features: "Features",
};

const SEVERITIES = {
  problem: ["Problem", "error"],
  warning: ["Warning", "warning"],
  advice: ["Advice", ""],
  fine: ["Fine", "good"],
};

const INSTANT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/;

/**
 * @typedef {object} Finding As `GET diagnostics` has it.
 * @property {string} id
 * @property {keyof typeof SEVERITIES} severity
 * @property {string} title
 * @property {string} text
 * @property {string} whatToDo Empty where nothing is to be done.
 * @property {Record<string, unknown>} evidence
 */

/**
 * Puts findings into an element: those that need attention, and behind a fold those that are fine.
 *
 * @param {Element} element
 * @param {Finding[]} findings The worst first.
 */
export function showFindings(element, findings) {
  const fine = findings.filter(({ severity }) => severity === "fine");
  const others = findings.filter(({ severity }) => severity !== "fine");
  replace(
    element,
    others.length
      ? h("ul", { class: "findings" }, others.map(item))
      : h("p", {}, "Nothing needs attention."),
    fine.length > 0 &&
      h(
        "details",
        { id: "fine-findings" },
        h("summary", { id: "what-is-fine" }, `What is fine (${fine.length})`),
        h("ul", { class: "findings" }, fine.map(item)),
      ),
  );
}

/**
 * A text of the service, with its times in the clock of who looks.
 *
 * @param {string} text
 * @returns {import("../dom.js").Child[]}
 */
export function localized(text) {
  return text
    .split(INSTANT)
    .map((part) => (INSTANT.test(part) ? h("time", { datetime: part }, dateTime(part)) : part));
}

/** @param {Finding} finding */
function item({ id, severity, title, text, whatToDo, evidence }) {
  const [word, kind] = SEVERITIES[severity];
  const figures = Object.entries(evidence);
  const places = PLACES[id] ?? [];
  return h(
    "li",
    { class: `finding ${severity}`, "data-finding": id },
    h("h3", {}, h("span", { class: `badge ${kind}` }, word), ` ${title}`),
    h("p", {}, localized(text)),
    whatToDo &&
      h("p", { class: "what-to-do" }, h("strong", {}, "What to do: "), localized(whatToDo)),
    (places.length > 0 || figures.length > 0) &&
      h(
        "div",
        { class: "row" },
        places.map((place) =>
          h("a", { href: `#/${place}`, id: `to-${id}-${place}` }, called(place)),
        ),
        figures.length > 0 &&
          h(
            "details",
            { id: `evidence-${id}`, class: "data" },
            h(
              "summary",
              { id: `evidence-of-${id}` },
              "Evidence",
              h("span", { class: "unseen" }, `: ${title}`),
            ),
            h(
              "dl",
              { class: "facts" },
              figures.map(([name, value]) => [
                h("dt", {}, words(name)),
                h("dd", {}, localized(shown(value))),
              ]),
            ),
          ),
      ),
  );
}

/** @param {string} place */
function called(place) {
  const [view, setting] = place.split("?setting=");
  return setting ? `${TITLES[view]}: ${setting}` : TITLES[view];
}

/** @param {string} name `delayMedianSeconds` */
function words(name) {
  return name.replace(/([a-z])([A-Z0-9])/g, "$1 $2").toLowerCase();
}

/** @param {unknown} value @returns {string} */
function shown(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) ? count(value) : String(value);
  }
  if (Array.isArray(value)) {
    return value.map(shown).join(", ") || "none";
  }
  if (value && typeof value === "object") {
    const members = Object.entries(value).map(([name, each]) => `${name}: ${shown(each)}`);
    return members.join(", ") || "none";
  }
  return String(value);
}
