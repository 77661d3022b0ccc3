/** What all charts have: a place on the page, colours of the page, and the charting library. */

import { h, replace } from "../dom.js";

/**
 * @typedef {object} Chart
 * @property {HTMLElement} element
 * @property {(data: any) => void} update
 *
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values
 * @property {(number | null)[]} [halfWidths] Of their intervals: a band is drawn.
 * @property {number} [colour] 1 to 11, as in `--series-1`; by default its place in the list.
 * @property {boolean} [dashed]
 *
 * @typedef {object} OverTime
 * @property {number[]} times Unix seconds at which spans begin; what is left out is empty.
 * @property {number} width Seconds of a span.
 * @property {Series[]} series
 * @property {string} summary What it shows, in a sentence, for who can't see it.
 */

/** @typedef {(value: number | null | undefined) => string} Format */

const SERIES = 11;

/** @type {Set<Figure>} */
const figures = new Set();

/** Forget the charts that are not on the page any more. */
export function dropDetached() {
  for (const figure of figures) {
    if (!figure.element.isConnected) {
      figure.drop();
    }
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const figure of figures) {
    figure.draw();
  }
});

/** A chart on the page. */
export class Figure {
  #how;
  #data = null;
  #chart = null;
  #canvas = h("canvas", { role: "img" });
  #box;
  #legend = h("ul", { class: "legend" });
  #table = h("div", {});
  #details;

  /** @param {string} title @param {any} how */
  constructor(title, how) {
    this.title = title;
    this.#how = how;
    this.#box = h("div", { class: `chart ${how.height ?? ""}` }, this.#canvas);
    this.#details = h(
      "details",
      { class: "data", ontoggle: () => this.#tabulate() },
      h("summary", {}, "Data as a table", h("span", { class: "unseen" }, `: ${title}`)),
      this.#table,
    );
    this.element = h(
      "figure",
      { class: "card" },
      h("figcaption", {}, title),
      this.#legend,
      this.#box,
      this.#details,
    );
    figures.add(this);
  }

  update(data) {
    this.#data = data;
    this.#canvas.setAttribute("aria-label", `${this.title}. ${data.summary}`);
    replace(this.#legend, (this.#how.legend?.(data) ?? []).map(legendItem));
    this.#tabulate();
    this.draw();
  }

  async draw() {
    if (this.#data === null) {
      return;
    }
    const Library = await library();
    if (!figures.has(this)) {
      return;
    }
    const rows = this.#how.rows?.(this.#data);
    if (rows !== undefined) {
      this.#box.style.height = `${Math.max(3, rows) * 2 + 2}rem`;
    }
    const config = this.#how.config(this.#data, colours());
    if (this.#chart) {
      this.#chart.data = config.data;
      this.#chart.options = config.options;
      this.#chart.update("none");
    } else {
      this.#chart = new Library(this.#canvas, config);
    }
  }

  drop() {
    this.#chart?.destroy();
    figures.delete(this);
  }

  #tabulate() {
    if (!this.#details.open || this.#data === null) {
      return;
    }
    // Who reads in it goes on where they are.
    const before = this.#table.firstElementChild;
    const [scrolled, isFocused] = [before?.scrollTop ?? 0, before === document.activeElement];
    const shown = this.#how.table(this.#data);
    replace(this.#table, shown);
    shown.scrollTop = scrolled;
    if (before && isFocused) {
      shown.focus({ preventScroll: true });
    }
  }
}

/** @type {Promise<any> | null} */
let loading = null;

/** Chart.js, fetched when the first chart is drawn. */
function library() {
  loading ??= import("../vendor/chart.umd.min.js").then(() => {
    const Library = /** @type {any} */ (globalThis).Chart;
    Library.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Library.defaults.animation = false;
    return Library;
  });
  return loading;
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour("text"),
    muted: colour("muted"),
    line: colour("line"),
    surface: colour("surface"),
    danger: colour("danger"),
    series: Array.from({ length: SERIES }, (_, place) => colour(`series-${place + 1}`)),
  };
}

/** The axis of numbers, or of names. */
export function scale(colours) {
  return {
    border: { color: colours.line },
    grid: { color: colours.line },
    ticks: { color: colours.muted, maxRotation: 0 },
  };
}

/** What is alike in all charts. */
export function options(colours, { x, y, tooltip, indexAxis = "x", mode = "index" }) {
  return {
    indexAxis,
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    normalized: true,
    interaction: { mode, axis: indexAxis, intersect: false },
    scales: { x, y },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: colours.text,
        titleColor: colours.surface,
        bodyColor: colours.surface,
        ...tooltip,
      },
    },
  };
}

/** @param {string} colour @param {number} [share] Of it in what is behind it, in percent. */
export function pale(colour, share = 40) {
  return `color-mix(in srgb, ${colour} ${share}%, transparent)`;
}

/** @param {Series & {colour?: number | string, mark?: string}} series @param {number} place */
function legendItem(series, place) {
  const shape = series.dashed ? "dashed" : "";
  return h(
    "li",
    {},
    h("span", { class: `swatch series-${series.colour ?? place + 1} ${shape}` }),
    series.mark && h("span", { class: "mark", "aria-hidden": "true" }, series.mark),
    series.name,
  );
}
