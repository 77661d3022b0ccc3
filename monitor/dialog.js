/** Asks before something is done that can't be undone. */

import { h } from "./dom.js";

/**
 * Ask, and wait for the answer. Escape, or a click beside the question, is a no.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {import("./dom.js").Child} question.text What will happen, and what can't be undone.
 * @param {string} question.action What the button says that does it, such as `Remove`.
 * @param {boolean} [question.danger] Whether something is lost.
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, action, danger = false }) {
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      "dialog",
      { class: "question", "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("div", {}, text),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h(
          "button",
          {
            type: "button",
            class: danger ? "danger" : "primary",
            onclick: () => dialog.close("yes"),
          },
          action,
        ),
      ),
    )
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
