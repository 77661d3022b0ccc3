/** What evaluations and reports of features have in common: they are asked for, worked on, and done. */

import { ApiError } from "../api.js";
import { h, notice } from "../dom.js";
import { dateTime, percent } from "../format.js";

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} name
 * @property {string} startTime
 * @property {string} endTime
 * @property {string} creationTime
 * @property {string} status
 * @property {string} description
 * @property {number} progress From 0 to 1.
 */

/** @type {Record<string, [string, string]>} */
const STATES = {
  NotSubmitted: ["waiting", ""],
  Running: ["running", ""],
  Succeeded: ["done", "good"],
  OptimalPolicyApplied: ["done: policy applied", "good"],
  OnlinePolicyRetained: ["done: policy kept", "good"],
  Failed: ["failed", "error"],
  Timeout: ["out of time", "error"],
};
const ID_BYTES = 16;

/** @param {Job} job Whether nothing is left to do for it. */
export const isOver = ({ status }) => !["NotSubmitted", "Running"].includes(status);

/** @param {Job} job Whether it has come to an end without a result. */
export const hasFailed = ({ status }) => STATES[status]?.[1] === "error";

/** @param {Job} job */
export function stateBadge({ status }) {
  const [words, kind] = STATES[status] ?? [status, ""];
  return h("span", { class: `badge ${kind}` }, words);
}

/** @param {Job} job How far it is. */
export function progressBar({ name, progress, status }) {
  return h(
    "div",
    { class: "progress" },
    h("progress", { value: progress, max: 1, "aria-label": `Progress of ${name}` }),
    h("span", { class: "number" }, status === "NotSubmitted" ? "waiting" : percent(progress, 0)),
  );
}

/** @param {Job} job What is said of one that is not over. */
export function runningWords(job) {
  return [
    progressBar(job),
    job.status === "NotSubmitted" &&
      h("p", {}, "It waits for its turn: they are worked on one after the other."),
  ];
}

/** What a loop without any event needs before anything can be judged. */
export function firstNeeded() {
  return notice(
    "info",
    h("p", {}, h("strong", {}, "First, the loop needs events.")),
    h(
      "p",
      {},
      "Call Rank, then send what came of it as a Reward. An event counts here once its reward wait time is over and it is joined with its rewards. The ",
      h("a", { href: "#/overview" }, "overview"),
      " has lines to begin with.",
    ),
  );
}

/** @param {Job} job Of which events it is. */
export function rangeText({ startTime, endTime }) {
  return `${dateTime(startTime)} to ${dateTime(endTime)}`;
}

/**
 * A button that calls a job off, or deletes it, once that is agreed to.
 *
 * @param {import("../app.js").Context} context
 * @param {string} path Of such jobs in the API.
 * @param {Job} job
 * @param {{what: string, stays: string, afterwards?: () => void}} words `what` it is; what `stays`
 *   when it is gone.
 */
export function removal({ api, confirm, perform }, path, job, { what, stays, afterwards }) {
  const ends = !isOver(job);
  return h(
    "button",
    {
      type: "button",
      class: "quiet",
      id: `remove-${job.id}`,
      onclick: async (/** @type {MouseEvent} */ event) => {
        const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
        const sure = await confirm({
          title: ends ? `Call off ${job.name}?` : `Delete ${job.name}?`,
          text: h("p", {}, ends ? `The work on this ${what} ends, and it is deleted.` : stays),
          action: ends ? "Call off" : "Delete",
          danger: true,
        });
        if (!sure) {
          return;
        }
        await perform(button, async () => {
          await api.send("DELETE", `${path}/${encodeURIComponent(job.id)}`);
          afterwards?.();
          return ends ? `${job.name} is called off.` : `${job.name} is deleted.`;
        });
      },
    },
    ends ? "Call off…" : "Delete…",
    h("span", { class: "unseen" }, ` ${job.name}`),
  );
}

/** An id of one's own; the browser's `randomUUID` is not to be had over http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} view @param {string} text The way back from one of them to all. */
export function wayBack(view, text) {
  return h("p", {}, h("a", { href: `#/${view}` }, `← ${text}`));
}

/**
 * What is loaded; or, where it is not there (any more), that it is missing.
 *
 * @param {Promise<any>} loading
 */
export async function orMissing(loading) {
  try {
    return await loading;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      return { isMissing: true };
    }
    throw error;
  }
}
