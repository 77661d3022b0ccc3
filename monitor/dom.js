/** Makes elements, and puts them in place of others without taking the focus away. */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * An element.
 *
 * Text children become text, never markup.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] A function is a listener (`onclick`), a boolean an
 *   attribute that is there or not, `null` one that is left out; `value` and `checked` are properties.
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "value" || name === "checked") {
      element[name] = value;
    } else if (typeof value === "boolean") {
      element.toggleAttribute(name, value);
    } else if (value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

/**
 * Puts children in the place of those that an element has.
 *
 * What has the focus keeps it, if it has an id and one of the new ones has the same; so does a
 * `<details>` that is open.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement?.id : "";
  const open = [...element.querySelectorAll("details[open][id]")].map((details) => details.id);
  element.replaceChildren();
  append(element, children);
  for (const details of element.querySelectorAll("details[id]")) {
    if (open.includes(details.id)) {
      details.toggleAttribute("open", true);
    }
  }
  if (focused) {
    /** @type {HTMLElement | null} */ (element.querySelector(`#${CSS.escape(focused)}`))?.focus({
      preventScroll: true,
    });
  }
}

/**
 * A table, in a box that scrolls sideways by itself where the screen is narrow.
 *
 * @param {string} caption What it holds, for who can't see it.
 * @param {Child[]} head
 * @param {Child[][]} rows The first cell of each is its heading.
 * @param {{numbers?: number[]}} [options] Columns of numbers, counted from 0: they stand to the right.
 */
export function table(caption, head, rows, { numbers = [] } = {}) {
  const kind = (column) => (numbers.includes(column) ? "number" : null);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((cell, column) => h("th", { scope: "col", class: kind(column) }, cell)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) =>
          h(
            "tr",
            {},
            cells.map((cell, column) =>
              column === 0
                ? h("th", { scope: "row", class: kind(column) }, cell)
                : h("td", { class: kind(column) }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * What shows data only when they differ from those that it has shown last: a table that somebody
 * reads, or copies from, stays as it is.
 *
 * @template T
 * @param {(data: T) => void} show
 * @returns {(data: T) => void}
 */
export function whenChanged(show) {
  let last = "";
  return (data) => {
    const text = JSON.stringify(data);
    if (text !== last) {
      last = text;
      show(data);
    }
  };
}

/**
 * A notice in the text.
 *
 * @param {"info" | "good" | "warning" | "error"} kind
 * @param {...Child} children
 */
export function notice(kind, ...children) {
  return h("div", { class: `notice ${kind}` }, children);
}

/** @param {Element} element @param {Child[]} children */
function append(element, children) {
  for (const child of children.flat(Number.POSITIVE_INFINITY)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}
