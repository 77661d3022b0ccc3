/** How long rewards took, against the time that they are waited for. */

import { histogram } from "../charts.js";
import { h, replace } from "../dom.js";
import { count, duration, percent, span } from "../format.js";

/** @typedef {{from: number, to: number, rewards: number}} Bin Seconds, and how many took so long. */

/** How many bins there are more beyond the wait, so that one sees it inside the chart. */
const BEYOND = 2;
const GROWTH = Math.SQRT2;

/**
 * @returns {{element: HTMLElement, update: (data: any) => void}} `update` takes what the API's
 *   monitor view says.
 */
export function delays() {
  const chart = histogram({
    title: "How long rewards take",
    bound: (wait) => `reward wait time: ${duration(wait)}`,
  });
  const nothing = h("section", { class: "card" }, h("h2", {}, "How long rewards take"));
  nothing.append(h("p", {}, "No reward of this stretch has been joined yet, and none was late."));
  const told = h("p", {});
  chart.element.querySelector("details")?.before(told);
  return {
    element: h("div", {}, chart.element, nothing),
    update({ delays: found, rewardWaitSeconds: wait }) {
      nothing.hidden = found.length > 0;
      chart.element.hidden = found.length === 0;
      if (found.length === 0) {
        return;
      }
      const text = summary(found, wait);
      chart.update({
        bins: reaching(found, wait).map(({ from, to, rewards }) => ({ from, to, count: rewards })),
        at: wait,
        summary: text,
      });
      replace(
        told,
        text,
        " Rewards beyond the wait are logged, and never learned. ",
        h(
          "a",
          { id: "to-wait", href: "#/setup?setting=rewardWaitTime" },
          "Change rewardWaitTime in Setup",
        ),
        ".",
      );
    },
  };
}

/** @param {Bin[]} bins @param {number} wait */
function summary(bins, wait) {
  const all = bins.reduce((sum, { rewards }) => sum + rewards, 0);
  // The bin that the wait is in holds both; it counts where most of it lies.
  const late = bins
    .filter(({ from, to }) => Math.sqrt(from * to) >= wait)
    .reduce((sum, { rewards }) => sum + rewards, 0);
  return (
    `Of ${count(all)} rewards about ${percent((all - late) / all)} came within the wait of ` +
    `${duration(wait)}; half of all came within ${span(within(bins, all / 2))}, ` +
    `95 % within ${span(within(bins, all * 0.95))}.`
  );
}

/** @param {Bin[]} bins @param {number} rewards How long it took until so many were there. */
function within(bins, rewards) {
  let sum = 0;
  const bin = bins.find((each) => {
    sum += each.rewards;
    return sum >= rewards;
  });
  return (bin ?? bins[bins.length - 1]).to;
}

/**
 * The bins, and empty ones up to a little more than the wait.
 *
 * @param {Bin[]} bins
 * @param {number} wait
 */
function reaching(bins, wait) {
  const all = [...bins];
  let beyond = 0;
  while (beyond < BEYOND) {
    const { to } = all[all.length - 1];
    beyond += to >= wait ? 1 : 0;
    if (beyond < BEYOND || to < wait) {
      all.push({ from: to, to: to * GROWTH, rewards: 0 });
    }
  }
  return all;
}
