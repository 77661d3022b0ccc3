"""The habits of a WordPress plugin that shows recommended posts.

It joins an endpoint that ends in a slash to paths that begin with one, names actions by the numbers
of posts, leaves the event id to the service, and of an error it reads nothing but the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests
from pydantic import JsonValue

from tests.contract.conftest import Loop
from tests.contract.snapshots import Snapshots, heard

Json = dict[str, JsonValue]

SNAPSHOTS = Snapshots("wordpress")

POSTS = {
    12: ("Ten soups for cold days", "Warm up with soup", "Food"),
    345: ("2 bikes & 1 café", "Spring is here", "Travel: Zürich"),
    6789: ("", "", ""),
}


class Plugin:
    """What the plugin does with its two settings."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._endpoint = f"{endpoint}/"
        self._session = requests.Session()
        self._session.headers["Ocp-Apim-Subscription-Key"] = key

    def close(self) -> None:
        self._session.close()

    def ask(self, method: str, path: str, body: JsonValue = None) -> requests.Response:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        url = f"{self._endpoint}/personalizer/v1.0/{path}"
        return self._session.request(method, url, data=data, headers=headers, timeout=30)


@pytest.fixture
def plugin(used_loop: Loop) -> Iterator[Plugin]:
    plugin = Plugin(used_loop.endpoint, used_loop.key)
    yield plugin
    plugin.close()


def complaint(answer: requests.Response) -> str | None:
    """The message that the plugin shows, or None where it takes the answer for a success."""
    if not answer.text:
        return None
    error = answer.json().get("error")
    return str(error["message"]) if error else None


def words(text: str) -> dict[str, JsonValue]:
    return dict.fromkeys(text.split(" "), 1)


def rank_request(**changes: JsonValue) -> Json:
    actions: list[JsonValue] = []
    for number, (title, excerpt, category) in POSTS.items():
        features: Json = {
            "title": words(title),
            "excerpt": words(excerpt),
            "_URL": f"https://blog.example/?p={number}",
        }
        if category:
            features["Categories"] = {category: 1}
        actions.append({"id": number, "features": [features]})
    browser: Json = {
        "_ua": "Mozilla/5.0 (X11; Linux x86_64)",
        "_DeviceFamily": "Other",
        "_OSFamily": "Linux",
        "DeviceBrand": None,
        "DeviceModel": None,
    }
    context: JsonValue = [{"userAgent": browser}, {"weekDay": "workweek", "timeOfDay": "pm"}]
    return {
        "contextFeatures": context,
        "actions": actions,
        "deferActivation": False,
        **changes,
    }


def test_the_settings_page_checks_the_credentials(used_loop: Loop, plugin: Plugin) -> None:
    answer = plugin.ask("GET", "status")
    assert complaint(answer) is None
    SNAPSHOTS.check("status", heard(answer))
    stranger = Plugin(used_loop.endpoint, "wrong")
    answer = stranger.ask("GET", "status")
    stranger.close()
    SNAPSHOTS.check("status with a wrong key", heard(answer))
    message = complaint(answer)
    assert message is not None
    assert "Ocp-Apim-Subscription-Key" in message


def test_a_block_of_recommended_posts(plugin: Plugin) -> None:
    # WHEN a page asks for an order THEN every post is in it, by its number in decimal
    answer = plugin.ask("POST", "rank", rank_request())
    assert answer.status_code == 201
    assert complaint(answer) is None
    found = answer.json()
    assert sorted(int(ranked["id"]) for ranked in found["ranking"]) == sorted(POSTS)
    assert int(found["rewardActionId"]) in POSTS
    # WHEN a reader follows the recommended link, or another THEN the reward is taken
    assert re.fullmatch(r"[0-9a-f]{32}-\w{5}", found["eventId"])
    for value in (1, 0):
        answer = plugin.ask("POST", f"events/{found['eventId']}/reward", {"value": value})
        assert complaint(answer) is None
        SNAPSHOTS.check("reward", heard(answer))


def test_a_block_with_a_single_post(plugin: Plugin) -> None:
    # Of several, the id that the service makes decides which one is chosen.
    posts: JsonValue = [{"id": 12, "features": [{"title": words("Ten soups")}]}]
    SNAPSHOTS.check("rank", heard(plugin.ask("POST", "rank", rank_request(actions=posts))))


def test_a_page_that_leaves_itself_out_falls_back_to_its_own_order(plugin: Plugin) -> None:
    # The plugin filters its list so that it becomes an object; it must be told in JSON.
    hole: JsonValue = {"1": {"id": 345, "features": []}, "2": {"id": 6789, "features": []}}
    answer = plugin.ask("POST", "rank", rank_request(actions=hole))
    assert complaint(answer)
    SNAPSHOTS.check("rank of an object", heard(answer))
