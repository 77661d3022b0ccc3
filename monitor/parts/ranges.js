/** Chooses the stretch of time that a view shows. */

import { h } from "../dom.js";
import { duration } from "../format.js";

const WORDS = {
  PT1H: "last hour",
  PT12H: "last 12 hours",
  P14D: "last two weeks",
  P500D: "all",
};

/** The name of the view in which a stretch was chosen a moment ago. */
let chosenIn = "";

/** @param {string} range As the API names it. */
export const rangeWords = (range) => WORDS[range] ?? `last ${duration(range)}`;

/**
 * Links to a view, one for each stretch of time; that which was chosen has the focus again.
 *
 * @param {string} view Its name in the address.
 * @returns {{element: HTMLElement, update: (data: {range: string, ranges: string[]}) => void}}
 */
export function rangeChooser(view) {
  const list = h("ul", { class: "choices" });
  const element = h("nav", { class: "row", "aria-label": "Stretch of time" }, list);
  let shown = "";
  return {
    element,
    update({ range, ranges }) {
      const text = [range, ...ranges].join();
      if (text === shown) {
        return;
      }
      shown = text;
      list.replaceChildren(
        ...ranges.map((each) =>
          h(
            "li",
            {},
            h(
              "a",
              {
                href: `#/${view}?range=${each}`,
                "aria-current": each === range ? "true" : null,
                onclick: () => {
                  chosenIn = view;
                },
              },
              rangeWords(each),
            ),
          ),
        ),
      );
      if (chosenIn === view) {
        /** @type {HTMLElement | null} */ (list.querySelector("[aria-current]"))?.focus();
      }
      chosenIn = "";
    },
  };
}
