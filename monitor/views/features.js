/** Features: all reports of how much each of them matters, one of them, or the form that asks for one. */

import { featureForm } from "../parts/feature_form.js";
import { featureList } from "../parts/feature_list.js";
import { featureReport } from "../parts/feature_report.js";
import { isOver, orMissing } from "../parts/jobs.js";

const PATH = "featureImportances";
const LOG = "logs/properties";

/** @type {import("../app.js").View} */
export const features = {
  name: "features",
  title: "Features",
  async load(api, { id, new: asks }, signal) {
    if (asks) {
      return api.get(LOG, { signal });
    }
    if (id) {
      return orMissing(api.get(`${PATH}/${encodeURIComponent(id)}`, { signal }));
    }
    const page = await api.get(PATH, { signal });
    if (page.value.length) {
      return page;
    }
    const { dateRange } = await api.get(LOG, { signal });
    return { ...page, isFresh: dateRange.from === null };
  },
  isStill(data) {
    if (data.dateRange) {
      return data.dateRange.from !== null;
    }
    return (
      data.isMissing || (data.value ? data.value.every(isOver) && !data.isFresh : isOver(data))
    );
  },
  render(root, context) {
    const { id, new: asks } = context.state;
    const part = asks ? featureForm : id ? featureReport : featureList;
    return part(root, context);
  },
};
