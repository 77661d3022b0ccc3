/** Charts over time: lines with the bands of their intervals, and bars on one another. */

import { table } from "../dom.js";
import { count, dateTime, decimal } from "../format.js";
import { Figure, options, pale, scale } from "./figure.js";
import { timeLabel, timeTicks } from "./time_axis.js";

/** @typedef {import("./figure.js").Chart} Chart */
/** @typedef {import("./figure.js").Format} Format */

/** What tells lines apart beside their colour: shapes at some of their points, in chart and legend. */
const MARKS = /** @type {const} */ ([
  ["circle", "●"],
  ["triangle", "▲"],
  ["rect", "■"],
  ["rectRot", "◆"],
  ["crossRot", "✕"],
  ["cross", "+"],
  ["star", "✱"],
]);
const MARKED_POINTS = 10;

/**
 * Lines over time, each with the band of its interval.
 *
 * @param {{title: string, format?: Format, min?: number, max?: number}} options
 * @returns {Chart} `update` takes `{times, width, series, summary, low?, high?}`; of the latter two
 *   the axis reaches as far, and what is beyond is cut.
 */
export function lineChart({ title, format = decimal, min, max }) {
  return new Figure(title, {
    height: "tall",
    legend: (data) =>
      data.series.map((each, place) => ({ ...each, mark: MARKS[place % MARKS.length][1] })),
    table: (data) => overTime(data, format),
    config: ({ times, width, series, low, high }, colours) => ({
      type: "line",
      data: {
        datasets: series.flatMap((each, place) => lineOf(each, place, times, width, colours)),
      },
      options: options(colours, {
        x: timeScale(times, width, colours),
        y: {
          ...scale(colours),
          min: low ?? min,
          max: high ?? max,
          ticks: {
            ...scale(colours).ticks,
            includeBounds: low === undefined,
            callback: (value) => format(value),
          },
        },
        mode: "nearest",
        tooltip: {
          filter: (item) => !item.dataset.isBand,
          callbacks: {
            title: ([item]) => dateTime(item.parsed.x * 1000),
            label: (item) => {
              const { half } = item.raw;
              const width = typeof half === "number" ? ` ± ${format(half)}` : "";
              return `${item.dataset.label}: ${format(item.parsed.y)}${width}`;
            },
          },
        },
      }),
    }),
  });
}

/**
 * Bars over time, one series on the other.
 *
 * @param {{title: string, format?: Format, max?: number}} options
 * @returns {Chart} `update` takes `{times, width, series, summary}`.
 */
export function stackedBars({ title, format = count, max }) {
  return new Figure(title, {
    legend: (data) => data.series,
    table: (data) => overTime(data, format),
    config: ({ times, width, series }, colours) => ({
      type: "bar",
      data: {
        datasets: series.map((each, place) => ({
          label: each.name,
          data: filled(times, width, each.values),
          backgroundColor: colours.series[(each.colour ?? place + 1) - 1],
          barPercentage: 1,
          categoryPercentage: 0.92,
        })),
      },
      options: options(colours, {
        x: { ...timeScale(times, width, colours), stacked: true },
        y: {
          ...scale(colours),
          stacked: true,
          beginAtZero: true,
          max,
          ticks: { ...scale(colours).ticks, precision: 0, callback: (value) => format(value) },
        },
        tooltip: {
          callbacks: {
            title: ([item]) => dateTime((item.parsed.x - width / 2) * 1000),
            label: (item) => `${item.dataset.label}: ${format(item.parsed.y)}`,
          },
        },
      }),
    }),
  });
}

function lineOf(series, place, times, width, colours) {
  const range = (times.at(-1) ?? 0) - (times[0] ?? 0);
  // A line over a longer time without events would tell what nobody has seen.
  const spanGaps = Math.max(10 * width, range / 20);
  const colour = colours.series[(series.colour ?? place + 1) - 1];
  const points = times.flatMap((x, index) => {
    const [y, half] = [series.values[index], series.halfWidths?.[index]];
    return typeof y === "number" ? [{ x, y, half }] : [];
  });
  const marked = Math.max(1, Math.round(points.length / MARKED_POINTS));
  const dot = times.length < 40 ? 2 : 0;
  const line = {
    label: series.name,
    data: points,
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2,
    borderDash: series.dashed ? [6, 4] : [],
    pointStyle: MARKS[place % MARKS.length][0],
    pointRadius: points.map((_, index) => (index % marked === place % marked ? 4 : dot)),
    pointHoverRadius: 5,
    spanGaps,
    tension: 0,
  };
  if (!series.halfWidths) {
    return [line];
  }
  const bound = (sign, fill) => ({
    label: series.name,
    isBand: true,
    data: points.flatMap(({ x, y, half }) =>
      typeof half === "number" ? [{ x, y: y + sign * half }] : [],
    ),
    borderWidth: 0,
    pointRadius: 0,
    pointHoverRadius: 0,
    backgroundColor: pale(colour, 18),
    spanGaps,
    fill,
  });
  return [line, bound(1, false), bound(-1, "-1")];
}

/** A bar for each span, in its middle; also where there is nothing, since they set the bars' width. */
function filled(times, width, values) {
  const known = new Map(times.map((time, index) => [time, values[index]]));
  const bars = [];
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? first;
  for (let time = first; time <= last; time += width) {
    bars.push({ x: time + width / 2, y: known.get(time) ?? null });
  }
  return bars;
}

function timeScale(times, width, colours) {
  const min = times[0] ?? 0;
  const max = (times.at(-1) ?? min) + width;
  return {
    ...scale(colours),
    type: "linear",
    offset: false,
    min,
    max,
    grid: { display: false },
    afterBuildTicks: (axis) => {
      axis.ticks = timeTicks(min, max, Math.max(2, Math.floor(axis.width / 90))).map((value) => ({
        value,
      }));
    },
    ticks: {
      ...scale(colours).ticks,
      autoSkip: false,
      callback: (value) => timeLabel(value, max - min),
    },
  };
}

function overTime({ times, series }, format) {
  return table(
    "Data",
    ["from", ...series.flatMap(({ name, halfWidths }) => (halfWidths ? [name, "±"] : [name]))],
    times.map((time, index) => [
      dateTime(time * 1000),
      ...series.flatMap(({ values, halfWidths }) =>
        halfWidths ? [format(values[index]), format(halfWidths[index])] : [format(values[index])],
      ),
    ]),
    { numbers: Array.from({ length: series.length * 2 }, (_, column) => column + 1) },
  );
}
