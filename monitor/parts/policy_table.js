/** The policies of an evaluation as a table that can be sorted, with what can be done with each. */

import { h, replace } from "../dom.js";
import { count, decimal } from "../format.js";
import { download } from "./custom_settings.js";
import { kindWords } from "./evaluation_words.js";

/** @typedef {import("./evaluation_words.js").JudgedPolicy} JudgedPolicy */

/** @type {{title: string, value?: (policy: JudgedPolicy) => string | number | null, number?: boolean}[]} */
const COLUMNS = [
  { title: "Policy", value: ({ name }) => name.toLowerCase() },
  { title: "Average reward", value: ({ expectedReward }) => expectedReward, number: true },
  { title: "95 % interval", value: ({ confidenceInterval }) => confidenceInterval?.[0] ?? null },
  { title: "Events", value: ({ events }) => events, number: true },
  { title: "Effective events", value: ({ effectiveEvents }) => effectiveEvents, number: true },
  { title: "Arguments" },
  { title: "What to do" },
];
const REWARD = 1;

/**
 * @param {{apply: (policy: JudgedPolicy, button: HTMLButtonElement) => void}} actions
 * @returns {{element: HTMLElement, update: (data: {policies: JudgedPolicy[], best: string | null,
 *   inForce: {name: string, arguments: string}, isApplicable: boolean}) => void}}
 */
export function policyTable({ apply }) {
  let column = REWARD;
  let isDown = true;
  let data = {
    policies: [],
    best: null,
    inForce: { name: "", arguments: "" },
    isApplicable: false,
  };
  const body = h("tbody", {});
  const heads = COLUMNS.map(({ title, value, number }, place) =>
    h(
      "th",
      { scope: "col", class: number ? "number" : null },
      value
        ? h("button", { type: "button", class: "sort", onclick: () => sort(place) }, title)
        : title,
    ),
  );

  function sort(/** @type {number} */ place) {
    // Texts begin at A, figures with the largest.
    isDown = place === column ? !isDown : place > 0;
    column = place;
    draw();
  }

  function draw() {
    for (const [place, head] of heads.entries()) {
      place === column
        ? head.setAttribute("aria-sort", isDown ? "descending" : "ascending")
        : head.removeAttribute("aria-sort");
    }
    const value = COLUMNS[column].value ?? (() => null);
    const sorted = [...data.policies].sort((a, b) => order(value(a), value(b), isDown));
    replace(
      body,
      sorted.map((policy) => row(policy, data, apply)),
    );
  }

  return {
    element: h(
      "div",
      { class: "scroll policies", tabindex: "0", role: "region", "aria-label": "Policies" },
      h(
        "table",
        {},
        h("caption", { class: "unseen" }, "Policies, with what each would have earned"),
        h("thead", {}, h("tr", {}, heads)),
        body,
      ),
    ),
    update(shown) {
      data = /** @type {any} */ (shown);
      draw();
    },
  };
}

/** @param {JudgedPolicy} policy @param {any} data @param {any} apply */
function row(policy, { best, inForce, isApplicable }, apply) {
  const { name, expectedReward, confidenceInterval, events, effectiveEvents } = policy;
  const isInForce = policy.arguments !== "" && policy.arguments === inForce.arguments;
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      name,
      " ",
      h("span", { class: "row marks" }, [
        name === best && h("span", { class: "badge good" }, "★ best"),
        isInForce && h("span", { class: "badge" }, "in force now"),
        h("small", {}, kindWords(policy)),
      ]),
    ),
    h("td", { class: "number" }, decimal(expectedReward)),
    h(
      "td",
      { class: "number" },
      confidenceInterval
        ? `${decimal(confidenceInterval[0])} to ${decimal(confidenceInterval[1])}`
        : "–",
    ),
    h("td", { class: "number" }, count(events)),
    h("td", { class: "number" }, count(Math.round(effectiveEvents))),
    h("td", {}, policy.arguments ? optionsOf(policy.arguments) : "–"),
    h(
      "td",
      {},
      policy.arguments &&
        h(
          "div",
          { class: "buttons" },
          isApplicable &&
            policy.isApplicable &&
            h(
              "button",
              {
                type: "button",
                id: `apply-${name}`,
                onclick: (/** @type {MouseEvent} */ event) =>
                  apply(policy, /** @type {HTMLButtonElement} */ (event.currentTarget)),
              },
              "Apply…",
              h("span", { class: "unseen" }, ` ${name}`),
            ),
          h(
            "button",
            {
              type: "button",
              class: "quiet",
              id: `download-${name}`,
              onclick: () => download(policy),
            },
            "Download",
            h("span", { class: "unseen" }, ` the settings of ${name}`),
          ),
        ),
    ),
  );
}

/** @param {string} text Options, which are broken between them rather than within. */
function optionsOf(text) {
  const options = text.split(/ (?=-)/);
  return h(
    "code",
    {},
    options.map((option, place) => [place > 0 && " ", h("span", {}, option)]),
  );
}

/** What has no value comes last, whichever way. */
function order(a, b, isDown) {
  if (a === null || b === null) {
    return Number(a === null) - Number(b === null);
  }
  const smaller = a < b ? -1 : Number(a > b);
  return isDown ? -smaller : smaller;
}
