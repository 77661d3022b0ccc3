"""Loops with a log to evaluate, and what is held of what evaluations find in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import requests
from pydantic import JsonValue

from tests.contract.conftest import Loop
from tests.contract.snapshots import Exchange

EVENTS = 150
JOIN_SECONDS = 60.0
FINISH_SECONDS = 120.0

CUSTOM = "--cb_explore_adf --epsilon 0.2 --cb_type ips -l 0.5 --l1 1E-07 --power_t 0.5"
"""The learning settings that the clients' own documentation evaluates, but for ``--dsjson``."""


def log_events(loops: Sequence[Loop]) -> None:
    """Let each loop join the same events: tea is liked on even days, and coffee on odd ones."""
    for loop in loops:
        with _session(loop) as session:
            base = f"{loop.endpoint}/personalizer/v1.0"
            service = f"{base}/configurations/service"
            # With models that nobody publishes, all choices are even, and so the same each time.
            changes = {
                "rewardWaitTime": "PT5S",
                "modelExportFrequency": "PT1S",
                "modelAutoPublish": False,
            }
            configuration = session.get(service, timeout=30).json()
            session.put(service, json={**configuration, **changes}, timeout=30).raise_for_status()
            for number in range(EVENTS):
                _play(session, base, number)
    deadline = time.monotonic() + JOIN_SECONDS
    for loop in loops:
        while _joined(loop) < EVENTS:
            assert time.monotonic() < deadline, "not all events were joined"
            time.sleep(0.1)


def _play(session: requests.Session, base: str, number: int) -> None:
    day = "even" if number % 2 == 0 else "odd"
    liked = {"even": "tea", "odd": "coffee"}[day]
    rank = {
        "eventId": f"event {number}",
        "contextFeatures": [{"day": day}],
        "actions": [{"id": name, "features": [{"kind": name}]} for name in ("tea", "coffee")],
    }
    answer = session.post(f"{base}/rank", json=rank, timeout=30)
    answer.raise_for_status()
    value = float(answer.json()["rewardActionId"] == liked)
    url = f"{base}/events/event%20{number}/reward"
    session.post(url, json={"value": value}, timeout=30).raise_for_status()


def _joined(loop: Loop) -> int:
    with _session(loop) as session:
        url = f"{loop.endpoint}/personalizer/v1.0/metrics/learning"
        periods = session.get(url, timeout=30).json()
        return sum(row["numberOfEvents"] for period in periods for row in period)


def _session(loop: Loop) -> requests.Session:
    session = requests.Session()
    session.headers["Ocp-Apim-Subscription-Key"] = loop.key
    return session


def shape(answer: Exchange) -> Exchange:
    """An answer without its figures, and without which policies were found.

    Of lists by stretches of time the first entry stands for all, and so does the first policy that
    was found for all of these.
    """
    return replace(answer, body=_shape(answer.body))


def _shape(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        found = [each for each in value if _is_found(each)]
        return [_shape(each) for each in value if each not in found[1:]]
    if not isinstance(value, dict):
        return value if isinstance(value, str | bool | None) else "<figure>"
    masked: dict[str, JsonValue] = {"arguments": "<found>"} if _is_found(value) else {}
    if value.get("optimalPolicy"):
        masked["optimalPolicy"] = "<best>"
    if "aggregateTimeWindow" in value:
        masked["aggregateTimeWindow"] = "<window>"
    for name in ("progress", "intervalInMinutes"):
        if name in value:
            masked[name] = value[name]
    return {name: masked.get(name, _member(name, member)) for name, member in value.items()}


def _member(name: str, member: JsonValue) -> JsonValue:
    if name == "featureImportance" and member:
        return [["<feature>"]]
    if name in ("summary", "data") and isinstance(member, list):
        return [_shape(each) for each in member[:1]]
    return _shape(member)


def _is_found(value: JsonValue) -> bool:
    return isinstance(value, dict) and value.get("policySource") == "OfflineExperimentation"
