// The client of v1.1-preview.3, @azure-rest/ai-personalizer, on a loop that has a model.

import { buffer } from "node:stream/consumers";

import { keep } from "./answers.mjs";
import { ask, client, print } from "./v1_1_client.mjs";

const model = client.path("/model");

async function fetchModel(asked, signed) {
  const answer = await model.get({ queryParameters: { signed } }).asNodeStream();
  const data = await buffer(answer.body);
  keep(asked, answer.status, answer.headers, "", data.toString("base64"));
  return data;
}

const load = (body) => model.put({ body, contentType: "application/octet-stream" });

await fetchModel("get model unsigned", false);
const signed = await fetchModel("get model signed", true);
await ask("put model", load(signed));
await fetchModel("get model unsigned again", false);
await ask("put no package", load(new Uint8Array([1, 2, 3])));
await ask("get model properties", client.path("/model/properties").get());

print();
