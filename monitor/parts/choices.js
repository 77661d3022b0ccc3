/** Which actions are chosen, and with what chance: over time, and no rates of success. */

import { lineChart } from "../charts.js";
import { h } from "../dom.js";
import { percent } from "../format.js";

const OTHERS = { id: "all others", colour: 11 };

/**
 * @returns {{element: HTMLElement, update: (data: any) => void}} `update` takes what the API's
 *   monitor view says.
 */
export function choices() {
  const options = { format: (/** @type {any} */ value) => percent(value, 0), min: 0 };
  const shares = lineChart({ title: "Share of the choices", ...options });
  const propensities = lineChart({ title: "Mean propensity", ...options });
  const charts = h("div", { class: "grid" }, shares.element, propensities.element);
  const imitated = h(
    "p",
    { hidden: true },
    "In Apprentice mode these are the choices of the model; the application was given its own.",
  );
  const nothing = h("p", { hidden: true }, "No choice of this stretch is joined.");
  const element = h(
    "section",
    { class: "stack", "aria-labelledby": "choices" },
    h(
      "div",
      { class: "notice warning" },
      h("h2", { id: "choices" }, "What is chosen: not comparable as success rates"),
      h(
        "p",
        {},
        "The model chooses different actions in different contexts, on purpose. An action that is ",
        "chosen often may suit many contexts or easy ones, one that is seldom chosen may be the ",
        "only right one in a few: so neither a share here, nor the average reward of the events ",
        "in which an action was chosen, says how good it is. What other choices would have ",
        "earned, in the same contexts, an ",
        h("a", { href: "#/evaluations" }, "evaluation"),
        " tells.",
      ),
    ),
    h(
      "p",
      { class: "help" },
      "Share: of how many choices it was the one. Mean propensity: the chance that it had, on ",
      "average, in the calls that offered it; exploration included.",
    ),
    imitated,
    nothing,
    charts,
  );
  return {
    element,
    update({ times, width, actions, others, learningMode }) {
      imitated.hidden = learningMode !== "Apprentice" || actions.length === 0;
      nothing.hidden = actions.length > 0;
      charts.hidden = actions.length === 0;
      if (charts.hidden) {
        return;
      }
      // Where nothing was chosen, at most a reward has come.
      const places = times.flatMap((_, at) => (others.share[at] === null ? [] : [at]));
      const hasOthers = others.propensity.some((each) => each !== null);
      const all = [...actions, ...(hasOthers ? [{ ...OTHERS, ...others }] : [])];
      for (const [chart, name, words] of /** @type {const} */ ([
        [shares, "share", "chosen in"],
        [propensities, "propensity", "had a chance of"],
      ])) {
        chart.update({
          times: places.map((at) => times[at]),
          width,
          series: all.map(({ id, colour, [name]: values }) => ({
            name: id,
            colour,
            values: places.map((at) => values[at]),
          })),
          summary: `Lately: ${all.map((each) => `${each.id} ${words} ${lately(each[name])}`).join(", ")}.`,
        });
      }
    },
  };
}

/** @param {(number | null)[]} values */
function lately(values) {
  return percent(values.findLast((value) => value !== null));
}
