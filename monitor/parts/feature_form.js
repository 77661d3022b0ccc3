/** Asks for a report of features. */

import { h } from "../dom.js";
import { date } from "../format.js";
import { nameField, rangeFields, showRefusal } from "./form_fields.js";
import { firstNeeded, newId, wayBack } from "./jobs.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(log: any) => void}
 */
export function featureForm(root, context) {
  const place = h("div", { class: "stack" });
  root.append(wayBack("features", "All reports"), place);
  let isThere = false;
  return ({ dateRange }) => {
    if (!isThere) {
      isThere = dateRange.from !== null;
      place.replaceChildren(isThere ? form(context, dateRange) : firstNeeded());
    }
  };
}

/** @param {import("../app.js").Context} context @param {{from: string, to: string}} log */
function form(context, log) {
  const name = nameField("report-name", `Features of ${date(Date.now())}`);
  const range = rangeFields(log);
  const elsewhere = h("div", { "aria-live": "assertive" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "primary" }, "Make the report")
  );

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    elsewhere.replaceChildren();
    await context.perform(
      button,
      async () => {
        const asked = { name: name.input.value, ...range.read() };
        const made = await context.api.send("PUT", `featureImportances/${newId()}`, asked);
        context.go({ new: null, id: made.id });
        return `${made.name} is asked for.`;
      },
      (error) =>
        showRefusal(
          error,
          (target) => (target === "name" ? name : range.fields[target]),
          elsewhere,
        ),
    );
  }

  return h(
    "form",
    { class: "card asking", novalidate: true, onsubmit: submit },
    h("h2", {}, "New report"),
    h(
      "p",
      { class: "help" },
      "It tells how much reward the loop would lose without each of its features, by a sample of its events that were decided in Online mode.",
    ),
    name.element,
    range.element,
    elsewhere,
    h("div", { class: "buttons" }, button),
  );
}
