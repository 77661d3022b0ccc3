/** What the page says of what was done, or could not be; screen readers read it out. */

import { ApiError } from "./api.js";
import { h, notice, replace } from "./dom.js";

const SAID_MS = 8_000;

const place = /** @type {HTMLElement} */ (document.getElementById("said"));

/**
 * Say something for a while.
 *
 * @param {string} text
 */
export function say(text) {
  const box = notice("good", text);
  replace(place, box);
  setTimeout(() => box.remove(), SAID_MS);
}

/**
 * Tell why something was not done, until it is closed.
 *
 * @param {Error} error
 */
export function told(error) {
  const box = notice(
    "error",
    error.message,
    error instanceof ApiError && h("small", { class: "reference" }, error.reference),
    h("button", { type: "button", class: "quiet", onclick: () => box.remove() }, "Close"),
  );
  replace(place, box);
}

/** Say nothing any more. */
export function hush() {
  replace(place);
}
