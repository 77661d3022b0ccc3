/** One evaluation: how far it is, or what each policy would have earned, and what to do about it. */

import { intervalBars, lineChart } from "../charts.js";
import { h, notice, replace, table, whenChanged } from "../dom.js";
import { count, dateTime, decimal } from "../format.js";
import { colourOf, estimateText, kindWords, outcome } from "./evaluation_words.js";
import { hasFailed, isOver, progressBar, rangeText, removal, stateBadge, wayBack } from "./jobs.js";
import { policyTable } from "./policy_table.js";

const SHOWN_BARS = 12;

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Context} context
 * @returns {(data: any) => void}
 */
export function evaluationResult(root, context) {
  const head = h("section", { class: "card" });
  const place = h("div", { class: "stack" });
  root.append(wayBack("evaluations", "All evaluations"), head, place);
  /** @type {ReturnType<typeof findings> | null} */
  let found = null;
  const showHead = whenChanged((/** @type {any} */ data) =>
    replace(head, headWords(context, data)),
  );
  return (data) => {
    if (data.isMissing) {
      replace(head, h("p", {}, "There is no such evaluation, or not any more."));
      place.replaceChildren();
      return;
    }
    const { evaluation, policies, slots } = data;
    showHead({ evaluation, policies, slots, slot: data.slot });
    if (policies.length) {
      if (!found) {
        found = findings(context, data);
        place.replaceChildren(found.element);
      }
      found.update(data);
    }
  };
}

/** @param {import("../app.js").Context} context @param {any} data */
function headWords(context, { evaluation, policies, slot }) {
  const byName = new Map(policies.map((policy) => [policy.name, policy]));
  const facts = [
    ["Events from", rangeText(evaluation)],
    [
      "Asked for",
      `${dateTime(evaluation.creationTime)}, ${evaluation.evaluationType === "Auto" ? "by the loop itself" : "by its owner"}`,
    ],
    evaluation.finishedTime && ["Done", dateTime(evaluation.finishedTime)],
    ["Looks for better settings", evaluation.optimizes ? "yes" : "no"],
    evaluation.customPolicies.length && [
      "Settings of your own",
      evaluation.customPolicies.join(", "),
    ],
  ].filter(Boolean);
  const said = outcome(evaluation, {
    online: byName.get("online"),
    current: byName.get("current"),
    best: byName.get(evaluation.optimalPolicy),
  });
  return [
    h("div", { class: "row between" }, h("h2", {}, evaluation.name), stateBadge(evaluation)),
    !isOver(evaluation) && progressBar(evaluation),
    hasFailed(evaluation)
      ? notice("error", h("p", {}, said))
      : h(
          "p",
          { class: isOver(evaluation) ? "lead" : null },
          slot && `In the slot ${slot}: `,
          said,
        ),
    h(
      "dl",
      { class: "facts" },
      facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    h(
      "div",
      { class: "buttons" },
      removal(context, "evaluations", evaluation, {
        what: "evaluation",
        stays: "Its results and models are removed. What was applied from it stays.",
        afterwards: () => context.go({ id: null, slot: null }),
      }),
    ),
  ];
}

/** @param {import("../app.js").Context} context @param {any} first */
function findings(context, first) {
  let data = first;
  let isWhole = false;
  const bars = intervalBars({ title: "Average reward of each policy", value: "average reward" });
  const more = h("button", { type: "button", onclick: unfold });
  const meaning = h("div", { class: "help stack" });
  bars.element.querySelector("details")?.before(h("div", { class: "buttons" }, more), meaning);
  const policies = policyTable({ apply });
  const lines = lineChart({ title: "Average reward from the beginning up to then" });
  const slots = h("section", { class: "card", hidden: true });
  const showSlots = whenChanged((/** @type {any} */ shown) => replace(slots, slotWords(shown)));

  function unfold() {
    isWhole = !isWhole;
    draw();
  }

  function draw() {
    const ranked = [...data.policies].sort(
      (a, b) => (b.expectedReward ?? -Infinity) - (a.expectedReward ?? -Infinity),
    );
    const shown = isWhole ? ranked : foremost(ranked);
    const { optimalPolicy: best } = data.evaluation;
    more.hidden = ranked.length <= SHOWN_BARS;
    more.textContent = isWhole ? "Show fewer" : `Show all ${ranked.length} policies`;
    bars.update({
      rows: shown.map((policy) => ({
        label: `${policy.name === best ? "★ " : ""}${policy.name}`,
        value: policy.expectedReward,
        low: policy.confidenceInterval?.[0],
        high: policy.confidenceInterval?.[1],
        colour: colourOf(policy),
      })),
      summary: `${best ? `${best} is the best. ` : ""}${ranked
        .slice(0, 3)
        .map((policy) => `${policy.name}: ${estimateText(policy)}`)
        .join("; ")}.`,
    });
  }

  async function apply(/** @type {any} */ policy, /** @type {HTMLButtonElement} */ button) {
    const sure = await context.confirm({
      title: `Apply ${policy.name}?`,
      text: [
        h(
          "p",
          {},
          `The settings of ${policy.name} become the learning settings of the loop, and the model that was trained with them in this evaluation goes online at once. It goes on to learn what was joined since.`,
        ),
        h("pre", {}, h("code", {}, policy.arguments)),
        h("p", {}, `They take the place of ${data.policy.name}:`),
        h("pre", {}, h("code", {}, data.policy.arguments)),
      ],
      action: "Apply",
    });
    if (sure) {
      await context.perform(button, async () => {
        const asked = { evaluationId: data.evaluation.id, policyName: policy.name };
        await context.api.send("POST", "configurations/applyFromEvaluation", asked);
        return `${policy.name} is online, with the model that was trained with it.`;
      });
    }
  }

  return {
    element: h(
      "div",
      { class: "stack" },
      slots,
      bars.element,
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Policies"),
        h(
          "p",
          { class: "help" },
          "Each was judged by the events of the log, weighed by how likely it was to choose as was chosen. Effective events say how much evidence that is: so many events of weight 1 would tell as much. Few of them, a wide interval.",
        ),
        policies.element,
      ),
      lines.element,
    ),
    update(/** @type {any} */ shown) {
      data = shown;
      const isApplicable = isOver(data.evaluation) && data.evaluation.kind === data.kind;
      replace(meaning, meaningWords(data));
      draw();
      policies.update({
        policies: data.policies,
        best: data.evaluation.optimalPolicy,
        inForce: data.policy,
        isApplicable,
      });
      slots.hidden = data.slots.length === 0;
      showSlots({ slots: data.slots, slot: data.slot, evaluation: data.evaluation });
      const isLong = data.overTime?.times.length > 1;
      lines.element.hidden = !isLong;
      if (isLong) {
        lines.update(overTime(data));
      }
    },
  };
}

/** The best ones, with what they are held against. */
function foremost(ranked) {
  const compared = ranked.filter(({ policySource }) =>
    ["Online", "Baseline", "Random", "Custom"].includes(policySource),
  );
  const room = Math.max(0, SHOWN_BARS - compared.length);
  const found = ranked.filter((policy) => !compared.includes(policy)).slice(0, room);
  return ranked.length <= SHOWN_BARS
    ? ranked
    : ranked.filter((policy) => compared.includes(policy) || found.includes(policy));
}

/** What the figures mean, and what the names stand for. */
function meaningWords({ policies, slot, evaluation }) {
  const most = Math.max(...policies.map(({ comparisons }) => comparisons));
  const named = policies.filter(({ policySource }) => policySource !== "OfflineExperimentation");
  return [
    h(
      "p",
      {},
      "A bar is what a policy would have earned on average for each event; the line on it is its 95 % interval: in 95 of 100 such evaluations it holds the true average.",
      most > 1 &&
        ` Those of policies picked among others are corrected for ${most} candidates: they are so much wider that luck among so many does not count as merit.`,
      evaluation.kind === "multi-slot" &&
        (slot === null
          ? " Each slot of a page counts as an event."
          : ` Only the slot ${slot} is looked at.`),
    ),
    h(
      "p",
      {},
      named.map((policy, place) => [
        place > 0 && " · ",
        h("strong", {}, policy.name),
        `: ${kindWords(policy)}`,
      ]),
    ),
  ];
}

/** @param {any} data */
function overTime({ overTime: { times, width, series }, policies, evaluation }) {
  const byName = new Map(policies.map((policy) => [policy.name, policy]));
  const best = evaluation.optimalPolicy;
  return {
    times,
    width,
    series: series.map(({ name, reward, halfWidth }) => ({
      name: name === best ? `★ ${name}` : name,
      values: reward,
      halfWidths: halfWidth,
      colour: colourOf(byName.get(name)),
      dashed: ["baseline1", "baselineRand"].includes(name),
    })),
    summary: `At the end: ${series
      .map(({ name, reward }) => `${name} ${decimal(reward.at(-1))}`)
      .join(", ")}.`,
  };
}

/** @param {any} data */
function slotWords({ slots, slot, evaluation }) {
  const link = (/** @type {string | null} */ id) =>
    `#/evaluations?${new URLSearchParams({ id: evaluation.id, ...(id !== null && { slot: id }) })}`;
  const best = evaluation.optimalPolicy;
  const choice = (/** @type {string | null} */ id, /** @type {string} */ words) => [
    h("a", { href: link(id), "aria-current": id === slot ? "true" : null }, words),
    id === slot && [" ", h("span", { class: "badge" }, "shown below")],
  ];
  return [
    h("h2", {}, "Slots"),
    h("p", {}, choice(null, "All slots together")),
    table(
      "What was earned in each slot",
      ["Slot", "Events", "online", ...(best && best !== "online" ? [best] : [])],
      slots.map((each) => [
        choice(each.id, each.id),
        count(each.online?.events),
        each.online ? estimateText(each.online) : "–",
        ...(best && best !== "online" ? [each.best ? estimateText(each.best) : "–"] : []),
      ]),
      { numbers: [1, 2, 3] },
    ),
  ];
}
