// The client of v1.1-preview.3, @azure-rest/ai-personalizer, for the scripts that use it.

import rest from "@azure-rest/ai-personalizer";

import { endpoint, keep, key } from "./answers.mjs";

export { print } from "./answers.mjs";

const options = { allowInsecureConnection: true };

export const client = rest.default(endpoint, { key }, options);
export const stranger = rest.default(endpoint, { key: "wrong" }, options);

/** Keep an answer, which comes back, and whether the client takes it for one it doesn't expect. */
export async function ask(asked, call) {
  const answer = await call;
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  keep(asked, answer.status, answer.headers, text, { unexpected: rest.isUnexpected(answer) });
  return answer;
}
