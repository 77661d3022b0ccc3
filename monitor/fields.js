/** Fields for settings: what is put in, as the API takes it, or why it can't be taken. */

import { h } from "./dom.js";
import { count, duration, parseDuration } from "./format.js";

/**
 * @typedef {string | number | boolean | null} Value
 *
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {() => Value} read Throws a `Problem` where it is no value.
 * @property {(value: Value) => void} show
 * @property {(text: string) => void} complain With nothing, what was complained about is forgotten.
 * @property {() => void} focus
 */

/** Raised for what has been put in and can't be a value; the text is for who has put it in. */
export class Problem extends Error {}

const UNITS = /** @type {const} */ ([
  ["seconds", 1],
  ["minutes", 60],
  ["hours", 3_600],
  ["days", 86_400],
]);

/**
 * A field for a setting, with its label, meaning, range and default.
 *
 * @param {import("./settings.js").Setting} setting
 * @param {() => void} changed Called with each change by the user.
 * @returns {Field}
 */
export function settingField(setting, changed) {
  const { controls, read, show } = KINDS[setting.kind](setting);
  const input = controls[0];
  const [help, problem] = [`${setting.name}-help`, `${setting.name}-problem`];
  input.id = setting.name;
  const place = h("p", { class: "problem", id: problem, "aria-live": "polite" });
  const complain = (/** @type {string} */ text) => {
    place.textContent = text;
    text ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
  };
  for (const control of controls) {
    control.setAttribute("aria-describedby", `${help} ${problem}`);
  }
  const about = h(
    "div",
    { class: "help", id: help },
    h("p", {}, setting.meaning),
    setting.choices &&
      h(
        "ul",
        { class: "meanings" },
        setting.choices.map(([name, meaning]) => h("li", {}, h("b", {}, name), `: ${meaning}`)),
      ),
    h(
      "p",
      {},
      !setting.choices && `Range: ${rangeText(setting)}. `,
      `Default: ${valueText(setting, setting.fallback)}.`,
      setting.resets && [" ", h("span", { class: "badge warning" }, "resets the model")],
    ),
  );
  const label = h("label", { for: setting.name }, setting.label);
  const line = h("div", { class: "controls" }, controls);
  const element = h(
    "div",
    {
      class: setting.kind === "switch" ? "field check" : "field",
      oninput: () => {
        complain("");
        changed();
      },
    },
    setting.kind === "switch" ? [input, label] : [label, line],
    about,
    place,
  );
  return { element, read, show, complain, focus: () => input.focus() };
}

/**
 * A value in words.
 *
 * @param {import("./settings.js").Setting} setting
 * @param {Value} value
 */
export function valueText(setting, value) {
  if (value === null) {
    return "none";
  }
  switch (setting.kind) {
    case "duration":
      return duration(/** @type {string} */ (value));
    case "share":
      return `${inPercent(/** @type {number} */ (value))} %`;
    case "switch":
      return value ? "on" : "off";
    case "days":
      return value === -1 ? "for ever" : `${value} days`;
    case "secret":
      return "a value that is not shown";
    case "moment":
      return new Date(/** @type {string} */ (value)).toLocaleString("en-GB");
    default:
      return String(value);
  }
}

/** @param {import("./settings.js").Setting} setting */
function rangeText(setting) {
  if (setting.range) {
    return setting.range;
  }
  if (setting.kind === "switch") {
    return "on or off";
  }
  return `${valueText(setting, bound(setting, setting.min))} to ${valueText(setting, bound(setting, setting.max))}`;
}

/** @param {import("./settings.js").Setting} setting @param {number | undefined} value @returns {Value} */
function bound(setting, value) {
  return setting.kind === "duration" ? `PT${value}S` : (value ?? null);
}

/** @typedef {HTMLElement & {value: string, checked: boolean, disabled: boolean}} Control */
/** @typedef {{controls: Control[], read: () => Value, show: (value: any) => void}} Kind */

/** @type {Record<string, (setting: import("./settings.js").Setting) => Kind>} */
const KINDS = {
  duration(setting) {
    const input = control("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
    const unit = control("select", { "aria-label": `${setting.label}: unit` }, UNITS.map(option));
    // What is written out in full has its own units.
    input.addEventListener("input", () => {
      unit.disabled = Number.isNaN(Number(input.value)) && parseDuration(input.value) !== null;
    });
    return {
      controls: [input, unit],
      read() {
        const text = input.value.trim();
        const number = Number(text.replace(",", "."));
        const seconds =
          text && !Number.isNaN(number) ? number * Number(unit.value) : parseDuration(text);
        if (seconds === null || seconds < 0) {
          throw new Problem("A number is needed here, or a duration such as PT15S or P1DT12H.");
        }
        inside(setting, seconds, duration);
        return Number.isNaN(number) ? text.toUpperCase() : `PT${Number(seconds.toFixed(6))}S`;
      },
      show(value) {
        const seconds = parseDuration(value);
        const [, size] =
          [...UNITS].reverse().find(([, size]) => (seconds ?? 1) % size === 0) ?? UNITS[0];
        unit.value = String(size);
        unit.disabled = seconds === null;
        input.value = seconds === null ? value : String(seconds / size);
      },
    };
  },
  number: (setting) => numeric(setting, { step: "any" }),
  whole: (setting) => numeric(setting, { step: "1" }),
  share(setting) {
    const { controls, read, show } = numeric({ ...setting, min: 0, max: 100 }, { step: "any" });
    return {
      controls: [...controls, control("span", {}, "%")],
      read: () => Number((Number(read()) / 100).toPrecision(12)),
      show: (value) => show(inPercent(value)),
    };
  },
  days(setting) {
    const { controls, read, show } = numeric({ ...setting, min: 1 }, { step: "1" });
    const [input] = controls;
    const forever = control("input", { type: "checkbox", id: `${setting.name}-forever` });
    forever.addEventListener("input", () => {
      input.disabled = forever.checked;
    });
    return {
      controls: [
        input,
        control("span", {}, "days"),
        forever,
        control("label", { for: forever.id, class: "plain" }, "for ever"),
      ],
      read: () => (forever.checked ? -1 : read()),
      show(value) {
        forever.checked = input.disabled = value === -1;
        show(value === -1 ? "" : value);
      },
    };
  },
  choice(setting) {
    const names = /** @type {[string, string][]} */ (setting.choices);
    const input = control(
      "select",
      {},
      names.map(([name]) => option([name, name])),
    );
    return {
      controls: [input],
      read: () => input.value,
      show(value) {
        input.value = value;
      },
    };
  },
  switch() {
    const input = control("input", { type: "checkbox" });
    return {
      controls: [input],
      read: () => input.checked,
      show(value) {
        input.checked = value;
      },
    };
  },
  secret(setting) {
    const input = control("input", {
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "2048",
    });
    const reveal = control(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        onclick: () => {
          const shown = input.getAttribute("type") === "text";
          input.setAttribute("type", shown ? "password" : "text");
          reveal.setAttribute("aria-pressed", String(!shown));
        },
      },
      "Show",
      h("span", { class: "unseen" }, ` ${setting.label}`),
    );
    return {
      controls: [input, reveal],
      read: () => input.value.trim() || null,
      show(value) {
        input.value = value ?? "";
      },
    };
  },
  moment() {
    const input = control("input", { type: "datetime-local", step: "1" });
    return {
      controls: [input],
      read() {
        const broken = /** @type {any} */ (input).validity.badInput;
        if (broken) {
          throw new Problem("A date and a time are needed here, or nothing.");
        }
        return input.value ? new Date(input.value).toISOString() : null;
      },
      show(value) {
        input.value = value ? localText(new Date(value)) : "";
      },
    };
  },
};

/** @param {import("./settings.js").Setting} setting @param {Record<string, string>} attributes @returns {Kind} */
function numeric(setting, attributes) {
  const { min, max } = setting;
  const input = control("input", { type: "number", inputmode: "decimal", ...attributes, min, max });
  return {
    controls: [input],
    read() {
      const value = input.value === "" ? Number.NaN : Number(input.value);
      if (Number.isNaN(value)) {
        throw new Problem("A number is needed here.");
      }
      if (attributes.step === "1" && !Number.isInteger(value)) {
        throw new Problem("A whole number is needed here.");
      }
      inside(setting, value, count);
      return value;
    },
    show(value) {
      input.value = String(value);
    },
  };
}

/** @param {import("./settings.js").Setting} setting @param {number} value @param {(value: number) => string} said */
function inside({ min = -Infinity, max = Infinity }, value, said) {
  if (value < min) {
    throw new Problem(`${said(min)} is the least.`);
  }
  if (value > max) {
    throw new Problem(`${said(max)} is the most.`);
  }
}

/** @param {number} share */
function inPercent(share) {
  return Number((share * 100).toPrecision(12));
}

/** A moment in the clock of who looks, as a field for it wants it. @param {Date} moment */
export function localText(moment) {
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/** @param {readonly [string, string | number]} pair */
function option([name, value]) {
  return h("option", { value: String(value) }, name);
}

/** @param {string} tag @param {object} attributes @param {...import("./dom.js").Child} children */
function control(tag, attributes, ...children) {
  return /** @type {Control} */ (h(tag, { ...attributes }, children));
}
