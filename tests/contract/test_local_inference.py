"""Local inference as the retired .NET SDK sets its library up: two addresses, a key in a header.

The library is C++; what it would send is made here, to the letter of its public schema.
"""

from __future__ import annotations

import time

import pytest
import requests

from tests.batches import OUTCOME, Event, cb, message, observations, outcome
from tests.contract.conftest import Loop

PATIENCE_SECONDS = 240.0


class Library:
    """Sends what is decided and observed."""

    def __init__(self, loop: Loop) -> None:
        self._endpoint = f"{loop.endpoint}/personalizer"
        self._headers = {"Ocp-Apim-Subscription-Key": loop.key}

    def send(self, kind: str, batch: bytes) -> requests.Response:
        """Post a batch, as ``interactions`` or ``observations``; try some times, as it does."""
        path = f"{self._endpoint}/v1.1-preview.2/logs/{kind}"
        for _ in range(20):
            answer = requests.post(path, batch, headers=self._headers, timeout=30)
            if answer.status_code != 503:
                break
        return answer

    def configure(self, **changes: str) -> None:
        """Change the service configuration."""
        path = f"{self._endpoint}/v1.0/configurations/service"
        configuration = requests.get(path, headers=self._headers, timeout=30).json() | changes
        requests.put(path, json=configuration, headers=self._headers, timeout=30).raise_for_status()

    def model(self) -> bytes:
        """Fetch the model, as the library does to decide with it."""
        path = f"{self._endpoint}/v1.1-preview.1/model"
        return requests.get(path, headers=self._headers, timeout=30).content


def test_batches_are_taken(used_loop: Loop) -> None:
    library = Library(used_loop)
    for kind, batch in (
        ("interactions", message([Event(cb(), id="local")])),
        ("observations", observations(local=1.0)),
    ):
        answer = library.send(kind, batch)
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.acceptance
def test_what_a_client_has_decided_becomes_the_model_that_it_decides_with(fresh_loop: Loop) -> None:
    # GIVEN a loop that learns quickly
    library = Library(fresh_loop)
    library.configure(rewardWaitTime="PT5S", modelExportFrequency="PT5S")
    assert library.model() == b""
    # WHEN a client sends what it has decided and what came of it
    ids = [f"e{index}" for index in range(100)]
    decided = message([Event(cb(), id=event_id, compressed=True) for event_id in ids])
    seen = message([Event(outcome(1.0), id=event_id, type=OUTCOME) for event_id in ids])
    assert library.send("interactions", decided).status_code == 204
    assert library.send("observations", seen).status_code == 204
    # THEN there is a model soon
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (model := library.model()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert model
