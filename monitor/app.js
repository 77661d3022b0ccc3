/** The page: who is signed in, which view is in front, and whether the service answers. */

import { Api, ApiError, Unreachable } from "./api.js";
import { dropDetached } from "./charts.js";
import { confirm } from "./dialog.js";
import { h, replace } from "./dom.js";
import { dateTime } from "./format.js";
import { hush, say, told } from "./said.js";
import { signInForm } from "./sign_in.js";
import { evaluations } from "./views/evaluations.js";
import { features } from "./views/features.js";
import { model } from "./views/model.js";
import { monitor } from "./views/monitor.js";
import { overview } from "./views/overview.js";
import { setup } from "./views/setup.js";
import { Visit } from "./visit.js";

/**
 * @typedef {object} View
 * @property {string} name Its place in the address: `#/name`.
 * @property {string} title
 * @property {string} [tab] What the navigation calls it, where that is shorter.
 * @property {(api: Api, state: State, signal: AbortSignal) => Promise<any>} load One request for
 *   all that it shows; made again every few seconds.
 * @property {(root: HTMLElement, context: Context) => (data: any) => void} render Draws into the
 *   empty `root`, once, what does not depend on data; what it returns is called with the data, the
 *   first time and whenever they differ.
 * @property {(data: any) => boolean} [isStill] Whether data don't change by themselves, so that they
 *   need not be asked for again and again.
 *
 * @typedef {{loop: string, kind: string, learningMode: string}} Head Which loop it is, and how.
 *
 * @typedef {Record<string, string>} State What stands behind `?` in the address.
 *
 * @typedef {object} Context What a view works with.
 * @property {Api} api
 * @property {State} state
 * @property {AbortSignal} signal Aborted when the view is left.
 * @property {(changes: Record<string, string | null>) => void} go Change the state; null takes a
 *   member out. The view is drawn anew.
 * @property {() => Promise<void>} refresh Load again, and wait until it is shown.
 * @property {typeof confirm} confirm
 * @property {(text: string) => void} say Shown for a while, and read out by screen readers.
 * @property {(button: HTMLButtonElement, action: () => Promise<string>,
 *   place?: (error: Error) => boolean) => Promise<boolean>} perform Do what a button asks for: it is
 *   out of order meanwhile; then what the action returns is said, and the view is loaded again; or
 *   its error is shown, unless `place` has found a better place for it. Whether it succeeded.
 * @property {(isDirty: () => boolean) => void} guard Ask before the view is left, while that is true.
 */

const VIEWS = [overview, monitor, setup, model, evaluations, features];
const KEY = "personalizer-key";
const HEAD = "personalizer-loop";

const main = element("main");
const nav = element("views");
const loop = element("loop");
const signOutButton = element("sign-out");
const connection = element("connection");

/** @type {Api | null} */
let api = null;
/** @type {Visit | null} */
let visit = null;
let isDirty = () => false;
let address = location.hash;
let answeredAt = 0;

/** @param {string} key @param {Head} head @param {boolean} byUser Whether they have just signed in. */
function open(key, head, byUser = true) {
  sessionStorage.setItem(KEY, key);
  api = new Api(key);
  named(head);
  nav.hidden = signOutButton.hidden = false;
  route(byUser);
}

/** @param {string} [reason] Why the key is not taken any more. */
function close(reason) {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(HEAD);
  visit?.leave();
  api = visit = null;
  isDirty = () => false;
  nav.hidden = signOutButton.hidden = loop.hidden = true;
  connection.textContent = connection.dataset.state = "";
  hush();
  document.title = "Sign in – Open Personalizer";
  replace(main, signInForm(open, reason));
  dropDetached();
  main.querySelector("input")?.focus();
}

/** @param {boolean} byUser Whether they have asked for it, and are to be taken there. */
function route(byUser) {
  if (!api) {
    return;
  }
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  const view = VIEWS.find((view) => view.name === name);
  if (!view) {
    history.replaceState(null, "", `#/${VIEWS[0].name}`);
    route(byUser);
    return;
  }
  address = location.hash;
  turnTo(view, Object.fromEntries(new URLSearchParams(query)), byUser);
}

/** @param {View} view @param {State} state @param {boolean} byUser */
function turnTo(view, state, byUser) {
  visit?.leave();
  isDirty = () => false;
  answeredAt = 0;
  const key = api;
  const heading = h("h1", { tabindex: "-1" }, view.title);
  const root = h("div", { class: `view ${view.name}` }, h("p", { class: "quiet" }, "Loading…"));
  replace(main, heading, root);
  dropDetached();
  for (const link of nav.querySelectorAll("a")) {
    const isHere = link.hash === `#/${view.name}`;
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  title(view);
  /** @type {((data: any) => void) | null} */
  let show = null;
  const here = new Visit(
    (signal) => view.load(/** @type {Api} */ (key), state, signal),
    (data) => {
      named(data);
      title(view);
      if (!show) {
        root.replaceChildren();
        show = view.render(root, context(here, state));
      }
      show(data);
    },
    report,
    (data) => view.isStill?.(data) ?? false,
  );
  visit = here;
  if (byUser) {
    heading.focus();
  }
}

/** @param {Visit} here @param {State} state @returns {Context} */
function context(here, state) {
  return {
    api: /** @type {Api} */ (api),
    state,
    signal: here.signal,
    go: (changes) => {
      const query = new URLSearchParams(state);
      for (const [name, value] of Object.entries(changes)) {
        value === null ? query.delete(name) : query.set(name, value);
      }
      const [name] = location.hash.split("?");
      location.hash = query.size ? `${name}?${query}` : name;
    },
    refresh: () => here.refresh(),
    confirm,
    say,
    perform: (button, action, place) => perform(here, button, action, place),
    guard: (asked) => {
      isDirty = asked;
    },
  };
}

/**
 * @param {Visit} here
 * @param {HTMLButtonElement} button
 * @param {() => Promise<string>} action
 * @param {(error: Error) => boolean} [place]
 */
async function perform(here, button, action, place = () => false) {
  const isHeld = document.activeElement === button;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    say(await action());
    await here.refresh();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError || error instanceof Unreachable)) {
      throw error;
    }
    if (!refused(error) && !place(error)) {
      told(error);
    }
    return false;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (isHeld) {
      giveBack(button);
    }
  }
}

/**
 * Give the focus back to a button that had it; or to what has come in its place, or to the heading.
 *
 * @param {HTMLButtonElement} button
 */
function giveBack(button) {
  if (document.activeElement !== document.body) {
    return;
  }
  const place = button.isConnected ? button : document.getElementById(button.id);
  (place ?? main.querySelector("h1"))?.focus({ preventScroll: true });
}

/** @param {ApiError | Unreachable | null} failure */
function report(failure) {
  if (failure && refused(failure)) {
    return;
  }
  const was = connection.dataset.state;
  const text = failure
    ? `${failure.message}${answeredAt ? ` What you see is from ${dateTime(answeredAt)}.` : ""} Trying again…`
    : "";
  connection.dataset.state = failure ? "failing" : "";
  if (connection.textContent !== text) {
    connection.textContent = text;
  }
  if (!failure) {
    answeredAt = Date.now();
    if (was === "failing") {
      say("The service answers again.");
    }
  }
}

/** @param {ApiError | Unreachable} error Whether it ended the session. */
function refused(error) {
  if (!(error instanceof ApiError && error.isRefusal)) {
    return false;
  }
  close(error.message);
  return true;
}

/** @param {Partial<Head>} data What says which loop this is, and how it is; or not. */
function named(data) {
  const known = JSON.parse(sessionStorage.getItem(HEAD) ?? "{}");
  const { loop: name = known.loop, kind = known.kind, learningMode = known.learningMode } = data;
  sessionStorage.setItem(HEAD, JSON.stringify({ loop: name, kind, learningMode }));
  replace(
    loop,
    h("span", { class: "unseen" }, "Loop "),
    h("strong", {}, name),
    h("span", { class: "badge" }, kind),
    h("span", { class: "badge" }, learningMode),
  );
  loop.hidden = false;
  loop.dataset.name = name;
}

/** @param {View} view */
function title(view) {
  const name = loop.hidden ? "" : ` · ${loop.dataset.name}`;
  document.title = `${view.title}${name} – Open Personalizer`;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

replace(
  nav,
  h(
    "ul",
    {},
    VIEWS.map((view) => h("li", {}, h("a", { href: `#/${view.name}` }, view.tab ?? view.title))),
  ),
);
element("skip").addEventListener("click", (event) => {
  // The address says which view is in front, and goes on saying so.
  event.preventDefault();
  main.focus();
});
signOutButton.addEventListener("click", () => close());
window.addEventListener("hashchange", async () => {
  if (location.hash === address) {
    return;
  }
  const wanted = location.hash;
  if (isDirty()) {
    history.replaceState(null, "", address);
    const sure = await confirm({
      title: "Leave without saving?",
      text: h("p", {}, "What you have changed here is not saved."),
      action: "Leave",
      danger: true,
    });
    if (!sure) {
      return;
    }
    history.replaceState(null, "", wanted);
  }
  route(true);
});
window.addEventListener("beforeunload", (event) => {
  if (isDirty()) {
    event.preventDefault();
  }
});

const key = sessionStorage.getItem(KEY);
key ? open(key, JSON.parse(sessionStorage.getItem(HEAD) ?? "{}"), false) : close();
