/** Lines to be pasted elsewhere, with a button that copies them. */

import { h } from "../dom.js";

const COPIED_MS = 3_000;

/**
 * @param {string} id
 * @param {string} what What the lines are, as in `Copy the curl lines`.
 * @param {string} text
 */
export function codeBlock(id, what, text) {
  const code = h("code", { id }, text);
  const word = h("span", {}, "Copy");
  const said = h("span", { class: "unseen", role: "status" });

  async function copy() {
    const isCopied = await toClipboard(text);
    if (!isCopied) {
      getSelection()?.selectAllChildren(code);
    }
    const words = isCopied ? "Copied" : "Selected: press Ctrl+C or ⌘C";
    said.textContent = word.textContent = words;
    setTimeout(() => {
      said.textContent = "";
      word.textContent = "Copy";
    }, COPIED_MS);
  }

  return h(
    "div",
    { class: "code-block" },
    h("pre", { tabindex: "0", role: "region", "aria-label": what }, code),
    h(
      "button",
      { type: "button", class: "copy", onclick: copy },
      word,
      h("span", { class: "unseen" }, ` ${what}`),
    ),
    said,
  );
}

/** @param {string} text @returns {Promise<boolean>} Not over http: there a browser has none. */
async function toClipboard(text) {
  if (!navigator.clipboard) {
    return false;
  }
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (!(error instanceof DOMException)) {
      throw error;
    }
    return false;
  }
}
