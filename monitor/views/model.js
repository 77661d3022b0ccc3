/** Model and learning settings: what the loop has learned, and how it learns. */

import { h } from "../dom.js";
import { clearData } from "../parts/clear_data.js";
import { learningSettings } from "../parts/learning_settings.js";
import { modelHistory } from "../parts/model_history.js";
import { modelNow } from "../parts/model_now.js";

/** @type {import("../app.js").View} */
export const model = {
  name: "model",
  title: "Model and learning settings",
  tab: "Model",
  load: (api, _state, signal) => api.get("views/model", { signal }),
  render(root, context) {
    const now = modelNow(context);
    const settings = learningSettings(context);
    const history = modelHistory(context);
    context.guard(settings.isDirty);
    root.append(
      h("div", { class: "grid" }, now.element, settings.element),
      history.element,
      clearData(context),
    );
    return (data) => {
      now.show(data);
      settings.show(data);
      history.show(data);
    };
  },
};
