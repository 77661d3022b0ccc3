// The client of v1.0, @azure/cognitiveservices-personalizer, used as its quickstart does.

import personalizer from "@azure/cognitiveservices-personalizer";
import azure from "@azure/ms-rest-azure-js";

import { endpoint, keep, key, print } from "./answers.mjs";

const open = (at, withKey) =>
  new personalizer.PersonalizerClient(new azure.CognitiveServicesCredentials(withKey), at);

const dishes = [
  { id: "pasta", features: [{ taste: "salty", spice: "medium" }, { calories: 400 }] },
  { id: "ice cream", features: [{ taste: "sweet" }, { calories: 350.5, cold: true }] },
  { id: "juice", features: [{ taste: "sweet", level: "none" }] },
];

const request = {
  eventId: "the event of v1.0",
  contextFeatures: [{ timeOfDay: "morning" }, { device: { kind: "mobile", speed: [1, 2.5] } }],
  actions: dishes,
  excludedActions: ["juice"],
  deferActivation: false,
};

async function ask(asked, call) {
  try {
    const answer = await call;
    const { status, headers, bodyAsText } = answer._response;
    keep(asked, status, headers.rawHeaders(), bodyAsText, answer);
  } catch (error) {
    if (error.statusCode === undefined) throw error;
    const made = { code: error.code, message: error.message };
    const { headers } = error.response;
    keep(asked, error.statusCode, headers.rawHeaders(), JSON.stringify(error.body), made);
  }
}

const client = open(endpoint, key);
await ask("rank", client.rank(request));
await ask("reward", client.events.reward("the event of v1.0", { value: 1 }));
await ask("activate", client.events.activate("the event of v1.0"));

// Without an id one is made; the choice depends on it, and so there is only one.
await ask("rank without an event id", client.rank({ actions: [dishes[0]] }));
await ask("rank later", client.rank({ ...request, eventId: "later", deferActivation: true }));
await ask("reward of an id to escape", client.events.reward("a/b 50% ☕", { value: 0.5 }));
await ask("activate an id to escape", client.events.activate("a/b 50% ☕"));
await ask("rank with a slash at the end of the endpoint", open(`${endpoint}/`, key).rank(request));

const twice = [dishes[0], dishes[0]];
const none = dishes.map((dish) => dish.id);
await ask("rank without actions", client.rank({ ...request, actions: [] }));
await ask("rank with an id twice", client.rank({ ...request, actions: twice }));
await ask("rank with all excluded", client.rank({ ...request, excludedActions: none }));
await ask("reward of nothing", client.events.reward("event", { value: NaN }));

const stranger = open(endpoint, "wrong");
await ask("rank with a wrong key", stranger.rank(request));
await ask("reward with a wrong key", stranger.events.reward("event", { value: 1 }));
await ask("activate with a wrong key", stranger.events.activate("event"));

print();
