/** Times that are told from now on or back, and go on while somebody looks. */

import { h } from "./dom.js";
import { ago, dateTime } from "./format.js";

const SECOND = 1_000;

/**
 * A time as `3 min ago` or `in 20 s`, by the clock of the service.
 *
 * @param {string} when As the API writes it.
 * @param {string} generatedAt What the time was for the service when it said so.
 * @param {string} [afterwards] What a time that was still to come is called once it is over.
 */
export function relative(when, generatedAt, afterwards = "") {
  const ahead = new Date(generatedAt).getTime() - Date.now();
  const time = h("time", {
    datetime: when,
    title: dateTime(when),
    "data-ahead": ahead,
    "data-afterwards": afterwards,
  });
  tell(/** @type {HTMLTimeElement} */ (time));
  return time;
}

/**
 * Keep the relative times in an element right.
 *
 * @param {Element} root
 * @param {AbortSignal} signal Ends it.
 */
export function keepTelling(root, signal) {
  const timer = setInterval(() => {
    for (const time of root.querySelectorAll("time[data-ahead]")) {
      tell(/** @type {HTMLTimeElement} */ (time));
    }
  }, SECOND);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** @param {HTMLTimeElement} time */
function tell(time) {
  const now = Date.now() + Number(time.dataset.ahead);
  const until = new Date(time.dateTime).getTime();
  // In whole seconds: tenths that change each second are nothing to read.
  const rounded = until - Math.round((until - now) / SECOND) * SECOND;
  const { afterwards } = time.dataset;
  const text = afterwards && rounded >= until ? afterwards : ago(until, rounded);
  if (time.textContent !== text) {
    time.textContent = text;
  }
}
