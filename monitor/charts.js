/**
 * Charts: what the views need of Chart.js, in the colours of the page.
 *
 * Each is a figure with a title, a legend, the chart with its text alternative, and its data as a
 * table. `update` shows other data; colours follow the scheme of the system.
 */

export { histogram, intervalBars } from "./charts/bars.js";
export { dropDetached } from "./charts/figure.js";
export { lineChart, stackedBars } from "./charts/over_time.js";
