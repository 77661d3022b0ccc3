/** Setup: the service configuration, to read and to change. */

import { ApiError } from "../api.js";
import { h, notice, replace } from "../dom.js";
import { Problem, settingField, valueText } from "../fields.js";
import { dateTime, parseDuration } from "../format.js";
import { GROUPS, SETTINGS } from "../settings.js";

const PATH = "configurations/service";
const DAY = 86_400;
/** A loop that nobody has configured says the year 1601. */
const UNTOUCHED = "1700";
const ALONE = ["rewardWaitTime", "defaultReward", "rewardAggregation"];

/** @typedef {Record<string, import("../fields.js").Value>} Configuration */

/** @type {import("../app.js").View} */
export const setup = {
  name: "setup",
  title: "Setup",
  load: (api, _state, signal) => api.get(PATH, { signal }),
  render(root, context) {
    /** @type {Configuration} */
    let standing = {};
    const fields = new Map(SETTINGS.map((setting) => [setting.name, settingField(setting, weigh)]));
    const elsewhere = h("div", { class: "passing", "aria-live": "polite" });
    const edited = h("p", { class: "quiet" });
    const saving = h("div", { class: "card saving", hidden: true });
    root.append(
      h(
        "form",
        { class: "stack", novalidate: true, onsubmit: save },
        elsewhere,
        GROUPS.map((group) =>
          h(
            "section",
            { class: "card" },
            h("h2", {}, group.title),
            h(
              "div",
              { class: "settings" },
              group.settings.map((setting) => field(setting.name).element),
            ),
          ),
        ),
        edited,
        saving,
      ),
    );

    function field(/** @type {string} */ name) {
      return /** @type {import("../fields.js").Field} */ (fields.get(name));
    }

    /** What has been changed, as far as it can be read. @returns {Configuration} */
    function changes() {
      const changed = /** @type {Configuration} */ ({});
      for (const { name, kind } of SETTINGS) {
        const value = readable(name);
        if (value !== undefined && !same(kind, value, standing[name])) {
          changed[name] = value;
        }
      }
      return changed;
    }

    function readable(/** @type {string} */ name) {
      try {
        return field(name).read();
      } catch (error) {
        if (error instanceof Problem) {
          return undefined;
        }
        throw error;
      }
    }

    const isBroken = () => SETTINGS.some(({ name }) => readable(name) === undefined);
    const isDirty = () => isBroken() || Object.keys(changes()).length > 0;
    context.guard(isDirty);

    function weigh() {
      const changed = changes();
      saving.hidden = !isDirty();
      root.classList.toggle("dirty", isDirty());
      replace(
        saving,
        h(
          "ul",
          { class: "changes" },
          Object.entries(changed).map(([name, value]) => h("li", {}, told(name, value, standing))),
        ),
        resets(changed) && notice("warning", rebuilt(changed)),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "submit", class: "primary", id: "save" }, "Save"),
          h("button", { type: "button", id: "discard", onclick: () => show(standing) }, "Discard"),
        ),
      );
    }

    function rebuilt(/** @type {Configuration} */ changed) {
      const days = changed.modelRetrainDays ?? standing.modelRetrainDays;
      return days === 0
        ? "Saving this resets the model. Nothing of the log is learned again (days to rebuild from: 0): the new one knows only what comes from now on. Until it is there, the present one serves."
        : `Saving this resets the model. A new one is rebuilt from the last ${days} day${days === 1 ? "" : "s"} of the log, as far as it reaches. Until it is there, the present one serves.`;
    }

    async function save(/** @type {Event} */ event) {
      event.preventDefault();
      if (!check()) {
        return;
      }
      const changed = changes();
      const button = /** @type {HTMLButtonElement} */ (root.querySelector("#save"));
      if (!Object.keys(changed).length) {
        return;
      }
      if (resets(changed) && !(await agreed(changed))) {
        return;
      }
      await context.perform(
        button,
        async () => {
          const answer = await context.api.send("PUT", PATH, changed, { preview: true });
          show(answer);
          return "Saved. This is what the service has now.";
        },
        refused,
      );
    }

    /** Complain about what can't be sent; whether all can. */
    function check() {
      const wrong = SETTINGS.filter(({ name }) => {
        field(name).complain("");
        try {
          field(name).read();
          return false;
        } catch (error) {
          if (!(error instanceof Problem)) {
            throw error;
          }
          field(name).complain(error.message);
          return true;
        }
      }).map(({ name }) => name);
      for (const [name, text] of wrong.length
        ? []
        : broken({ ...standing, ...changes() }, standing)) {
        field(name).complain(text);
        wrong.push(name);
      }
      if (wrong.length) {
        field(wrong[0]).focus();
      }
      return wrong.length === 0;
    }

    async function agreed(/** @type {Configuration} */ changed) {
      const { dateRange } = await context.api.get("logs/properties");
      return context.confirm({
        title: "Reset the model?",
        text: [
          h(
            "ul",
            {},
            Object.entries(changed).map(([name, value]) =>
              h("li", {}, told(name, value, standing)),
            ),
          ),
          h("p", {}, rebuilt(changed)),
          h(
            "p",
            {},
            dateRange.from
              ? `The log has events from ${dateTime(dateRange.from)} to ${dateTime(dateRange.to)}.`
              : "The log is empty: there is nothing to rebuild from.",
          ),
        ],
        action: "Save and reset",
        danger: true,
      });
    }

    function refused(/** @type {Error} */ error) {
      if (!(error instanceof ApiError && fields.has(error.target))) {
        return false;
      }
      field(error.target).complain(`${error.message} (${error.reference})`);
      field(error.target).focus();
      return true;
    }

    function show(/** @type {Configuration} */ configuration) {
      standing = configuration;
      for (const { name } of SETTINGS) {
        field(name).complain("");
        field(name).show(configuration[name]);
      }
      const when = String(configuration.lastConfigurationEditDate);
      edited.textContent =
        when < UNTOUCHED ? "Nothing was changed yet." : `Last changed: ${dateTime(when)}.`;
      replace(elsewhere);
      weigh();
    }

    let isFirst = true;
    return (configuration) => {
      if (!isDirty() || !("rewardWaitTime" in standing)) {
        show(configuration);
      } else if (configuration.lastConfigurationEditDate !== standing.lastConfigurationEditDate) {
        replace(
          elsewhere,
          notice(
            "warning",
            h("p", {}, "Somebody else has changed the configuration meanwhile."),
            h(
              "button",
              { type: "button", onclick: () => show(configuration) },
              "Discard mine, show theirs",
            ),
          ),
        );
      }
      if (isFirst) {
        isFirst = false;
        // A link to a setting, such as `#/setup?setting=rewardWaitTime`.
        fields.get(context.state.setting)?.focus();
      }
    };
  },
};

/** @param {Configuration} changed */
function resets(changed) {
  return SETTINGS.some((setting) => setting.resets && setting.name in changed);
}

/** @param {string} name @param {import("../fields.js").Value} value @param {Configuration} standing */
function told(name, value, standing) {
  const setting = SETTINGS.find((setting) => setting.name === name);
  return setting
    ? `${setting.label}: ${valueText(setting, standing[name])} → ${valueText(setting, value)}`
    : name;
}

/** @param {string} kind @param {any} one @param {any} other */
function same(kind, one, other) {
  if (kind === "duration") {
    return parseDuration(String(one)) === parseDuration(String(other));
  }
  if (kind === "moment" && one !== null && other !== null) {
    return Math.floor(Date.parse(one) / 1000) === Math.floor(Date.parse(other) / 1000);
  }
  return one === other;
}

/**
 * The rules between settings that are broken, by the setting to complain at.
 *
 * @param {Configuration} wanted
 * @param {Configuration} standing
 * @returns {[string, string][]}
 */
function broken(wanted, standing) {
  const found = /** @type {[string, string][]} */ ([]);
  const wait = parseDuration(String(wanted.rewardWaitTime)) ?? 0;
  const least = Math.ceil((wait + DAY) / DAY);
  const [days, back] = [Number(wanted.logRetentionDays), Number(wanted.modelRetrainDays)];
  if (days !== -1 && days < least) {
    found.push([
      "logRetentionDays",
      `With this reward wait time it has to be ${least} days or more.`,
    ]);
  }
  if (days !== -1 && back > days) {
    found.push(["modelRetrainDays", `The log is kept for ${days} days only.`]);
  }
  const others = SETTINGS.filter(
    ({ name, kind }) => ALONE.includes(name) && !same(kind, wanted[name], standing[name]),
  );
  if (wanted.learningMode !== standing.learningMode && others.length) {
    const names = others.map(({ label }) => label.toLowerCase()).join(", ");
    found.push(["learningMode", `Save this and ${names} one after the other, not together.`]);
  }
  return found;
}
