/** The service's API, as every client calls it: with the key in a header, and nowhere else. */

const KEY_HEADER = "Ocp-Apim-Subscription-Key";
const PREVIEW = "2022-09-01-preview";
const PATIENCE_MS = 20_000;

/** The service has refused a request, or failed on it. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, message?: string, target?: string}} error
   * @param {string} requestId
   */
  constructor(status, error, requestId) {
    super(error.message || `The service answered with status ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = error.code ?? String(status);
    this.target = error.target ?? "";
    this.requestId = requestId;
  }

  /** Whether it is the key that was refused. */
  get isRefusal() {
    return this.status === 401 || this.status === 403;
  }

  /** The code and the request id, to look it up in the service's log. */
  get reference() {
    return this.requestId ? `${this.code} · request ${this.requestId}` : this.code;
  }
}

/** The service did not answer. */
export class Unreachable extends Error {
  constructor() {
    super("The service does not answer.");
    this.name = "Unreachable";
  }
}

/**
 * @typedef {object} Options
 * @property {Record<string, string | number | undefined>} [query] What stands behind the path.
 * @property {boolean} [preview] Ask in the 2022 preview's form, not in v1.0's.
 * @property {AbortSignal} [signal] Ends the request.
 */

export class Api {
  #key;

  /** @param {string} key One of the loop's two keys. */
  constructor(key) {
    this.#key = key;
  }

  /**
   * @param {string} path Behind the version, such as `configurations/service`.
   * @param {Options} [options]
   * @returns {Promise<any>} What the JSON of the answer says.
   */
  async get(path, options = {}) {
    return (await this.#fetch("GET", path, options)).json();
  }

  /**
   * @param {"PUT" | "POST" | "DELETE"} method
   * @param {string} path
   * @param {object} [body] Sent as JSON.
   * @param {Options} [options]
   * @returns {Promise<any>} What the JSON of the answer says; null where it has none.
   */
  async send(method, path, body, options = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.#fetch(method, path, options, text, "application/json");
    const said = await answer.text();
    return said ? JSON.parse(said) : null;
  }

  /**
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<Blob>}
   */
  async download(path, options = {}) {
    return (await this.#fetch("GET", path, options)).blob();
  }

  /** @param {string} path @param {Blob} file */
  async upload(path, file) {
    await this.#fetch("PUT", path, {}, file, "application/octet-stream");
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} options
   * @param {BodyInit} [body]
   * @param {string} [type]
   */
  async #fetch(method, path, { query = {}, preview = false, signal }, body, type) {
    const url = new URL(`personalizer/${preview ? "" : "v1.0/"}${path}`, document.baseURI);
    url.hash = "";
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) {
        url.searchParams.set(name, String(value));
      }
    }
    if (preview) {
      url.searchParams.set("api-version", PREVIEW);
    }
    const headers = new Headers(body === undefined ? {} : { "Content-Type": String(type) });
    headers.set(KEY_HEADER, this.#key);
    const ending = AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), ...(signal ? [signal] : [])]);
    let answer;
    try {
      answer = await fetch(url, {
        method,
        headers,
        body,
        signal: ending,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (error) {
      if (signal?.aborted) {
        throw error;
      }
      throw new Unreachable();
    }
    if (!answer.ok) {
      throw await failure(answer);
    }
    return answer;
  }
}

/** @param {Response} answer */
async function failure(answer) {
  const requestId = answer.headers.get("apim-request-id") ?? "";
  const text = await answer.text();
  try {
    return new ApiError(answer.status, JSON.parse(text).error ?? {}, requestId);
  } catch {
    // Something in between has answered, in a shape of its own.
    return new ApiError(answer.status, {}, requestId);
  }
}

/**
 * Whether a text can be sent as a key at all.
 *
 * @param {string} key
 */
export function isKey(key) {
  return /^[\x21-\x7e]+$/.test(key);
}
