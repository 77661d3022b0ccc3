/** One report of features: how far it is, or how much each feature matters. */

import { intervalBars } from "../charts.js";
import { h, notice, replace, table, whenChanged } from "../dom.js";
import { decimal } from "../format.js";
import {
  hasFailed,
  isOver,
  rangeText,
  removal,
  runningWords,
  stateBadge,
  wayBack,
} from "./jobs.js";

const SHOWN_BARS = 15;
const TOP = 100;
/** In doubt, what scores less is noise. */
const NOISE = 5;
/** What namespaces stand for that are none of the application's own names. */
const NAMESPACES = {
  FromUrl: "plain members of the context",
  i: "the action's id",
  j: "plain members of the actions",
  slot: "plain members of the slots",
};

/** @typedef {{namespace: string, featureName: string, score: number}} Scored */

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(report: any) => void}
 */
export function featureReport(root, context) {
  const head = h("section", { class: "card" });
  const place = h("div", { class: "stack" });
  root.append(wayBack("features", "All reports"), head, place);
  /** @type {ReturnType<typeof scores> | null} */
  let shown = null;
  const showHead = whenChanged((/** @type {any} */ report) =>
    replace(head, headWords(context, report)),
  );
  return (report) => {
    if (report.isMissing) {
      replace(head, h("p", {}, "There is no such report, or not any more."));
      place.replaceChildren();
      return;
    }
    showHead(report);
    if (report.featureScores.length) {
      if (!shown) {
        shown = scores();
        place.replaceChildren(...shown.elements);
      }
      shown.update(report.featureScores);
    }
  };
}

/** @param {import("../app.js").Context} context @param {any} report */
function headWords(context, report) {
  return [
    h("div", { class: "row between" }, h("h2", {}, report.name), stateBadge(report)),
    ...(isOver(report) ? [said(report)] : runningWords(report)),
    h("p", { class: "help" }, `Events from ${rangeText(report)}`),
    h(
      "div",
      { class: "buttons" },
      removal(context, "featureImportances", report, {
        what: "report",
        stays: "Its scores are removed. Nothing else changes.",
        afterwards: () => context.go({ id: null }),
      }),
    ),
  ];
}

function said(report) {
  if (hasFailed(report)) {
    return notice("error", h("p", {}, report.description));
  }
  return report.description && notice("info", h("p", {}, report.description));
}

function scores() {
  let isWhole = false;
  /** @type {Scored[]} */
  let all = [];
  const bars = intervalBars({
    title: "How much each feature matters",
    value: "score",
    format: (value) => decimal(value, 0),
    min: 0,
    max: TOP,
  });
  const more = h("button", { type: "button", onclick: unfold });
  const names = h("p", {});
  bars.element
    .querySelector("details")
    ?.before(
      h("div", { class: "buttons" }, more),
      h(
        "div",
        { class: "help stack" },
        h(
          "p",
          {},
          `How much reward the loop would lose if it could not know the feature, as a share of the largest such loss: ${TOP} is the feature that it would miss most. A feature of noise scores near 0; in doubt take what is below ${NOISE} for noise, and ask for a report of more events. (The API has scores from 0 to 1.)`,
        ),
        names,
      ),
    );
  const list = h("section", { class: "card" });

  function unfold() {
    isWhole = !isWhole;
    draw();
  }

  function draw() {
    const shown = isWhole ? all : all.slice(0, SHOWN_BARS);
    more.hidden = all.length <= SHOWN_BARS;
    more.textContent = isWhole ? "Show fewer" : `Show all ${all.length} features`;
    bars.update({
      rows: shown.map(({ namespace, featureName, score }) => ({
        label: `${namespace}.${featureName}`,
        value: TOP * score,
      })),
      summary: `${shown
        .slice(0, 3)
        .map(
          ({ namespace, featureName, score }) =>
            `${namespace}.${featureName}: ${Math.round(TOP * score)}`,
        )
        .join("; ")}.`,
    });
    replace(
      list,
      h("h2", {}, "Features"),
      table(
        "Features and their scores",
        ["Feature", "Namespace", "Score"],
        shown.map(({ namespace, featureName, score }) => [
          featureName,
          h("code", {}, namespace),
          decimal(TOP * score, 1),
        ]),
        { numbers: [2] },
      ),
    );
  }

  return {
    elements: [bars.element, list],
    update(/** @type {Scored[]} */ shown) {
      all = shown;
      const known = [...new Set(all.map(({ namespace }) => namespace))];
      replace(
        names,
        "Namespaces: ",
        known.map((namespace, place) => [
          place > 0 && " · ",
          h("code", {}, namespace),
          ` ${NAMESPACES[namespace] ?? "an object of that name"}`,
        ]),
      );
      draw();
    },
  };
}
