/** Asks for the key of the endpoint, and tries it. */

import { Api, ApiError, isKey, Unreachable } from "./api.js";
import { h, notice, replace } from "./dom.js";

/**
 * @param {(key: string, head: import("./app.js").Head) => void} open Called with a key that the
 *   service takes, and with what it opens.
 * @param {string} [reason] Why one is asked for again.
 * @returns {HTMLElement}
 */
export function signInForm(open, reason) {
  const problem = h("div", { id: "key-problem", "aria-live": "assertive" });
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      id: "key",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "key-help key-problem",
    })
  );
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "primary" }, "Sign in")
  );
  const refuse = (/** @type {string} */ text) => {
    replace(problem, notice("error", text));
    input.setAttribute("aria-invalid", "true");
  };

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const key = input.value.trim();
    if (!isKey(key)) {
      refuse("That can't be a key: it has spaces or characters that no key has.");
      return;
    }
    button.disabled = true;
    let head;
    try {
      head = await new Api(key).get("views/model");
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Unreachable)) {
        throw error;
      }
      refuse(told(error));
      input.focus();
      return;
    } finally {
      button.disabled = false;
    }
    open(key, head);
  }

  if (reason) {
    refuse(reason);
  }
  return h(
    "form",
    { class: "card sign-in", onsubmit: submit, novalidate: true },
    h("h1", { tabindex: "-1" }, "Sign in"),
    h(
      "div",
      { class: "field" },
      h("label", { for: "key" }, "Key of the endpoint"),
      input,
      h(
        "p",
        { id: "key-help", class: "help" },
        "One of the loop's two keys. It is kept for this tab only.",
      ),
    ),
    problem,
    h("div", { class: "buttons" }, button),
  );
}

/** @param {ApiError | Unreachable} error */
function told(error) {
  if (error instanceof Unreachable || !error.isRefusal) {
    return error.message;
  }
  return error.status === 403
    ? `This key can't look: ${error.message}`
    : "The service does not know this key.";
}
