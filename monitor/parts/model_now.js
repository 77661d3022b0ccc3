/** The model that serves: since when, in and out as a file, and starting over without it. */

import { h, replace } from "../dom.js";
import { save } from "../files.js";
import { ago, dateTime } from "../format.js";

/**
 * @param {import("../app.js").Context} context
 * @returns {{element: HTMLElement, show: (data: any) => void}}
 */
export function modelNow(context) {
  let loop = "";
  const facts = h("dl", { class: "facts" });
  const file = /** @type {HTMLInputElement} */ (
    h("input", { type: "file", id: "model-file", accept: ".zip" })
  );
  const button = (/** @type {string} */ text, /** @type {Function} */ action, kind = "") =>
    h("button", { type: "button", class: kind, onclick: (event) => action(event.target) }, text);

  async function download(/** @type {HTMLButtonElement} */ pressed, /** @type {boolean} */ signed) {
    await context.perform(pressed, async () => {
      const content = await context.api.download("model", { query: { signed: String(signed) } });
      if (!content.size) {
        return "There is no model yet, so there is nothing to export.";
      }
      const name = `${loop}-model.vw${signed ? ".zip" : ""}`;
      save(content, name);
      return `Exported as ${name}.`;
    });
  }

  async function upload(/** @type {HTMLButtonElement} */ pressed) {
    const [chosen] = file.files ?? [];
    if (!chosen) {
      file.focus();
      context.say("Choose the file first: a signed model, model.vw.zip.");
      return;
    }
    const sure = await context.confirm({
      title: "Import this model?",
      text: h(
        "p",
        {},
        `${chosen.name} takes the place of the model that serves, at once, and learning goes on from it. The one that serves now stays in the history.`,
      ),
      action: "Import",
      danger: true,
    });
    if (sure) {
      const done = await context.perform(pressed, async () => {
        await context.api.upload("model", chosen);
        return `${chosen.name} serves now.`;
      });
      if (done) {
        file.value = "";
      }
    }
  }

  async function reset(/** @type {HTMLButtonElement} */ pressed) {
    const sure = await context.confirm({
      title: "Reset the model?",
      text: h(
        "p",
        {},
        "What was learned is forgotten. Until a new model is made of later events, all actions are equally likely. The log and the history of models stay: a model of the history can be published again.",
      ),
      action: "Reset",
      danger: true,
    });
    if (sure) {
      await context.perform(pressed, async () => {
        await context.api.send("DELETE", "model");
        return "The model is reset. A new one is learned from here on.";
      });
    }
  }

  const element = h(
    "section",
    { class: "card" },
    h("h2", {}, "Model"),
    facts,
    h(
      "div",
      { class: "buttons" },
      button("Export", (pressed) => download(pressed, false)),
      button("Export signed", (pressed) => download(pressed, true)),
      button("Reset…", reset, "danger"),
    ),
    h(
      "div",
      { class: "field" },
      h("label", { for: "model-file" }, "Import a signed model"),
      h("div", { class: "row" }, file, button("Import…", upload)),
      h(
        "p",
        { class: "help" },
        "A model.vw.zip that this loop, or a signer whom the deployment trusts, has signed.",
      ),
    ),
  );
  return {
    element,
    show(data) {
      loop = data.loop;
      const { creationTime, lastModifiedTime } = data.properties;
      replace(facts, [
        fact("First model", moment(creationTime)),
        fact("Serves since", moment(lastModifiedTime)),
        data.isRebuilding &&
          fact("Now", h("span", { class: "badge warning" }, "being rebuilt from the log")),
      ]);
    },
  };
}

/** @param {string} name @param {import("../dom.js").Child} value */
function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

/** @param {string} when */
function moment(when) {
  const shown = dateTime(when);
  return shown === "–" ? "There is none yet" : `${shown} (${ago(when)})`;
}
