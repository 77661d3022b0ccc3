// The client of v1.1-preview.3, @azure-rest/ai-personalizer, on a loop that has a log.

import { setTimeout as delay } from "node:timers/promises";

import { ask, client, print } from "./v1_1_client.mjs";

const DAY = 24 * 3600 * 1000;
const FINISH = 120 * 1000;
const FINAL = ["completed", "failed", "timeout"];

const evaluations = client.path("/evaluations");
const at = (id) => client.path("/evaluations/{evaluationId}", id);
const contract = {
  name: "MyEval",
  startTime: new Date(Date.now() - DAY),
  endTime: new Date(Date.now() + DAY),
  enableOfflineExperimentation: true,
  policies: [],
};
const create = (body) => evaluations.post({ body });

const created = await ask("create", create(contract));
const { id } = created.body;
const until = Date.now() + FINISH;
while (!FINAL.includes((await at(id).get()).body.status)) {
  if (Date.now() > until) throw new Error("the evaluation was not finished");
  await delay(250);
}
await ask("get", at(id).get());
await ask("list", evaluations.get());
await ask("delete", at(id).delete());
await ask("get of none", at(id).get());
await ask("delete of none", at(id).delete());
await ask("list of none", evaluations.get());

const mine = { name: "mine", arguments: "--cb_explore_adf --epsilon 0.1" };
await ask("create without a name", create({ ...contract, name: undefined }));
await ask("create with a name twice", create({ ...contract, policies: [mine, mine] }));
await ask(
  "create with arguments that read a file",
  create({ ...contract, policies: [{ ...mine, arguments: "--cb_explore_adf -d f" }] }),
);
const past = { startTime: new Date("2000-01-01"), endTime: new Date("2000-01-02") };
await ask("create without logs", create({ ...contract, ...past }));

print();
