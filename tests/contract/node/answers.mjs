// What the scripts share: where the service is, and the answers that they print at the end.

import { webcrypto } from "node:crypto";

// The clients' newest parts look for it as a global, which Node 18 does not make it.
globalThis.crypto ??= webcrypto;

export const [, , endpoint, key] = process.argv;

const answers = {};

/** Keep an answer: `status`, `headers` as an object, `body` as text, and what the client made of it. */
export function keep(asked, status, headers, body, made) {
  if (asked in answers) throw new Error(`'${asked}' was asked before`);
  answers[asked] = { status: Number(status), headers, body: body ?? "", made: made ?? null };
}

/** Print all answers as one JSON object, by what was asked for. */
export function print() {
  console.log(JSON.stringify(answers));
}
