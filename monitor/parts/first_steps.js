/** What to do with a loop that nobody has called yet. */

import { h, replace } from "../dom.js";
import { duration } from "../format.js";
import { relative } from "../ticking.js";
import { codeBlock } from "./code_block.js";

const VARIABLE = "PERSONALIZER_KEY1";

/** Where the service is, as a client is told. */
export const endpoint = () => new URL(".", document.baseURI).href.replace(/\/$/, "");

/** @param {string} at */
const singleSlot = (at) => `\
EVENT_ID="first-$(date +%s)"
curl -sS -w '\\n' '${at}/personalizer/v1.0/rank' \\
  -H "Ocp-Apim-Subscription-Key: $${VARIABLE}" -H 'Content-Type: application/json' -d '{
    "eventId": "'"$EVENT_ID"'",
    "contextFeatures": [{"timeOfDay": "morning"}],
    "actions": [
      {"id": "pasta", "features": [{"taste": "salty"}]},
      {"id": "salad", "features": [{"taste": "fresh"}]}
    ]
  }'
curl -sS -w '%{http_code}\\n' "${at}/personalizer/v1.0/events/$EVENT_ID/reward" \\
  -H "Ocp-Apim-Subscription-Key: $${VARIABLE}" -H 'Content-Type: application/json' \\
  -d '{"value": 1}'
`;

/** @param {string} at */
const multiSlot = (at) => `\
EVENT_ID="first-$(date +%s)"
curl -sS -w '\\n' '${at}/personalizer/v1.1-preview.3/multislot/rank' \\
  -H "Ocp-Apim-Subscription-Key: $${VARIABLE}" -H 'Content-Type: application/json' -d '{
    "eventId": "'"$EVENT_ID"'",
    "contextFeatures": [{"timeOfDay": "morning"}],
    "actions": [
      {"id": "pasta", "features": [{"taste": "salty"}]},
      {"id": "salad", "features": [{"taste": "fresh"}]}
    ],
    "slots": [
      {"id": "top", "features": [{"size": "large"}], "baselineAction": "pasta"},
      {"id": "side", "features": [{"size": "small"}], "baselineAction": "salad"}
    ]
  }'
curl -sS -w '%{http_code}\\n' \\
  "${at}/personalizer/v1.1-preview.3/multislot/events/$EVENT_ID/reward" \\
  -H "Ocp-Apim-Subscription-Key: $${VARIABLE}" -H 'Content-Type: application/json' \\
  -d '{"reward": [{"slotId": "top", "value": 1}]}'
`;

/** @param {string} at */
const python = (at) => `\
import os
from azure.cognitiveservices.personalizer import PersonalizerClient
from azure.cognitiveservices.personalizer.models import RankableAction, RankRequest
from msrest.authentication import CognitiveServicesCredentials

client = PersonalizerClient(
    "${at}", CognitiveServicesCredentials(os.environ["${VARIABLE}"])
)
answer = client.rank(
    rank_request=RankRequest(
        context_features=[{"timeOfDay": "morning"}],
        actions=[
            RankableAction(id="pasta", features=[{"taste": "salty"}]),
            RankableAction(id="salad", features=[{"taste": "fresh"}]),
        ],
    )
)
print(answer.reward_action_id)
client.events.reward(event_id=answer.event_id, value=1.0)
`;

/** @param {string} at */
const javascript = (at) => `\
import personalizer from "@azure/cognitiveservices-personalizer";
import azure from "@azure/ms-rest-azure-js";

const credentials = new azure.CognitiveServicesCredentials(process.env.${VARIABLE});
const client = new personalizer.PersonalizerClient(credentials, "${at}");
const answer = await client.rank({
  contextFeatures: [{ timeOfDay: "morning" }],
  actions: [
    { id: "pasta", features: [{ taste: "salty" }] },
    { id: "salad", features: [{ taste: "fresh" }] },
  ],
});
console.log(answer.rewardActionId);
await client.events.reward(answer.eventId, { value: 1 });
`;

/**
 * @param {string} kind `single-slot` or `multi-slot`.
 * @returns {{element: HTMLElement, update: (data: any) => void}} `update` takes what the API's
 *   overview says.
 */
export function firstSteps(kind) {
  const at = endpoint();
  const waiting = h("p", { class: "waiting", role: "status" });
  const meanwhile = h("p", {});
  const isSingle = kind === "single-slot";
  const element = h(
    "section",
    { class: "card first-steps", "aria-labelledby": "first-steps" },
    h("h2", { id: "first-steps" }, "What to do first"),
    h("p", {}, "Nothing has been decided by this loop yet. Ask it for a first decision:"),
    h(
      "ol",
      {},
      step(
        "Put one of its keys into the environment",
        h("p", {}, "Paste this line, then the key, then Enter; the key is not shown."),
        codeBlock("set-key", "the line", `read -rs ${VARIABLE} && export ${VARIABLE}\n`),
        h(
          "p",
          { class: "help" },
          "In PowerShell: ",
          h("code", {}, `$env:${VARIABLE} = Read-Host -MaskInput`),
        ),
      ),
      step(
        "Rank, and reward what was chosen",
        codeBlock("curl-lines", "the curl lines", isSingle ? singleSlot(at) : multiSlot(at)),
        isSingle &&
          sdk("Python", "pip install azure-cognitiveservices-personalizer==0.1.1", python(at)),
        isSingle &&
          sdk(
            "JavaScript",
            "npm install @azure/cognitiveservices-personalizer @azure/ms-rest-azure-js",
            javascript(at),
          ),
        h(
          "p",
          { class: "help" },
          isSingle
            ? "An application that called Azure AI Personalizer needs no more than this endpoint, "
            : "Clients of Azure AI Personalizer need no more than this endpoint, ",
          h("code", {}, at),
          ", and the key. Or play made-up customers against it, from the folder of the project: ",
          h("code", {}, `python -m cli simulate ${isSingle ? "coffee" : "shop"} --endpoint ${at}`),
          ".",
        ),
      ),
      step("Wait", waiting, meanwhile),
    ),
  );
  return {
    element,
    update({ diagnosis, rewardWaitTime, updateFrequency, generatedAt }) {
      const finding = diagnosis.findings.find(({ id }) => id === "no-model-yet");
      const dueBy = finding?.evidence.dueBy;
      const state = dueBy ? "called" : "waiting";
      if (waiting.dataset.state !== state) {
        waiting.dataset.state = state;
        waiting.textContent = dueBy ? "A call has arrived." : "Waiting for the first call…";
      }
      replace(
        meanwhile,
        `A decision waits ${duration(rewardWaitTime)} for its reward (rewardWaitTime). Then it is `,
        `learned, and a new model is made every ${duration(updateFrequency)} `,
        "(modelExportFrequency). Until there is one, all actions are equally likely. ",
        dueBy && ["What has arrived is here ", relative(dueBy, generatedAt, "any moment"), ". "],
        "This page turns into the overview by itself. To wait less, set both to some seconds in ",
        h("a", { id: "to-setup", href: "#/setup?setting=rewardWaitTime" }, "Setup"),
        ".",
      );
    },
  };
}

/** @param {string} title @param {...import("../dom.js").Child} children */
function step(title, ...children) {
  return h("li", {}, h("h3", {}, title), children);
}

/** @param {string} language @param {string} install @param {string} lines */
function sdk(language, install, lines) {
  const name = language.toLowerCase();
  return h(
    "details",
    { id: name },
    h("summary", {}, `The same in ${language}`),
    h(
      "div",
      { class: "stack" },
      codeBlock(`${name}-install`, `what installs the ${language} client`, `${install}\n`),
      codeBlock(`${name}-lines`, `the ${language} lines`, lines),
    ),
  );
}
