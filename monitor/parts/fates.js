/** What has become of what was sent: over time, in all, and what to do where it is not well. */

import { stackedBars } from "../charts.js";
import { h, replace, table } from "../dom.js";
import { count, percent } from "../format.js";

/**
 * @typedef {object} Fate
 * @property {string} name
 * @property {"decisions" | "rewards" | null} of What it is a part of.
 * @property {string} meaning
 * @property {string} ifMany What to do about many of them.
 */

/** @type {Record<string, Fate>} By the API's names. */
const FATES = {
  decisions: {
    name: "Rank calls",
    of: null,
    meaning: "Decisions whose wait is over, so that their fate is known.",
    ifMany: "",
  },
  defaulted: {
    name: "Without a reward",
    of: "decisions",
    meaning: "No reward came in time: they count with the default reward.",
    ifMany:
      "Right, where no call means no success. Otherwise find out which calls are missing, or " +
      "whether they come late.",
  },
  notActivated: {
    name: "Not activated",
    of: "decisions",
    meaning: "Ranked with deferActivation and not activated in time: nothing is learned of them.",
    ifMany:
      "Call activate when the choice is shown, before the wait is over; a reward does not " +
      "activate. Or rank without deferActivation.",
  },
  duplicates: {
    name: "Duplicate",
    of: "decisions",
    meaning: "They repeat an event id of the ten minutes before; the first one counts.",
    ifMany: "Use a new event id for each rank call: one of a user, a session or a page is none.",
  },
  dropped: {
    name: "Dropped",
    of: "decisions",
    meaning:
      "Answered, and not logged, since storage was slow or away. They are not among the rank calls above.",
    ifMany: "Look at the storage account's availability and throttling, or set STRICT_LOGGING.",
  },
  rewards: {
    name: "Rewards",
    of: null,
    meaning: "Reward calls, whatever became of them.",
    ifMany: "",
  },
  joined: {
    name: "Joined",
    of: "rewards",
    meaning: "They came inside the wait of their decision, as they should.",
    ifMany: "",
  },
  late: {
    name: "Late",
    of: "rewards",
    meaning: "They came after the wait: logged, and never learned.",
    ifMany:
      "Set a longer rewardWaitTime, which the histogram helps to choose, or send them sooner.",
  },
  orphaned: {
    name: "Orphaned",
    of: "rewards",
    meaning: "Their event is not known, or not known any more.",
    ifMany:
      "Send the event id of the rank answer to the letter, with a key of the same loop, and not " +
      "more than ten minutes after the wait.",
  },
};

/**
 * @returns {{elements: HTMLElement[], update: (data: any) => void}} `update` takes what the API's
 *   monitor view says.
 */
export function fates() {
  const decisions = stackedBars({ title: "What became of rank calls" });
  const deferred = stackedBars({ title: "Rank calls that were not activated" });
  const rewards = stackedBars({ title: "What became of rewards" });
  const totals = h("div", { class: "fates" });
  const section = h(
    "section",
    { class: "card", "aria-labelledby": "fates" },
    h("h2", { id: "fates" }, "What that means, and what to do"),
    totals,
  );
  return {
    elements: [
      h("div", { class: "grid" }, decisions.element, rewards.element, deferred.element),
      section,
    ],
    update({ times, width, fates, totals: all }) {
      const sums = Object.fromEntries(Object.keys(FATES).map((name) => [name, sum(fates[name])]));
      const over = { times, width };
      const kept = times.map((_, at) => fates.decisions[at] - fates.duplicates[at]);
      decisions.update({
        ...over,
        series: [
          {
            name: "With a reward",
            values: kept.map((each, at) => each - fates.defaulted[at]),
            colour: 1,
          },
          { name: "Without a reward", values: fates.defaulted, colour: 3 },
          { name: "Duplicate", values: fates.duplicates, colour: 5 },
          { name: "Dropped", values: fates.dropped, colour: 2 },
        ],
        summary:
          `Of ${count(sums.decisions)} rank calls ` +
          `${count(sums.decisions - sums.duplicates - sums.defaulted)} had a reward, ` +
          `${count(sums.defaulted)} had none and ${count(sums.duplicates)} were duplicates; ` +
          `${count(sums.dropped)} more were dropped.`,
      });
      deferred.element.hidden = all.notActivated === 0;
      if (!deferred.element.hidden) {
        deferred.update({
          ...over,
          series: [
            {
              name: "Shown",
              values: kept.map((each, at) => each - fates.notActivated[at]),
              colour: 1,
            },
            { name: "Not activated", values: fates.notActivated, colour: 2 },
          ],
          summary: `${count(sums.notActivated)} of ${count(sums.decisions)} were not activated.`,
        });
      }
      rewards.update({
        ...over,
        series: [
          { name: "Joined", values: fates.joined, colour: 1 },
          { name: "Late", values: fates.late, colour: 2 },
          { name: "Orphaned", values: fates.orphaned, colour: 5 },
        ],
        summary:
          `Of ${count(sums.rewards)} rewards ${count(sums.joined)} were joined, ` +
          `${count(sums.late)} were late and ${count(sums.orphaned)} orphaned.`,
      });
      replace(totals, explained(sums, all));
    },
  };
}

/**
 * @param {Record<string, number>} sums Of the stretch that is shown.
 * @param {Record<string, number>} all Since the log began.
 */
function explained(sums, all) {
  const made = table(
    "What has become of what was sent, what that means, and what to do where it is much",
    ["Fate", "In this stretch", "Since the log began", "What that means"],
    Object.entries(FATES).map(([name, { name: title, of, meaning, ifMany }]) => [
      of ? h("span", { class: "part" }, title) : title,
      amount(sums, name, of),
      amount(all, name, of),
      [meaning, ifMany && [" ", h("strong", {}, "If many: "), ifMany]],
    ]),
    { numbers: [1, 2] },
  );
  made.id = "fates-table";
  return made;
}

/** @param {Record<string, number>} numbers @param {string} name @param {string | null} of */
function amount(numbers, name, of) {
  const number = numbers[name];
  const share = of && number ? h("small", {}, percent(number / numbers[of])) : null;
  return [count(number), share && " ", share];
}

/** @param {number[]} values */
const sum = (values) => values.reduce((one, other) => one + other, 0);
