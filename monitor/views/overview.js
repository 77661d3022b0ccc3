/** Is it learning? */

import { lineChart } from "../charts.js";
import { h, replace } from "../dom.js";
import { count, dateTime, decimal, duration, percent, span, withInterval } from "../format.js";
import { localized, showFindings } from "../parts/findings.js";
import { firstSteps } from "../parts/first_steps.js";
import { rangeChooser, rangeWords } from "../parts/ranges.js";
import { keepTelling, relative } from "../ticking.js";

const ANSWERS = new Map([
  [true, ["Yes", "good", "✓"]],
  [false, ["No", "error", "✕"]],
  [null, ["Too early to say", "", "…"]],
]);

/** Over how long the pace of events is taken, in seconds, and in points of the series at least. */
const PACE_SECONDS = 900;
const PACE_POINTS = 3;

/** @type {import("../app.js").View} */
export const overview = {
  name: "overview",
  title: "Overview",
  load: (api, state, signal) =>
    api.get("views/overview", { query: { range: state.range }, signal }),
  render(root, { signal }) {
    keepTelling(root, signal);
    /** @type {{kind: string, update: (data: any) => void} | null} */
    let page = null;
    return (data) => {
      const isFresh = data.diagnosis.events.decisions === 0 && data.times.length === 0;
      const kind = isFresh ? data.kind : "used";
      if (page?.kind !== kind) {
        const made = isFresh ? firstSteps(data.kind) : usedLoop();
        replace(root, made.element);
        page = { kind, update: made.update };
      }
      page.update(data);
    };
  },
};

function usedLoop() {
  const verdict = h("section", { class: "card verdict", "aria-labelledby": "verdict" });
  const ranges = rangeChooser("overview");
  const chart = lineChart({ title: "Average reward" });
  const nothing = h("p", { class: "card", hidden: true });
  const tiles = h("div", { class: "tiles" });
  const explanation = h(
    "p",
    { class: "help" },
    "What the loop has earned for each decision, what its baseline (the first action of each call) ",
    "and random choices would have earned for the same ones. The bands hold the true average with ",
    "95 % confidence: few events, a wide band. They are cut where they leave the chart. Where ",
    "there is no line, nothing tells.",
  );
  chart.element.querySelector("details")?.before(explanation);
  const findings = h("div", { class: "stack" });
  return {
    element: h(
      "div",
      { class: "stack" },
      verdict,
      ranges.element,
      tiles,
      nothing,
      chart.element,
      h(
        "section",
        { class: "card", "aria-labelledby": "attention" },
        h("h2", { id: "attention" }, "What needs attention"),
        findings,
      ),
    ),
    /** @param {any} data */
    update(data) {
      const { diagnosis, totals } = data;
      showVerdict(verdict, diagnosis);
      ranges.update(data);
      replace(tiles, rewardTile(data), modelTile(data), paceTile(data), explorationTile(data));
      const isEmpty = totals.online.events === 0;
      nothing.hidden = !isEmpty;
      nothing.textContent = `${sentence(rangeWords(data.range))}: nothing that was decided then is joined. Choose a longer stretch.`;
      chart.element.hidden = isEmpty;
      if (!isEmpty) {
        chart.update(curves(data));
      }
      showFindings(findings, diagnosis.findings);
    },
  };
}

/** @param {Element} element @param {any} diagnosis */
function showVerdict(element, { summary, isLearning, learning }) {
  const [answer, kind, sign] = ANSWERS.get(isLearning) ?? [];
  element.className = `card verdict ${kind}`;
  replace(
    element,
    h(
      "h2",
      { id: "verdict" },
      "Is it learning? ",
      h(
        "span",
        { class: `badge ${kind}` },
        h("span", { "aria-hidden": "true" }, `${sign} `),
        answer,
      ),
    ),
    h("p", { class: "lead" }, localized(summary)),
    h("p", { class: "quiet" }, localized(learning.text)),
  );
}

/** @param {any} data */
function rewardTile({ range, totals: { online, baseline, random } }) {
  return tile(
    `Average reward, ${rangeWords(range)}`,
    withInterval(online.reward, online.halfWidth),
    `Baseline ${withInterval(baseline.reward, baseline.halfWidth)}, random `,
    `${withInterval(random.reward, random.halfWidth)}, of ${count(online.events)} choices.`,
  );
}

/** @param {any} data */
function modelTile({ diagnosis: { model }, updateFrequency, generatedAt }) {
  const { lastUpdated, nextUpdateDue } = model;
  return tile(
    "Model made",
    lastUpdated ? relative(lastUpdated, generatedAt) : "not yet",
    nextUpdateDue ? ["Next update: ", relative(nextUpdateDue, generatedAt, "due now"), ". "] : "",
    nextUpdateDue
      ? `Every ${duration(updateFrequency)}, where there is something to learn.`
      : "No update is due.",
  );
}

/** @param {any} data */
function paceTile(data) {
  const { joinedUntil } = data.diagnosis.model;
  const found = pace(data, new Date(joinedUntil ?? data.generatedAt).getTime() / 1000);
  return tile(
    "Events a minute",
    found === null ? "–" : count(Number(found.perMinute.toPrecision(3))),
    found && `Rank calls in the ${span(found.seconds)} that were joined last. `,
    joinedUntil && [
      "What came later than ",
      relative(joinedUntil, data.generatedAt),
      " still waits for its reward.",
    ],
  );
}

/**
 * How many rank calls there were in a minute, lately.
 *
 * @param {{times: number[], width: number, decisions: number[]}} data
 * @param {number} until Unix seconds; later ones are not joined yet.
 */
function pace({ times, width, decisions }, until) {
  const [first] = times;
  const ended = Math.floor(until / width) * width;
  // A point that is still being filled would look like a lull.
  const end = first !== undefined && ended > first ? ended : until;
  const start = Math.max(first ?? end, end - Math.max(PACE_SECONDS, PACE_POINTS * width));
  const from = Math.floor(start / width) * width;
  const seconds = Math.round(end - from);
  if (first === undefined || seconds <= 0) {
    return null;
  }
  const events = decisions.reduce(
    (sum, each, index) => (times[index] >= from && times[index] < end ? sum + each : sum),
    0,
  );
  return { perMinute: (events * 60) / seconds, seconds };
}

/** @param {any} data */
function explorationTile({ totals: { drawn, explored }, diagnosis }) {
  const configured = percent(diagnosis.exploration.explorationPercentage, 0);
  const explanation =
    `explorationPercentage is ${configured}: so many are drawn evenly, and some of them hit the ` +
    "best one by chance.";
  return drawn
    ? tile(
        "Explored",
        percent(explored / drawn),
        `${count(explored)} of ${count(drawn)} choices by a model were not its best one. `,
        explanation,
      )
    : tile("Explored", "–", "No choice of a model is joined in this stretch.");
}

/** @param {string} name @param {import("../dom.js").Child} value @param {...import("../dom.js").Child} note */
function tile(name, value, ...note) {
  return h(
    "div",
    { class: "tile" },
    h("p", { class: "name" }, name),
    h("p", { class: "value" }, value),
    h("p", { class: "help" }, note),
  );
}

/** @param {any} data */
function curves({ times: all, width, totals, ...policies }) {
  // Where nothing was decided, at most a reward has come.
  const places = all.flatMap((_, at) => (policies.online.events[at] ? [at] : []));
  const of = (values) => places.map((at) => values[at]);
  const [online, baseline, random] = [policies.online, policies.baseline, policies.random].map(
    ({ reward, halfWidth }) => ({ reward: of(reward), halfWidth: of(halfWidth) }),
  );
  const times = of(all);
  const { reward: values, halfWidth: halfWidths } = online;
  const until = times.at(-1) + width;
  const [low, high] = bounds(online, baseline, random);
  return {
    times,
    width,
    low,
    high,
    series: [
      { name: "This loop", values, halfWidths, colour: 1 },
      {
        name: "Baseline",
        values: baseline.reward,
        halfWidths: baseline.halfWidth,
        colour: 2,
        dashed: true,
      },
      {
        name: "Random",
        values: random.reward,
        halfWidths: random.halfWidth,
        colour: 3,
        dashed: true,
      },
    ],
    summary:
      `From ${dateTime(times[0] * 1000)} to ${dateTime(until * 1000)} ` +
      `the loop earned ${told(totals.online)} on average, ` +
      `its baseline would have earned ${told(totals.baseline)}, ` +
      `and random choices ${told(totals.random)}. ` +
      `The loop's line begins at ${decimal(values.find(isKnown))} and ends at ` +
      `${decimal(values.findLast(isKnown))}.`,
  };
}

/**
 * How far the chart reaches: for all lines, and for the loop's own band. Those of the others are
 * estimated from few of its choices, and can be many times as wide.
 *
 * @typedef {{reward: (number | null)[], halfWidth: (number | null)[]}} Estimates
 * @param {Estimates} online
 * @param {...Estimates} others
 */
function bounds(online, ...others) {
  const shown = [
    ...others.flatMap(({ reward }) => reward),
    ...online.reward.flatMap((reward, index) => {
      const half = online.halfWidth[index] ?? 0;
      return isKnown(reward) ? [reward - half, reward + half] : [];
    }),
  ].filter(isKnown);
  const [least, greatest] = [Math.min(...shown), Math.max(...shown)];
  const room = Math.max((greatest - least) / 20, 0.01);
  return [least - room, greatest + room];
}

/** @param {{reward: number | null, halfWidth: number | null}} estimate */
function told({ reward, halfWidth }) {
  return isKnown(reward) ? withInterval(reward, halfWidth) : "nobody knows what";
}

/** @param {number | null} value */
const isKnown = (value) => value !== null;

/** @param {string} words */
const sentence = (words) => words[0].toUpperCase() + words.slice(1);
