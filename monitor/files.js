/** Files that go out to the user's disk. */

import { h } from "./dom.js";

/**
 * Hand a file to the browser's downloads.
 *
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const url = URL.createObjectURL(content);
  h("a", { href: url, download: name }).click();
  // The browser has taken hold of it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url));
}
