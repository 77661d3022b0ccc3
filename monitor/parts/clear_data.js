/** Clear data: the log, the model and the learning settings, each by a box of its own. */

import { h } from "../dom.js";

const BOXES = [
  {
    id: "clear-log",
    label: "Logged data",
    meaning:
      "All decisions and rewards, learned from or not yet, and what was counted of them: the charts and metrics begin anew. Copies in a mirror of the log stay, and so do evaluations that are done.",
    path: "logs",
    done: "the log is empty",
  },
  {
    id: "clear-model",
    label: "Model",
    meaning:
      "What was learned is forgotten: until a new model is made of later events, all actions are equally likely. The history of models stays.",
    path: "model",
    done: "the model is reset",
  },
  {
    id: "clear-settings",
    label: "Learning settings back to the default",
    meaning:
      "Those in force are replaced by the default, and a new model is rebuilt with them from what is left of the log.",
    path: "configurations/policy",
    done: "the learning settings are the default",
  },
];
/** What comes later calls off the rebuilding that what comes before asks for. */
const ORDER = ["configurations/policy", "logs", "model"];

/**
 * @param {import("../app.js").Context} context
 * @returns {HTMLElement}
 */
export function clearData(context) {
  const boxes = BOXES.map(
    ({ id }) => /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id })),
  );
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "danger", disabled: true }, "Clear…")
  );
  const chosen = () => BOXES.filter((_, place) => boxes[place].checked);
  const weigh = () => {
    button.disabled = chosen().length === 0;
  };

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const asked = chosen();
    const sure = await context.confirm({
      title: "Clear this data for good?",
      text: h(
        "dl",
        {},
        asked.map(({ label, meaning }) => [h("dt", {}, h("b", {}, label)), h("dd", {}, meaning)]),
      ),
      action: "Clear",
      danger: true,
    });
    if (!sure) {
      return;
    }
    await context.perform(button, async () => {
      for (const path of ORDER.filter((path) => asked.some((each) => each.path === path))) {
        await context.api.send("DELETE", path);
      }
      return `Cleared: ${asked.map(({ done }) => done).join(", ")}.`;
    });
    for (const box of boxes) {
      box.checked = false;
    }
    weigh();
  }

  return h(
    "form",
    { class: "card", onsubmit: submit, onchange: weigh },
    h("h2", {}, "Clear data"),
    BOXES.map(({ id, label, meaning }, place) =>
      h(
        "div",
        { class: "field check" },
        boxes[place],
        h("label", { for: id }, label),
        h("p", { class: "help" }, meaning),
      ),
    ),
    h("div", { class: "buttons" }, button),
  );
}
