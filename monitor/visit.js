/** A view while it is in front: its data are asked for again and again, and shown when they change. */

import { ApiError, Unreachable } from "./api.js";

const EVERY_MS = 5_000;
const AFTER_FAILURE_MS = 2_000;

export class Visit {
  #leaving = new AbortController();
  #loading = new AbortController();
  #wake = () => {};
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {(signal: AbortSignal) => Promise<any>} load
   * @param {(data: any) => void} show Called with the first data, and with all that differ.
   * @param {(failure: ApiError | Unreachable | null) => void} report Called after each attempt.
   * @param {(data: any) => boolean} isStill Whether data don't change by themselves: they are asked
   *   for again once the tab comes to the front.
   */
  constructor(load, show, report, isStill) {
    this.#run(load, show, report, isStill);
  }

  /** Aborted when the view is left. */
  get signal() {
    return this.#leaving.signal;
  }

  /** Ask now, and wait until what was answered is shown. */
  refresh() {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        this.#waiting.push(resolve);
        // What is on its way was asked before.
        this.#loading.abort();
        this.#wake();
      })
    );
  }

  leave() {
    this.#leaving.abort();
    this.#wake();
    this.#answer();
  }

  async #run(load, show, report, isStill) {
    let shown = "";
    while (!this.signal.aborted) {
      this.#loading = new AbortController();
      const loading = AbortSignal.any([this.signal, this.#loading.signal]);
      /** @type {number | null} */
      let pause = EVERY_MS;
      try {
        const data = await load(loading);
        if (loading.aborted) {
          continue;
        }
        const text = JSON.stringify(data);
        if (text !== shown) {
          shown = text;
          show(data);
        }
        report(null);
        pause = isStill(data) ? null : EVERY_MS;
      } catch (error) {
        if (loading.aborted) {
          continue;
        }
        if (!(error instanceof ApiError || error instanceof Unreachable)) {
          throw error;
        }
        report(error);
        pause = AFTER_FAILURE_MS;
      }
      this.#answer();
      await this.#pause(pause);
    }
  }

  #answer() {
    for (const resolve of this.#waiting.splice(0)) {
      resolve();
    }
  }

  /**
   * Until the time is over and the tab is in front, or something else wakes it.
   *
   * @param {number | null} milliseconds Null waits until the tab comes to the front.
   */
  #pause(milliseconds) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        let over = milliseconds === null;
        const look = () => {
          if (over && !document.hidden) {
            wake();
          }
        };
        const timer =
          milliseconds !== null &&
          setTimeout(() => {
            over = true;
            look();
          }, milliseconds);
        const wake = () => {
          clearTimeout(timer || undefined);
          document.removeEventListener("visibilitychange", look);
          resolve();
        };
        document.addEventListener("visibilitychange", look);
        this.#wake = wake;
      })
    );
  }
}
