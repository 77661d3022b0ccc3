/** All reports of features, the newest first. */

import { h, replace, whenChanged } from "../dom.js";
import { dateTime } from "../format.js";
import {
  firstNeeded,
  hasFailed,
  isOver,
  rangeText,
  removal,
  runningWords,
  stateBadge,
} from "./jobs.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(data: any) => void}
 */
export function featureList(root, context) {
  const first = h("div", {});
  const list = h("ul", { class: "runs" });
  const none = h("p", {});
  root.append(
    h(
      "div",
      { class: "row between" },
      h("p", {}, "Which features matter to the policy in force, and which it could do without."),
      h("a", { href: "#/features?new=1", class: "button primary" }, "New report"),
    ),
    first,
    list,
    none,
  );
  const show = whenChanged((/** @type {any[]} */ reports) => {
    replace(
      list,
      reports.map((report) => card(context, report)),
    );
  });
  return ({ value, nextLink, isFresh }) => {
    replace(first, isFresh && firstNeeded());
    show(value);
    replace(
      none,
      value.length === 0 && "There are none yet.",
      nextLink && `These are the newest ${value.length}; the API lists the others.`,
    );
  };
}

/** @param {import("../app.js").Context} context @param {any} report */
function card(context, report) {
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
          { id: `run-${report.id}`, href: `#/features?${new URLSearchParams({ id: report.id })}` },
          report.name,
        ),
      ),
      stateBadge(report),
    ),
    isOver(report)
      ? report.description &&
          h("p", { class: hasFailed(report) ? "problem" : null }, report.description)
      : runningWords(report),
    h(
      "div",
      { class: "row between" },
      h(
        "p",
        { class: "help" },
        `Asked for ${dateTime(report.creationTime)} · events from ${rangeText(report)}`,
      ),
      removal(context, "featureImportances", report, {
        what: "report",
        stays: "Its scores are removed. Nothing else changes.",
      }),
    ),
  );
}
