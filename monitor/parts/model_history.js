/** The history of models: describe them, pin them, publish one, remove one. */

import { h, replace, table, whenChanged } from "../dom.js";
import { count, dateTime } from "../format.js";

/**
 * @typedef {object} StagedModel
 * @property {string} modelId
 * @property {string} userDescription
 * @property {string} creationDate
 * @property {boolean} savedInHistory
 * @property {number} numberOfEventsLearnedSinceLastExport
 * @property {boolean} isPublished
 */

/**
 * @param {import("../app.js").Context} context
 * @returns {{element: HTMLElement, show: (data: any) => void}}
 */
export function modelHistory(context) {
  const place = h("div", {});

  function path(/** @type {StagedModel} */ model) {
    return `staged-model/${encodeURIComponent(model.modelId)}`;
  }

  async function describe(
    /** @type {StagedModel} */ model,
    /** @type {HTMLButtonElement} */ pressed,
  ) {
    const text = h("textarea", {
      id: "description",
      maxlength: "1024",
      value: model.userDescription,
    });
    const pin = h("input", { type: "checkbox", id: "pinned", checked: model.savedInHistory });
    const sure = await context.confirm({
      title: "Describe this model",
      text: h(
        "div",
        { class: "stack" },
        h("div", { class: "field" }, h("label", { for: "description" }, "Description"), text),
        h(
          "div",
          { class: "field check" },
          pin,
          h("label", { for: "pinned" }, "Pin it"),
          h("p", { class: "help" }, "It stays in the history, however many come after it."),
        ),
      ),
      action: "Save",
    });
    if (sure) {
      await context.perform(pressed, async () => {
        await context.api.send("PUT", path(model), {
          userDescription: /** @type {HTMLTextAreaElement} */ (text).value,
          savedInHistory: /** @type {HTMLInputElement} */ (pin).checked,
        });
        return "Saved.";
      });
    }
  }

  async function publish(
    /** @type {StagedModel} */ model,
    /** @type {HTMLButtonElement} */ pressed,
    /** @type {boolean} */ isOlder,
  ) {
    const made = dateTime(model.creationDate);
    const sure = await context.confirm({
      title: isOlder ? "Go back to this model?" : "Publish this model?",
      text: h(
        "p",
        {},
        isOlder
          ? `The model of ${made} serves from now on, and learning goes on from it. What newer models have learned is not in it; they stay in the history.`
          : `The model of ${made} serves from now on.`,
      ),
      action: isOlder ? "Roll back" : "Publish",
      danger: isOlder,
    });
    if (sure) {
      await context.perform(pressed, async () => {
        await context.api.send("PUT", `${path(model)}/publish`);
        return `The model of ${made} serves now.`;
      });
    }
  }

  async function remove(
    /** @type {StagedModel} */ model,
    /** @type {HTMLButtonElement} */ pressed,
  ) {
    const made = dateTime(model.creationDate);
    const sure = await context.confirm({
      title: "Remove this model?",
      text: h("p", {}, `The model of ${made} is removed from the history, for good.`),
      action: "Remove",
      danger: true,
    });
    if (sure) {
      await context.perform(pressed, async () => {
        await context.api.send("DELETE", path(model));
        return `The model of ${made} is removed.`;
      });
    }
  }

  function row(/** @type {StagedModel} */ model, /** @type {number} */ position, serving) {
    const isOlder = serving >= 0 && position > serving;
    const button = (text, id, action) =>
      h(
        "button",
        {
          type: "button",
          id: `${id}-${model.modelId}`,
          onclick: (event) => action(model, event.target, isOlder),
        },
        text,
        h("span", { class: "unseen" }, ` the model of ${dateTime(model.creationDate)}`),
      );
    return [
      [dateTime(model.creationDate), h("small", { class: "code" }, model.modelId)],
      [
        model.isPublished && h("span", { class: "badge good" }, "serves"),
        model.savedInHistory && [" ", h("span", { class: "badge" }, "pinned")],
      ],
      count(model.numberOfEventsLearnedSinceLastExport),
      model.userDescription,
      h(
        "div",
        { class: "buttons" },
        !model.isPublished && button(isOlder ? "Roll back…" : "Publish…", "publish", publish),
        button("Describe…", "describe", describe),
        !model.isPublished && button("Remove…", "remove", remove),
      ),
    ];
  }

  const show = whenChanged((/** @type {StagedModel[]} */ history) => {
    const serving = history.findIndex((model) => model.isPublished);
    replace(
      place,
      history.length
        ? table(
            "Models, the newest first",
            ["Made", "State", "Events learned", "Description", "What to do"],
            history.map((model, position) => row(model, position, serving)),
            { numbers: [2] },
          )
        : h(
            "p",
            { class: "quiet" },
            "There is no model yet. The first one is made of the first events whose wait is over.",
          ),
    );
  });
  return {
    element: h("section", { class: "card history" }, h("h2", {}, "History of models"), place),
    show: (data) => show(data.history),
  };
}
