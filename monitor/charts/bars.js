/** Charts of what is held against each other: bars with intervals, and sizes against a bound. */

import { table } from "../dom.js";
import { count, decimal, span } from "../format.js";
import { Figure, options, pale, scale } from "./figure.js";

/** @typedef {import("./figure.js").Chart} Chart */
/** @typedef {import("./figure.js").Format} Format */

/**
 * Bars to the right, each with its interval as a line.
 *
 * @param {{title: string, format?: Format, value: string, min?: number, max?: number}} options
 *   `value` says what the bars are, as a heading of the table.
 * @returns {Chart} `update` takes `{rows: {label, value, low?, high?, colour?}[], summary}`; low and
 *   high may be null, and so may a value.
 */
export function intervalBars({ title, format = decimal, value, min, max }) {
  return new Figure(title, {
    rows: (data) => data.rows.length,
    table: ({ rows }) => {
      const has = rows.some((row) => typeof row.low === "number");
      return table(
        title,
        ["", value, ...(has ? ["from", "to"] : [])],
        rows.map((row) => [
          row.label,
          format(row.value),
          ...(has ? [format(row.low), format(row.high)] : []),
        ]),
        { numbers: [1, 2, 3] },
      );
    },
    config: ({ rows }, colours) => ({
      type: "bar",
      data: {
        labels: rows.map((row) => row.label),
        datasets: [
          {
            data: rows.map((row) => (typeof row.low === "number" ? [row.low, row.high] : null)),
            backgroundColor: colours.text,
            barThickness: 2,
            grouped: false,
          },
          {
            data: rows.map((row) => row.value),
            // Where a line is to be seen on it, a bar is pale.
            backgroundColor: rows.map((row) =>
              typeof row.low === "number" ? pale(barColour(row, colours)) : barColour(row, colours),
            ),
            borderColor: rows.map((row) => barColour(row, colours)),
            borderWidth: rows.map((row) => (typeof row.low === "number" ? 2 : 0)),
            barPercentage: 0.9,
            categoryPercentage: 0.75,
            maxBarThickness: 26,
            grouped: false,
          },
        ],
      },
      options: options(colours, {
        indexAxis: "y",
        x: {
          ...scale(colours),
          min,
          max,
          ticks: { ...scale(colours).ticks, callback: (value) => format(value) },
        },
        y: {
          ...scale(colours),
          grid: { display: false },
          ticks: { ...scale(colours).ticks, autoSkip: false, callback: shortened },
        },
        tooltip: {
          filter: (item) => item.datasetIndex === 1,
          callbacks: {
            label: (item) => {
              const { value, low, high } = rows[item.dataIndex];
              const around = typeof low === "number" ? ` (${format(low)} to ${format(high)})` : "";
              return `${format(value)}${around}`;
            },
          },
        },
      }),
    }),
  });
}

/**
 * How many there are of each size, and where a bound is.
 *
 * @param {{title: string, format?: Format, bound: (value: number) => string}} options `format` is
 *   that of the sizes; `bound` says what the line is.
 * @returns {Chart} `update` takes `{bins: {from, to, count}[], at, summary}`, in order.
 */
export function histogram({ title, format = span, bound }) {
  return new Figure(title, {
    table: ({ bins }) =>
      table(
        title,
        ["from", "to", "number"],
        bins.map((bin) => [format(bin.from), format(bin.to), count(bin.count)]),
        { numbers: [0, 1, 2] },
      ),
    config: ({ bins, at }, colours) => {
      const top = Math.max(1, ...bins.map((bin) => bin.count)) * 1.1;
      const line = place(bins, at);
      return {
        data: {
          datasets: [
            {
              type: "line",
              label: bound(at),
              data:
                line === null
                  ? []
                  : [
                      { x: line, y: 0 },
                      { x: line, y: top },
                    ],
              borderColor: colours.danger,
              borderDash: [6, 4],
              borderWidth: 2,
              pointRadius: 0,
            },
            {
              type: "bar",
              data: bins.map((bin, index) => ({ x: index + 0.5, y: bin.count })),
              backgroundColor: bins.map((bin) => colours.series[bin.from >= at ? 1 : 0]),
              barPercentage: 1,
              categoryPercentage: 0.94,
            },
          ],
        },
        options: options(colours, {
          x: {
            ...scale(colours),
            type: "linear",
            offset: false,
            min: 0,
            max: Math.max(1, bins.length, line ?? 0),
            grid: { display: false },
            ticks: {
              ...scale(colours).ticks,
              stepSize: 1,
              callback: (value) => (Number.isInteger(value) ? edge(bins, value, format) : ""),
            },
          },
          y: {
            ...scale(colours),
            max: top,
            ticks: {
              ...scale(colours).ticks,
              precision: 0,
              callback: (value) => (Number.isInteger(value) ? count(value) : ""),
            },
          },
          tooltip: {
            filter: (item) => item.datasetIndex === 1,
            callbacks: {
              title: ([item]) => {
                const bin = bins[item.dataIndex];
                return `${format(bin.from)} to ${format(bin.to)}`;
              },
              label: (item) => count(item.parsed.y),
            },
          },
        }),
      };
    },
    legend: ({ at }) => [{ name: bound(at), values: [], colour: "danger", dashed: true }],
  });
}

function barColour(row, colours) {
  return colours.series[(row.colour ?? 1) - 1];
}

/** Called by Chart.js with the axis as `this`: on a narrow screen names leave room for the bars. */
function shortened(value) {
  const name = this.getLabelForValue(value);
  const most = Math.floor(this.chart.width / 20);
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

/** Where a size stands, in bins; null where there is none. */
function place(bins, at) {
  const index = bins.findIndex((bin) => at <= bin.to);
  if (index < 0) {
    return bins.length ? bins.length : null;
  }
  const { from, to } = bins[index];
  return index + Math.max(0, Math.min(1, (at - from) / (to - from)));
}

function edge(bins, index, format) {
  const size = index < bins.length ? bins[index].from : bins.at(-1)?.to;
  return size === undefined ? "" : format(size);
}
