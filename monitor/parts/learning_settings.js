/** The learning settings (policy): read them, put others, take them along as a file. */

import { ApiError } from "../api.js";
import { h, replace, whenChanged } from "../dom.js";
import { save } from "../files.js";

const PATH = "configurations/policy";

/** @typedef {{name: string, arguments: string}} Policy */

/**
 * @param {import("../app.js").Context} context
 * @returns {{element: HTMLElement, show: (data: any) => void, isDirty: () => boolean}}
 */
export function learningSettings(context) {
  /** @type {Policy} */
  let standing = { name: "", arguments: "" };
  /** @type {Policy} */
  let fallback = standing;
  let loop = "";
  const state = h("p", {});
  const name = /** @type {HTMLInputElement} */ (
    h("input", { id: "policy-name", maxlength: "256", autocomplete: "off" })
  );
  const text = /** @type {HTMLTextAreaElement} */ (
    h("textarea", {
      id: "policy-arguments",
      class: "code",
      maxlength: "1024",
      spellcheck: "false",
      "aria-describedby": "policy-help policy-problem",
    })
  );
  const problem = h("p", { class: "problem", id: "policy-problem", "aria-live": "polite" });
  const file = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "file",
      id: "policy-file",
      accept: ".json,application/json",
      onchange: read,
    })
  );
  const isDirty = () => name.value !== standing.name || text.value !== standing.arguments;

  const put = h("button", { type: "submit", class: "primary" }, "Save…");
  const discard = h("button", { type: "button", onclick: () => fill(standing) }, "Discard");
  const weigh = () => {
    put.toggleAttribute("disabled", !isDirty());
    discard.toggleAttribute("disabled", !isDirty());
  };

  function complain(/** @type {string} */ why) {
    problem.textContent = why;
    why ? text.setAttribute("aria-invalid", "true") : text.removeAttribute("aria-invalid");
  }

  function fill(/** @type {Policy} */ policy) {
    name.value = policy.name;
    text.value = policy.arguments;
    complain("");
    weigh();
  }

  function take(/** @type {Policy} */ policy) {
    standing = policy;
    fill(policy);
  }

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const asked = { name: name.value, arguments: text.value };
    if (!(await agreed(`“${asked.name}” is put in force.`, asked))) {
      return;
    }
    await context.perform(
      /** @type {HTMLButtonElement} */ (put),
      async () => {
        take(await context.api.send("PUT", PATH, asked));
        return "The learning settings are in force. The model is rebuilt with them.";
      },
      refused,
    );
    weigh();
  }

  async function reset(/** @type {MouseEvent} */ event) {
    if (await agreed("The default learning settings are put in force.", fallback)) {
      await context.perform(/** @type {HTMLButtonElement} */ (event.target), async () => {
        take(await context.api.send("DELETE", PATH));
        return "The default learning settings are in force. The model is rebuilt with them.";
      });
    }
  }

  function agreed(/** @type {string} */ what, /** @type {Policy} */ policy) {
    return context.confirm({
      title: "Change the learning settings?",
      text: [
        h("p", {}, what),
        h("pre", {}, h("code", {}, policy.arguments)),
        h(
          "p",
          {},
          "The model is reset: a new one is rebuilt with them from the log, as far back as Setup says (days to rebuild from). Until it is there, the present one serves.",
        ),
        isForSlots(policy) !== isForSlots(standing) &&
          h(
            "p",
            {},
            `They make this loop ${isForSlots(policy) ? "multi-slot" : "single-slot"}: calls of the other kind are refused from then on.`,
          ),
      ],
      action: "Put in force",
      danger: true,
    });
  }

  function refused(/** @type {Error} */ error) {
    if (!(error instanceof ApiError)) {
      return false;
    }
    complain(`${error.message} (${error.reference})`);
    text.focus();
    return true;
  }

  function download() {
    const content = JSON.stringify(standing, null, 2);
    save(
      new Blob([`${content}\n`], { type: "application/json" }),
      `${loop}-learning-settings.json`,
    );
  }

  async function read() {
    const [chosen] = file.files ?? [];
    if (!chosen) {
      return;
    }
    const policy = policyIn(await chosen.text());
    file.value = "";
    if (policy) {
      fill(policy);
      text.focus();
      context.say(`${chosen.name} is filled in. Save it to put it in force.`);
    } else {
      complain(`${chosen.name} holds no learning settings: a JSON object with name and arguments.`);
    }
  }

  const show = whenChanged((/** @type {Policy} */ policy) => {
    const isStill = !isDirty();
    standing = policy;
    if (isStill) {
      fill(policy);
    }
  });
  const element = h(
    "section",
    { class: "card" },
    h("div", { class: "row" }, h("h2", {}, "Learning settings"), state),
    h(
      "form",
      { class: "stack", novalidate: true, onsubmit: submit, oninput: weigh },
      h("div", { class: "field" }, h("label", { for: "policy-name" }, "Name"), name),
      h(
        "div",
        { class: "field" },
        h("label", { for: "policy-arguments" }, "Arguments"),
        text,
        h(
          "p",
          { class: "help", id: "policy-help" },
          "VowpalWabbit's options of learning, up to 1,024 characters. The exploration that Setup says replaces that of ",
          h("code", {}, "--epsilon"),
          ".",
        ),
        problem,
      ),
      h(
        "div",
        { class: "buttons" },
        put,
        discard,
        h("button", { type: "button", onclick: reset }, "Back to default…"),
        h("button", { type: "button", onclick: download }, "Export"),
      ),
    ),
    h(
      "div",
      { class: "field" },
      h("label", { for: "policy-file" }, "Import from a file"),
      file,
      h("p", { class: "help" }, "It is filled in above, to be looked at before it is saved."),
    ),
  );
  return {
    element,
    isDirty,
    show(data) {
      loop = data.loop;
      fallback = data.defaultPolicy;
      const isDefault = data.policy.arguments === fallback.arguments;
      replace(state, h("span", { class: "badge" }, isDefault ? "the default" : "of your own"));
      show(data.policy);
      weigh();
    },
  };
}

/** @param {Policy} policy */
function isForSlots(policy) {
  return policy.arguments.includes("--ccb_explore_adf");
}

/**
 * The learning settings that a file holds; null where it holds none.
 *
 * @param {string} text
 * @returns {Policy | null}
 */
function policyIn(text) {
  try {
    const found = JSON.parse(text);
    return typeof found?.name === "string" && typeof found?.arguments === "string" ? found : null;
  } catch {
    return null;
  }
}
