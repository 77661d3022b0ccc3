// The binary batches of local inference through @azure-rest/ai-personalizer.
// Two more arguments: files with a batch of interactions and one of observations.

import { readFileSync } from "node:fs";

import { ask, client, print } from "./v1_1_client.mjs";

const [interactions, observations] = process.argv.slice(4).map((file) => readFileSync(file));
const contentType = "application/octet-stream";
const post = (path, body) => client.path(path).post({ body, contentType });

await ask("interactions", post("/logs/interactions", interactions));
await ask("observations", post("/logs/observations", observations));
await ask("interactions of noise", post("/logs/interactions", new Uint8Array([1, 2, 3])));
await ask("observations of noise", post("/logs/observations", new Uint8Array([1, 2, 3])));
await ask("interactions among observations", post("/logs/observations", interactions));
await ask("log properties", client.path("/logs/properties").get());

print();
