"""The doctor with a service as a user starts it: an application that forgets its rewards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import JsonValue

from tests.e2e.running import KEY_HEADER, until
from tests.service import ROOT, LocalService

CALLS = 60
RANK: dict[str, JsonValue] = {
    "contextFeatures": [{"weather": "sunny"}],
    "actions": [{"id": "tea", "features": [{"hot": True}]}, {"id": "juice", "features": []}],
}


def doctor(service: LocalService) -> subprocess.CompletedProcess[str]:
    command = ["doctor", "--endpoint", service.endpoint, "--key", service.key]
    return subprocess.run(
        [sys.executable, "-m", "cli", *command], cwd=ROOT, capture_output=True, text=True
    )


async def surveyed(http: httpx.AsyncClient) -> int:
    """How many events were looked at, once all are."""

    async def look() -> int | None:
        found: int = (await http.get("diagnostics")).raise_for_status().json()["sampledEvents"]
        return found if found == CALLS else None

    return await until("the survey", look)


@pytest.mark.acceptance
async def test_an_application_that_forgets_its_rewards_is_told(tmp_path: Path) -> None:
    with LocalService(tmp_path) as service:
        headers = {KEY_HEADER: service.key}
        base = f"{service.endpoint}/personalizer/v1.0/"
        async with httpx.AsyncClient(base_url=base, headers=headers) as http:
            # GIVEN a fresh loop with a short wait
            assert (await asyncio.to_thread(doctor, service)).returncode == 0
            configuration = (await http.get("configurations/service")).json()
            quick = {"rewardWaitTime": "PT5S", "modelExportFrequency": "PT1S"}
            put = await http.put("configurations/service", json={**configuration, **quick})
            put.raise_for_status()
            # WHEN an application ranks and never rewards
            for _ in range(CALLS):
                (await http.post("rank", json=RANK)).raise_for_status()
            await surveyed(http)
            # THEN the doctor says so, and fails
            told = await asyncio.to_thread(doctor, service)
    assert told.returncode == 1, told.stderr
    assert "The loop is not learning." in told.stdout
    assert "PROBLEM  No event has a reward  [no-rewards]" in told.stdout
    assert "All actions are equally likely  [all-probabilities-equal]" in told.stdout
