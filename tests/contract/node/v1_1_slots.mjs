// The client of v1.1-preview.3, @azure-rest/ai-personalizer, on a multi-slot loop.

import { ask, client, print } from "./v1_1_client.mjs";

const articles = [
  { id: "news", features: [{ kind: "news", minutes: 3 }] },
  { id: "sports", features: [{ kind: "sports", minutes: 12.5 }] },
  { id: "weather", features: [{ kind: "weather", isShort: true }] },
];
const slots = [
  { id: "top", features: [{ size: "large" }], excludedActions: ["weather"], baselineAction: "news" },
  { id: "side", features: [{ size: "small" }], baselineAction: "weather" },
];
const request = {
  contextFeatures: [{ user: { profileType: "AnonymousUser" } }, { device: "mobile" }],
  actions: articles,
  slots,
  eventId: "the slots of v1.1",
  deferActivation: false,
};

const rank = (body) => client.path("/multislot/rank").post({ body });
const reward = (eventId, body) =>
  client.path("/multislot/events/{eventId}/reward", eventId).post({ body });
const activate = (eventId) => client.path("/multislot/events/{eventId}/activate", eventId).post();
const rewards = [
  { slotId: "top", value: 1 },
  { slotId: "side", value: 0.5 },
];

await ask("rank", rank(request));
await ask("rank later", rank({ ...request, eventId: "a/b", deferActivation: true }));
await ask("activate", activate("a/b"));
await ask("reward", reward("a/b", { reward: rewards }));
await ask("rank without slots", rank({ ...request, slots: [] }));
await ask("rank with a baseline twice", rank({ ...request, slots: [slots[0], { ...slots[0], id: "b" }] }));
await ask("reward without slots", reward("a/b", { value: 1 }));
await ask("single-slot rank", client.path("/rank").post({ body: { actions: articles } }));

print();
