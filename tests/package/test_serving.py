"""The package as it runs in Azure: with its own packages alone, and no key of its storage."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import httpx
from pydantic import JsonValue

from tests.e2e.running import KEY_HEADER, until
from tests.identity import IdentityEndpoint, put_az_on_path, secure_azurite, storage_token
from tests.package.build import Package
from tests.service import ROOT, LocalService

CALLS = 40
RANK: dict[str, JsonValue] = {
    "contextFeatures": [{"weather": "sunny"}],
    "actions": [
        {"id": "latte", "features": [{"hot": True}]},
        {"id": "juice", "features": [{"hot": False}]},
    ],
}
QUICK = {
    "rewardWaitTime": "PT5S",
    "modelExportFrequency": "PT1S",
    "isAutoOptimizationEnabled": False,
}
EVALUATION = {
    "name": "all",
    "startTime": "2000-01-01T00:00:00Z",
    "endTime": "2100-01-01T00:00:00Z",
    "enablePolicyOptimization": False,
    "policies": [],
}

# What `local/` needs beside what the app needs, with all that these need.
SERVING = ("local", "uvicorn", "click", "h11", "httptools", "cronsim")


def link_what_serves(folder: Path) -> Path:
    """A folder of what `python -m local` needs that is not in the package."""
    folder.mkdir()
    for name in SERVING:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        module = Path(spec.origin)
        module = module.parent if module.name == "__init__.py" else module
        (folder / module.name).symlink_to(module)
    return folder


def cli(settings: Mapping[str, str], *arguments: str) -> tuple[str, ...]:
    """The keys that an owner's command prints, on his own machine."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={"HOME": os.environ.get("HOME", ""), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(line.split()[2] for line in done.stdout.splitlines() if line.startswith("key "))


async def learn(http: httpx.AsyncClient) -> None:
    """Have a loop with a short wait decide and be rewarded, until it has a model."""
    configuration = (await http.get("v1.0/configurations/service")).raise_for_status().json()
    put = await http.put("v1.0/configurations/service", json={**configuration, **QUICK})
    put.raise_for_status()
    for _ in range(CALLS):
        answer = (await http.post("v1.0/rank", json=RANK)).raise_for_status().json()
        reward = {"value": float(answer["rewardActionId"] == "latte")}
        rewarded = await http.post(f"v1.0/events/{answer['eventId']}/reward", json=reward)
        assert rewarded.status_code == 204

    async def look() -> bytes | None:
        return (await http.get("v1.0/model")).raise_for_status().content or None

    await until("a model", look)


async def evaluate(http: httpx.AsyncClient) -> str:
    """The status that an evaluation of the loop ends with."""
    http.params = httpx.QueryParams({"api-version": "2022-09-01-preview"})
    (await http.put("evaluations/all", json=EVALUATION)).raise_for_status()

    async def look() -> str | None:
        status: str = (await http.get("evaluations/all")).raise_for_status().json()["status"]
        return None if status in ("NotSubmitted", "Running") else status

    return await until("an evaluation", look)


async def diagnose(http: httpx.AsyncClient) -> int:
    """How many events the diagnosis has looked at, once it has looked at any."""

    async def look() -> int | None:
        answer = (await http.get("v1.0/diagnostics")).raise_for_status().json()
        return answer["sampledEvents"] or None

    return await until("a survey", look)


async def test_it_serves_and_learns_by_identity(package: Package, tmp_path: Path) -> None:
    with secure_azurite(tmp_path) as azurite, IdentityEndpoint() as endpoint:
        trust = {"SSL_CERT_FILE": str(azurite.certificate)}
        # GIVEN an owner who is logged in with the Azure CLI, and makes keys
        path = put_az_on_path(tmp_path / "bin", storage_token())
        owner = {**azurite.settings_for("azurecli"), **trust, "PATH": path}
        made = await asyncio.to_thread(cli, owner, "loops", "add", "default")
        assert len(made) == 2
        assert await asyncio.to_thread(cli, owner, "keys", "show", "default") == made
        key, _ = await asyncio.to_thread(cli, owner, "loops", "add", "shop")
        # WHEN the package is served
        settings = {
            **package.environment(endpoint.environment, [link_what_serves(tmp_path / "serving")]),
            **azurite.settings_for("managedidentity"),
            **trust,
        }
        service = LocalService(
            tmp_path / "service", (), settings, app=package.root, python=str(package.python)
        )
        with service:
            base, headers = f"{service.endpoint}/personalizer/", {KEY_HEADER: key}
            async with httpx.AsyncClient(base_url=base, headers=headers) as http:
                # THEN a key that was made opens its loop, which decides and learns
                await learn(http)
                # AND what is done by processes of their own is done
                assert await diagnose(http) > 0
                assert await evaluate(http) == "Succeeded"
        assert endpoint.given
        assert "WARNING" not in service.output
