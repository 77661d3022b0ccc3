/** Learning settings of one's own, to be judged beside the others: typed, or read from files. */

import { h } from "../dom.js";
import { save } from "../files.js";
import { labelled } from "./form_fields.js";

const MOST = 10;

/** @typedef {{name: string, arguments: string}} Policy */

/**
 * @param {import("../app.js").Context} context
 * @returns {{element: HTMLElement, read: () => Policy[], isEmpty: () => boolean,
 *   fieldOf: (target: string) => import("./form_fields.js").Labelled | undefined}}
 */
export function customSettings(context) {
  /** @type {{name: import("./form_fields.js").Labelled,
   *   arguments: import("./form_fields.js").Labelled, element: HTMLElement}[]} */
  let rows = [];
  let made = 0;
  const list = h("div", { class: "stack" });
  const problem = h("p", { class: "problem", id: "policies-problem", "aria-live": "polite" });
  const file = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "file",
      id: "policies-file",
      accept: ".json,application/json",
      multiple: true,
      "aria-describedby": "policies-file-help policies-problem",
      onchange: takeFiles,
    })
  );
  const add = h("button", { type: "button", onclick: () => takeAnother() }, "Add settings");
  const copy = h("button", { type: "button", onclick: takeInForce }, "Copy those in force");

  function takeAnother(policy = { name: "", arguments: "" }) {
    problem.textContent = "";
    if (rows.length === MOST) {
      problem.textContent = `An evaluation takes ${MOST} settings of your own, and no more.`;
      return;
    }
    made += 1;
    const text = { autocomplete: "off", spellcheck: "false" };
    const name = h("input", {
      ...text,
      id: `policy-${made}-name`,
      maxlength: "256",
      value: policy.name,
    });
    const body = h("textarea", {
      ...text,
      id: `policy-${made}-arguments`,
      class: "code",
      maxlength: "1024",
      value: policy.arguments,
    });
    const row = {
      name: labelled(/** @type {HTMLInputElement} */ (name), "Name of the settings"),
      arguments: labelled(
        /** @type {HTMLTextAreaElement} */ (body),
        "Arguments",
        "VowpalWabbit's options of learning. The exploration of the loop replaces that of --epsilon.",
      ),
      element: h("div", { class: "inset stack" }),
    };
    row.element.append(
      row.name.element,
      row.arguments.element,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", class: "quiet", onclick: () => leaveOut(row) }, "Leave out"),
      ),
    );
    rows.push(row);
    list.append(row.element);
    weigh();
    name.focus();
  }

  function leaveOut(/** @type {(typeof rows)[0]} */ row) {
    rows = rows.filter((each) => each !== row);
    row.element.remove();
    problem.textContent = "";
    weigh();
    add.focus();
  }

  function weigh() {
    add.toggleAttribute("disabled", rows.length === MOST);
    copy.toggleAttribute("disabled", rows.length === MOST);
  }

  async function takeInForce() {
    await context.perform(/** @type {HTMLButtonElement} */ (copy), async () => {
      const policy = await context.api.get("configurations/policy");
      takeAnother({ ...policy, name: `${policy.name} changed` });
      return `The settings of ${policy.name} are filled in.`;
    });
    weigh();
  }

  async function takeFiles() {
    const chosen = [...(file.files ?? [])];
    const found = await Promise.all(chosen.map(async (each) => policiesIn(await each.text())));
    file.value = "";
    for (const policy of found.flatMap((policies) => policies ?? [])) {
      takeAnother(policy);
    }
    const unread = chosen.filter((_, place) => found[place] === null).map(({ name }) => name);
    if (unread.length) {
      problem.textContent = `No learning settings in ${unread.join(", ")}: a file holds a JSON object with name and arguments, or a list of them.`;
    }
  }

  return {
    element: h(
      "fieldset",
      { class: "stack" },
      h("legend", {}, "Settings of your own"),
      h("p", { class: "help" }, `Up to ${MOST}, to be judged beside the others. None are needed.`),
      list,
      h("div", { class: "buttons" }, add, copy),
      h(
        "div",
        { class: "field" },
        h("label", { for: "policies-file" }, "Import from files"),
        file,
        h("p", { class: "help", id: "policies-file-help" }, "As they are exported and downloaded."),
        problem,
      ),
    ),
    isEmpty: () => rows.length === 0,
    read: () =>
      rows.map((row) => ({ name: row.name.input.value, arguments: row.arguments.input.value })),
    fieldOf(target) {
      const [, place, member] = /^policies\[(\d+)\](?:\.(\w+))?$/.exec(target) ?? [];
      return rows[Number(place)]?.[member === "name" ? "name" : "arguments"];
    },
  };
}

/** @param {Policy} policy Hand it over as a file that can be imported again, here or elsewhere. */
export function download({ name, arguments: text }) {
  const content = JSON.stringify({ name, arguments: text }, null, 2);
  save(
    new Blob([`${content}\n`], { type: "application/json" }),
    `${name.replace(/[^\w.-]+/g, "-")}.json`,
  );
}

/**
 * The learning settings that a file holds; null where it holds none.
 *
 * @param {string} text
 * @returns {Policy[] | null}
 */
function policiesIn(text) {
  try {
    const found = [JSON.parse(text)].flat();
    const areAll = found.every(
      (each) => typeof each?.name === "string" && typeof each?.arguments === "string",
    );
    return found.length && areAll ? found : null;
  } catch {
    return null;
  }
}
