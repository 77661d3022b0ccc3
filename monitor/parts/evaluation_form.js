/** Asks for an evaluation. */

import { h } from "../dom.js";
import { date } from "../format.js";
import { customSettings } from "./custom_settings.js";
import { nameField, rangeFields, showRefusal } from "./form_fields.js";
import { firstNeeded, wayBack } from "./jobs.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(log: any) => void}
 */
export function evaluationForm(root, context) {
  const place = h("div", { class: "stack" });
  root.append(wayBack("evaluations", "All evaluations"), place);
  let isThere = false;
  return ({ dateRange }) => {
    // What somebody is writing stays, however long the log gets meanwhile.
    if (!isThere) {
      isThere = dateRange.from !== null;
      place.replaceChildren(isThere ? form(context, dateRange) : firstNeeded());
    }
  };
}

/** @param {import("../app.js").Context} context @param {{from: string, to: string}} log */
function form(context, log) {
  const name = nameField("evaluation-name", `Evaluation of ${date(Date.now())}`);
  const range = rangeFields(log);
  const own = customSettings(context);
  const optimizes = /** @type {HTMLInputElement} */ (
    h("input", { type: "checkbox", id: "optimizes", checked: true, "aria-describedby": "look" })
  );
  const elsewhere = h("div", { "aria-live": "assertive" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "primary" }, "Evaluate")
  );
  let isSent = false;
  context.guard(() => !isSent && !own.isEmpty());

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    elsewhere.replaceChildren();
    await context.perform(
      button,
      async () => {
        const asked = {
          name: name.input.value,
          ...range.read(),
          enableOfflineExperimentation: optimizes.checked,
          policies: own.read(),
        };
        const made = await context.api.send("POST", "evaluations", asked);
        isSent = true;
        context.go({ new: null, id: made.id });
        return `${made.name} is asked for.`;
      },
      (error) => showRefusal(error, fieldOf, elsewhere),
    );
  }

  function fieldOf(/** @type {string} */ target) {
    return target === "name"
      ? name
      : (range.fields[/** @type {"startTime"} */ (target)] ?? own.fieldOf(target));
  }

  return h(
    "form",
    { class: "card asking", novalidate: true, onsubmit: submit },
    h("h2", {}, "New evaluation"),
    h(
      "p",
      { class: "help" },
      "It tells what each policy would have earned with the events of the log: what is online, its baseline, random choices, and those below. Nothing changes until you apply one.",
    ),
    name.element,
    range.element,
    h(
      "div",
      { class: "field check" },
      optimizes,
      h("label", { for: "optimizes" }, "Look for better settings"),
      h(
        "p",
        { class: "help", id: "look" },
        "Up to 20 policies are made from what the log holds, and judged in the same pass.",
      ),
    ),
    own.element,
    elsewhere,
    h("div", { class: "buttons" }, button),
  );
}
