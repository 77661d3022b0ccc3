/** What becomes of what is sent, how long rewards take, and what is chosen. */

import { h } from "../dom.js";
import { apprentice } from "../parts/apprentice.js";
import { choices } from "../parts/choices.js";
import { delays } from "../parts/delays.js";
import { fates } from "../parts/fates.js";
import { rangeChooser, rangeWords } from "../parts/ranges.js";

/** @type {import("../app.js").View} */
export const monitor = {
  name: "monitor",
  title: "Monitor",
  load: (api, state, signal) => api.get("views/monitor", { query: { range: state.range }, signal }),
  render(root, context) {
    const ranges = rangeChooser("monitor");
    const nothing = h("p", { class: "notice info", hidden: true });
    const parts = { delays: delays(), fates: fates(), choices: choices() };
    const series = h(
      "div",
      { class: "stack" },
      parts.delays.element,
      parts.fates.elements,
      parts.choices.element,
    );
    const mode = apprentice(context);
    let shownMode = "";
    root.append(ranges.element, nothing, series, mode.element);
    return (data) => {
      if (data.learningMode !== shownMode) {
        shownMode = data.learningMode;
        // An apprentice is looked at for when to switch.
        shownMode === "Apprentice" ? series.before(mode.element) : series.after(mode.element);
      }
      ranges.update(data);
      nothing.hidden = data.times.length > 0;
      nothing.textContent =
        data.totals.decisions + data.totals.rewards
          ? `Nothing has happened in this stretch (${rangeWords(data.range)}): choose a longer one.`
          : "Nothing is joined yet. The overview says how to begin.";
      parts.delays.update(data);
      parts.fates.update(data);
      parts.choices.update(data);
      mode.update(data);
    };
  },
};
