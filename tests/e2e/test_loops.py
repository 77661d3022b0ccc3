"""Loops and keys of a running service, changed by its owner without a restart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.running import KEY_HEADER, until
from tests.service import ROOT, LocalService

RANK = {"actions": [{"id": "latte", "features": []}, {"id": "juice", "features": []}]}


def cli(folder: Path, *arguments: str) -> str:
    """What an owner's command prints who has nothing set but where the data is."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={**environment, "AZURITE_DIR": str(folder / "azurite")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def keys_of(output: str) -> tuple[str, ...]:
    """The keys that a command has printed."""
    return tuple(line.split()[2] for line in output.splitlines() if line.startswith("key "))


async def test_loops_and_keys_change_under_a_running_service(tmp_path: Path) -> None:
    with LocalService(tmp_path, settings={"LOOPS_REFRESH_SECONDS": "0.5"}) as service:
        async with httpx.AsyncClient(base_url=f"{service.endpoint}/personalizer/v1.0") as http:

            async def rank(key: str) -> int:
                answer = await http.post("/rank", headers={KEY_HEADER: key}, json=RANK)
                return answer.status_code

            async def becomes(status: int, key: str) -> None:
                async def look() -> bool | None:
                    return True if await rank(key) == status else None

                await until(f"a rank is answered {status}", look)

            # GIVEN a service that has been called
            assert await rank(service.key) == 201
            # WHEN a loop is made THEN its keys open it, and only it
            first, second = keys_of(cli(tmp_path, "loops", "add", "shop"))
            await becomes(201, first)
            assert await rank(second) == 201
            base = f"{service.endpoint}/loops/shop/personalizer/v1.0/status"
            for key, status in ((first, 200), (service.key, 401)):
                assert (await http.get(base, headers={KEY_HEADER: key})).status_code == status
            # WHEN one key is rotated THEN the old one is refused and the new one is not
            kept, rotated = keys_of(cli(tmp_path, "keys", "rotate", "shop", "--key", "2"))
            assert kept == first
            await becomes(401, second)
            await becomes(201, rotated)
            assert await rank(first) == 201
            # WHEN the loop is removed with its data
            remove = ("loops", "remove", "shop", "--delete-data", "--yes", "--wait", "2")
            assert "deleted the data of shop" in cli(tmp_path, *remove)
            # THEN its keys open nothing, and the others do
            await becomes(401, first)
            assert await rank(rotated) == 401
            assert await rank(service.key) == 201
            assert "shop" not in cli(tmp_path, "loops", "list")
        assert "Traceback" not in service.output
