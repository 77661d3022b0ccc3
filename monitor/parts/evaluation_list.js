/** All evaluations, the newest first; and when the loop makes the next one by itself. */

import { h, replace, whenChanged } from "../dom.js";
import { count, dateTime, duration } from "../format.js";
import { outcome } from "./evaluation_words.js";
import {
  firstNeeded,
  hasFailed,
  isOver,
  progressBar,
  rangeText,
  removal,
  stateBadge,
} from "./jobs.js";

const TYPES = /** @type {const} */ ([
  ["", "All"],
  ["Manual", "Asked for"],
  ["Auto", "Automatic"],
]);
const PAGE = 50;

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(data: any) => void}
 */
export function evaluationList(root, context) {
  const { type = "", skip = "0" } = context.state;
  const automation = h("section", { class: "card", "aria-labelledby": "automation" });
  const first = firstNeeded();
  const list = h("ul", { class: "runs" });
  const pages = h("p", { class: "row" });
  root.append(
    automation,
    h(
      "div",
      { class: "row between" },
      h(
        "div",
        { role: "group", "aria-label": "Which evaluations" },
        h(
          "ul",
          { class: "choices" },
          TYPES.map(([value, words]) =>
            h(
              "li",
              {},
              h(
                "a",
                { href: listLink(value), "aria-current": value === type ? "true" : null },
                words,
              ),
            ),
          ),
        ),
      ),
      h("a", { href: "#/evaluations?new=1", class: "button primary" }, "New evaluation"),
    ),
    list,
    pages,
  );
  const showRuns = whenChanged((/** @type {any[]} */ runs) => {
    replace(
      list,
      runs.map((run) => card(context, run)),
    );
  });
  return (data) => {
    data.decisions === 0 && data.count === 0 ? root.prepend(first) : first.remove();
    replace(automation, automationWords(data));
    showRuns(data.evaluations);
    const [from, to] = [Number(skip), Number(skip) + data.evaluations.length];
    replace(
      pages,
      data.count === 0 && "There are none yet.",
      data.count > PAGE && `${count(from + 1)} to ${count(to)} of ${count(data.count)}`,
      from > 0 && h("a", { href: listLink(type, Math.max(0, from - PAGE)) }, "Newer"),
      to < data.count && h("a", { href: listLink(type, to) }, "Older"),
    );
  };
}

/** @param {import("../app.js").Context} context @param {any} run */
function card(context, run) {
  const isAuto = run.evaluationType === "Auto";
  const asked = [
    run.optimizes && !isAuto && "looks for better settings",
    run.customPolicies.length && `settings of your own: ${count(run.customPolicies.length)}`,
  ].filter(Boolean);
  return h(
    "li",
    { class: "card" },
    h(
      "div",
      { class: "row between" },
      h(
        "h2",
        {},
        h(
          "a",
          { id: `run-${run.id}`, href: `#/evaluations?${new URLSearchParams({ id: run.id })}` },
          run.name,
        ),
      ),
      h(
        "div",
        { class: "row" },
        h("span", { class: "badge" }, isAuto ? "automatic" : "asked for"),
        stateBadge(run),
      ),
    ),
    !isOver(run) && progressBar(run),
    h("p", { class: hasFailed(run) ? "problem" : null }, outcome(run, run)),
    h(
      "div",
      { class: "row between" },
      h(
        "p",
        { class: "help" },
        [
          `${isAuto ? "Begun" : "Asked for"} ${dateTime(run.creationTime)}`,
          `events from ${rangeText(run)}`,
          run.online && `${count(run.online.events)} judged`,
          ...asked,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      removal(context, "evaluations", run, {
        what: "evaluation",
        stays: "Its results and models are removed. What was applied from it stays.",
      }),
    ),
  );
}

/** @param {any} data */
function automationWords({ autoOptimization: auto, generatedAt }) {
  return [
    h(
      "div",
      { class: "row" },
      h("h2", { id: "automation" }, "Auto-optimization"),
      h(
        "span",
        { class: `badge ${auto.hindrance ? "" : "good"}` },
        auto.hindrance ? "not running" : "on",
      ),
    ),
    ...(auto.hindrance
      ? [
          h(
            "p",
            {},
            `The loop does not look for better settings by itself: ${auto.hindrance}. `,
            h("a", { href: "#/setup" }, "Setup"),
            " says more.",
          ),
        ]
      : nextRun(auto, generatedAt)),
  ];
}

function nextRun(auto, generatedAt) {
  if (auto.runningEvaluationId) {
    const link = `#/evaluations?${new URLSearchParams({ id: auto.runningEvaluationId })}`;
    return [h("p", {}, "A run is under way: ", h("a", { href: link }, "see how far it is"), ".")];
  }
  const isAhead = auto.startDate && auto.startDate > generatedAt;
  const enough = auto.events >= auto.eventsNeeded;
  return [
    h(
      "p",
      {},
      "The loop looks for better settings by itself, and puts them online only if the evidence says so. ",
      isAhead && `Not before ${dateTime(auto.startDate)}. `,
      enough
        ? "A run begins the next time that the evaluator looks."
        : `The next run begins with ${count(auto.eventsNeeded)} events decided in Online mode and joined`,
      !enough &&
        (auto.nextDue
          ? `, or from ${dateTime(auto.nextDue)} on (every ${duration(auto.frequency)}) with ${count(auto.leastEvents)}.`
          : `, and then each time that there are twice as many, or every ${duration(auto.frequency)}.`),
    ),
    h(
      "div",
      { class: "progress" },
      h("progress", {
        value: Math.min(auto.events, auto.eventsNeeded),
        max: auto.eventsNeeded,
        "aria-label": "Events for the next run",
      }),
      h("span", { class: "number" }, `${count(auto.events)} of ${count(auto.eventsNeeded)} events`),
    ),
  ];
}

/** @param {string} type @param {number} [skip] */
function listLink(type, skip = 0) {
  const query = new URLSearchParams({
    ...(type && { type }),
    ...(skip && { skip: String(skip) }),
  });
  return query.size ? `#/evaluations?${query}` : "#/evaluations";
}
