/** Fields of the forms that ask for evaluations and reports: each with its help and its problem. */

import { ApiError } from "../api.js";
import { h, notice, replace } from "../dom.js";
import { localText } from "../fields.js";

const DAY_MS = 86_400_000;
const NAMES = /** @type {const} */ (["startTime", "endTime"]);

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Input */

/**
 * @typedef {object} Labelled
 * @property {HTMLElement} element
 * @property {Input} input
 * @property {(text: string) => void} complain With nothing, what was complained about is forgotten.
 */

/**
 * @param {Input} input With an id.
 * @param {string} label
 * @param {import("../dom.js").Child} [help]
 * @returns {Labelled}
 */
export function labelled(input, label, help) {
  const [helpId, problemId] = [`${input.id}-help`, `${input.id}-problem`];
  const problem = h("p", { class: "problem", id: problemId, "aria-live": "polite" });
  const complain = (/** @type {string} */ text) => {
    problem.textContent = text;
    text ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
  };
  input.setAttribute("aria-describedby", help ? `${helpId} ${problemId}` : problemId);
  input.addEventListener("input", () => complain(""));
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    help && h("p", { class: "help", id: helpId }, help),
    problem,
  );
  return { element, input, complain };
}

/** @param {string} id @param {string} value */
export function nameField(id, value) {
  const input = h("input", { id, value, maxlength: "256", autocomplete: "off", required: true });
  return labelled(/** @type {Input} */ (input), "Name");
}

/**
 * From when to when events count; at first, all of the log.
 *
 * @param {{from: string, to: string}} log How far it reaches.
 */
export function rangeFields(log) {
  const from = new Date(log.from).getTime();
  const to = Math.ceil(new Date(log.to).getTime() / 1000) * 1000;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const help = `Events decided from the start to before the end. In the clock of this computer (${zone}).`;
  const fields = NAMES.map((name, place) =>
    labelled(
      /** @type {Input} */ (h("input", { id: name, type: "datetime-local", step: "1" })),
      place === 0 ? "Start" : "End",
      place === 0 && help,
    ),
  );
  const fill = (/** @type {number[]} */ moments) => {
    for (const [place, moment] of moments.entries()) {
      fields[place].input.value = localText(new Date(moment));
      fields[place].complain("");
    }
  };
  const days = (/** @type {number} */ count) => Math.max(from, to - count * DAY_MS);
  const stretches = /** @type {[string, number][]} */ ([
    ["All of the log", from],
    ["Last two weeks", days(14)],
    ["Last day", days(1)],
  ]);
  fill([from, to]);
  return {
    fields: { startTime: fields[0], endTime: fields[1] },
    element: h(
      "fieldset",
      { class: "stack" },
      h("legend", {}, "Events"),
      h(
        "div",
        { class: "grid" },
        fields.map(({ element }) => element),
      ),
      h(
        "div",
        { class: "buttons" },
        stretches
          .filter(([, start], place) => place === 0 || start > from)
          .map(([words, start]) =>
            h("button", { type: "button", onclick: () => fill([start, to]) }, words),
          ),
      ),
    ),
    /** What is put in, as the API takes it; what is no time becomes an empty text. */
    read: () => ({ startTime: instant(fields[0].input), endTime: instant(fields[1].input) }),
  };
}

/**
 * Shows a refusal at the field that it is about, or at the end of the form.
 *
 * @param {Error} error
 * @param {(target: string) => Labelled | undefined} fieldOf
 * @param {HTMLElement} elsewhere
 */
export function showRefusal(error, fieldOf, elsewhere) {
  if (!(error instanceof ApiError)) {
    return false;
  }
  const field = fieldOf(error.target);
  const text = `${error.message} (${error.reference})`;
  if (field) {
    field.complain(text);
    field.input.focus();
  } else {
    replace(elsewhere, notice("error", text));
  }
  return true;
}

/** @param {Input} input */
function instant(input) {
  return input.value ? new Date(input.value).toISOString() : "";
}
