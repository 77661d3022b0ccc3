"""The retired service's multi-slot quickstart: raw calls; only endpoint and key differ."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
import requests
from pydantic import JsonValue

from tests.contract.conftest import Loop

Json = dict[str, JsonValue]

PRODUCTS: list[JsonValue] = [
    {
        "id": "Blue-Rain-Jacket-218",
        "features": [{"onSale": "true", "price": 45, "category": "Clothing"}],
    },
    {
        "id": "Hiking-Poles-907",
        "features": [{"onSale": "false", "price": 60, "category": "Sports"}],
    },
    {
        "id": "24-Inch-Monitor-330",
        "features": [{"onSale": "true", "price": 180, "category": "Electronics"}],
    },
    {
        "id": "Game Console-512",
        "features": [{"onSale": "false", "price": 450, "category": "Electronics"}],
    },
]
SLOTS: list[JsonValue] = [
    {
        "id": "TopBanner",
        "features": [{"size": "large", "position": "left"}],
        "excludedActions": ["24-Inch-Monitor-330"],
        "baselineAction": "Blue-Rain-Jacket-218",
    },
    {
        "id": "SideColumn",
        "features": [{"size": "small", "position": "right"}],
        "excludedActions": ["Hiking-Poles-907"],
        "baselineAction": "Game Console-512",
    },
]


@pytest.fixture
def shop(multi_slot_loop: Loop) -> Iterator[requests.Session]:
    with requests.Session() as session:
        # The quickstart writes the name of the header in lower case.
        session.headers["ocp-apim-subscription-key"] = multi_slot_loop.key
        session.headers["Content-Type"] = "application/json"
        yield session


@pytest.mark.parametrize("version", ["v1.1-preview.1", "v1.1-preview.2", "v1.1-preview.3"])
def test_the_quickstart(multi_slot_loop: Loop, shop: requests.Session, version: str) -> None:
    base = f"{multi_slot_loop.endpoint}/personalizer/{version}/multislot/"
    # GIVEN a visitor, four products and two places to show one each
    event_id = str(uuid.uuid4())
    request = {
        "eventId": event_id,
        "contextFeatures": [{"time": "morning"}, {"device": "mobile"}],
        "actions": PRODUCTS,
        "slots": SLOTS,
        "deferActivation": False,
    }
    # WHEN the application asks what to show
    answer = shop.post(f"{base}rank", data=json.dumps(request), timeout=30)
    # THEN each place has a product of its own, and none that it excludes
    assert answer.status_code == 201
    found = answer.json()
    assert list(found) == ["slots", "eventId"]
    assert found["eventId"] == event_id
    assert [slot["id"] for slot in found["slots"]] == ["TopBanner", "SideColumn"]
    banner, column = (slot["rewardActionId"] for slot in found["slots"])
    assert banner != column
    assert banner in {"Blue-Rain-Jacket-218", "Hiking-Poles-907", "Game Console-512"}
    assert column in {"Blue-Rain-Jacket-218", "24-Inch-Monitor-330", "Game Console-512"}
    # WHEN it asks again for the same event THEN nothing is drawn anew
    assert shop.post(f"{base}rank", data=json.dumps(request), timeout=30).json() == found
    # WHEN it says what the visitor made of them THEN that is taken
    rewards = {
        "reward": [{"slotId": "TopBanner", "value": 1}, {"slotId": "SideColumn", "value": 0}]
    }
    taken = shop.post(f"{base}events/{event_id}/reward", data=json.dumps(rewards), timeout=30)
    assert (taken.status_code, taken.text) == (204, "")
