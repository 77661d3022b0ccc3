/** Evaluations: all of them, one with its policies, or the form that asks for one. */

import { evaluationForm } from "../parts/evaluation_form.js";
import { evaluationList } from "../parts/evaluation_list.js";
import { evaluationResult } from "../parts/evaluation_result.js";
import { isOver, orMissing } from "../parts/jobs.js";

/** @type {import("../app.js").View} */
export const evaluations = {
  name: "evaluations",
  title: "Evaluations",
  load(api, { id, new: asks, slot, type, skip }, signal) {
    if (asks) {
      return api.get("logs/properties", { signal });
    }
    return id
      ? orMissing(
          api.get(`views/evaluations/${encodeURIComponent(id)}`, { query: { slot }, signal }),
        )
      : api.get("views/evaluations", { query: { type, skip }, signal });
  },
  isStill(data) {
    if (data.dateRange) {
      return data.dateRange.from !== null;
    }
    return data.evaluations ? data.unfinished === 0 : data.isMissing || isOver(data.evaluation);
  },
  render(root, context) {
    const { id, new: asks } = context.state;
    const part = asks ? evaluationForm : id ? evaluationResult : evaluationList;
    return part(root, context);
  },
};
