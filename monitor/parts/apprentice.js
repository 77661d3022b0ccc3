/** How near an apprentice has come to its baseline, and the switch to the mode Online. */

import { h, replace } from "../dom.js";
import { count, decimal, percent } from "../format.js";

const READY = [0.75, 0.85];
const ENOUGH = 1_000;

/**
 * @param {import("../app.js").Context} context
 * @returns {{element: HTMLElement, update: (data: any) => void}} `update` takes what the API's
 *   monitor view says.
 */
export function apprentice(context) {
  /** @type {any} */
  let latest = null;
  const body = h("div", { class: "stack" });
  const buttons = theSwitch(context, () => latest);
  return {
    element: h(
      "section",
      { class: "card", "aria-labelledby": "apprentice" },
      h("h2", { id: "apprentice" }, "Apprentice"),
      body,
      buttons,
    ),
    update({ learningMode, apprentice: seen }) {
      latest = seen;
      const isApprentice = learningMode === "Apprentice";
      buttons.hidden = !isApprentice;
      replace(
        body,
        isApprentice ? whatItIs() : howToUseIt(learningMode),
        !isApprentice && seen && h("p", {}, "When it was in Apprentice mode last:"),
        seen && figures(seen),
        isApprentice && !seen && h("p", {}, "No event of this mode is joined yet."),
        isApprentice && advice(seen),
      );
    },
  };
}

function whatItIs() {
  return h(
    "p",
    {},
    "The application shows its own choice, the first action of each call, while the model learns ",
    "to choose the same. Nothing is risked meanwhile.",
  );
}

/** @param {string} mode */
function howToUseIt(mode) {
  return h(
    "p",
    {},
    mode === "Online"
      ? "This loop is Online: its model chooses. To let a model learn first what an application "
      : `This loop is in the mode ${mode}. To let a model learn first what an application `,
    "does by itself, send that choice as the first action of each call and set learningMode to ",
    "Apprentice in ",
    h("a", { id: "to-mode", href: "#/setup?setting=learningMode" }, "Setup"),
    ". Ranks then answer with it, the model learns to choose the same, and once it earns 75 to ",
    "85 % of the baseline's reward, the switch to Online stands here. The model is kept.",
  );
}

/** @param {any} seen */
function figures({ events, matched, baselineReward, personalizerReward, achievementRatio }) {
  return [
    h(
      "dl",
      { class: "facts" },
      fact("Baseline average reward", decimal(baselineReward)),
      fact("Personalizer average reward", decimal(personalizerReward)),
      fact("Achievement ratio", percent(achievementRatio)),
      fact("Chose as the baseline", `${count(matched)} of the last ${count(events)} events`),
    ),
    achievementRatio === null
      ? h("p", { class: "help" }, "The baseline has earned nothing, so there is no ratio.")
      : gauge(achievementRatio),
    h(
      "p",
      { class: "help" },
      "Where it would have chosen something else, its reward counts as 0, since nobody knows it. ",
      "It explores all the while, so that the ratio does not get to 100 %.",
    ),
  ];
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

/** @param {number} ratio */
function gauge(ratio) {
  const here = h("span", { class: "here" });
  here.style.left = `${Math.max(0, Math.min(1, ratio)) * 100}%`;
  const text = `Achievement ratio ${percent(ratio)}; switch from ${band()} on.`;
  return h(
    "figure",
    { class: "gauge" },
    h(
      "div",
      { class: "track", role: "img", "aria-label": text },
      h("span", { class: "band" }),
      here,
    ),
    h(
      "div",
      { class: "scale", "aria-hidden": "true" },
      ["0 %", "50 %", "75–85 %", "100 %"].map((mark) => h("span", {}, mark)),
    ),
    h(
      "figcaption",
      { class: "help" },
      "The line is the achievement ratio; in the hatched band, ",
      band(),
      ", it is time to switch.",
    ),
  );
}

const band = () => `${percent(READY[0], 0)} to ${percent(READY[1], 0)}`;

/** @param {any} seen */
function advice(seen) {
  if (!seen || seen.events < ENOUGH) {
    return h("p", {}, `Wait for ${count(ENOUGH)} events: of fewer the ratio says little.`);
  }
  return seen.achievementRatio !== null && seen.achievementRatio >= READY[0]
    ? h("p", { class: "notice good" }, "It is ready: it earns enough of what the baseline earns.")
    : h(
        "p",
        {},
        "Not yet: let it learn on. If it stays below, the features lack what the application ",
        "itself decides by.",
      );
}

/**
 * @param {import("../app.js").Context} context
 * @param {() => any} seen What is known of it when somebody asks.
 */
function theSwitch({ api, confirm, perform }, seen) {
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "button", class: "primary", onclick: ask }, "Switch to Online")
  );

  async function ask() {
    const isSure = await confirm({
      title: "Switch to Online?",
      text: h(
        "p",
        {},
        seen() && `Its achievement ratio is ${percent(seen().achievementRatio)}. `,
        "From now on the model chooses, and explores; the application should show what rank ",
        "answers. The model is kept, and so is everything that was learned. You can go back in ",
        "Setup.",
      ),
      action: "Switch to Online",
    });
    if (isSure) {
      await perform(button, async () => {
        // All else stays as it is; in this form of the call nothing else has to be said.
        const changes = { learningMode: "Online" };
        await api.send("PUT", "configurations/service", changes, { preview: true });
        return "The loop is Online: its model chooses from now on.";
      });
    }
  }

  return h("div", { class: "buttons", hidden: true }, button);
}
