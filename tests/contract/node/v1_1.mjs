// The client of v1.1-preview.3, @azure-rest/ai-personalizer, on a single-slot loop of its own.

import { ask, client, print, stranger } from "./v1_1_client.mjs";

const articles = [
  { id: "news", features: [{ kind: "news", minutes: 3 }] },
  { id: "sports", features: [{ kind: "sports", minutes: 12.5 }] },
  { id: "weather", features: [{ kind: "weather", isShort: true }] },
];
const request = {
  contextFeatures: [{ user: { profileType: "AnonymousUser" } }, { device: "mobile" }],
  actions: articles,
  excludedActions: ["weather"],
  eventId: "the event of v1.1",
  deferActivation: false,
};

const at = (...path) => client.path(...path);
const rank = (body) => at("/rank").post({ body });
const reward = (eventId, body) => at("/events/{eventId}/reward", eventId).post({ body });
const activate = (eventId) => at("/events/{eventId}/activate", eventId).post();

await ask("rank", rank(request));
await ask("reward", reward("the event of v1.1", { value: 1 }));
await ask("activate", activate("the event of v1.1"));
await ask("rank without an event id", rank({ actions: [articles[0]] }));
await ask("reward of an id to escape", reward("a/b 50% ☕", { value: 0.5 }));
await ask("activate an id to escape", activate("a/b 50% ☕"));
await ask("rank without actions", rank({ actions: [] }));
await ask("rank with a list of texts", rank({ ...request, contextFeatures: [{ tags: ["a"] }] }));
await ask("reward without a value", reward("event", {}));
await ask("activate with a long event id", activate("x".repeat(257)));

const service = at("/configurations/service");
const changes = {
  rewardWaitTime: "PT1H30M",
  defaultReward: -0.5,
  rewardAggregation: "average",
  explorationPercentage: 0,
  modelExportFrequency: "P1D",
  logRetentionDays: 30,
};
await ask("get configuration", service.get());
await ask("put configuration", service.put({ body: changes }));
await ask("get configuration again", service.get());
await ask("put part of a configuration", service.put({ body: { defaultReward: 0 } }));
await ask("put a short wait", service.put({ body: { ...changes, rewardWaitTime: "PT1S" } }));

const policy = at("/configurations/policy");
const mine = { name: "mine", arguments: "--cb_explore_adf --epsilon 0.1 --cb_type dr -q FF" };
await ask("get policy", policy.get());
await ask("put policy", policy.put({ body: mine }));
await ask("get policy again", policy.get());
await ask("put a policy that reads a file", policy.put({ body: { ...mine, arguments: "-d f" } }));
await ask("delete policy", policy.delete());

await ask("get model", at("/model").get());
await ask("get model unsigned", at("/model").get({ queryParameters: { signed: false } }));
await ask("get model properties", at("/model/properties").get());
await ask("delete model", at("/model").delete());

await ask("get log properties", at("/logs/properties").get());
await ask("delete logs", at("/logs").delete());
await ask("get log properties again", at("/logs/properties").get());

await ask("rank with a wrong key", stranger.path("/rank").post({ body: request }));
await ask("get policy with a wrong key", stranger.path("/configurations/policy").get());

print();
