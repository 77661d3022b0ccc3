"""`python -m cli loops` and `keys`, on a real storage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from api.options import CLIENT_KEY_SETTINGS, KEY_SETTINGS
from cli.__main__ import main
from local.azurite import CONNECTION_FILE, Azurite
from loop.events import Decision, Micros
from loop.register import RegisteredLoop
from storage.factory import LoopStorage, open_storage
from storage.options import CONNECTION, StorageOptions

NOW = Micros(1_700_000_000_000_000)

Output = Callable[[], tuple[str, str]]


@pytest.fixture(autouse=True)
def environment(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That of an owner who has set the storage and no keys."""
    for name in (*KEY_SETTINGS, *CLIENT_KEY_SETTINGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURITE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv(CONNECTION, azurite.connection_string)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Output:
    """What has been printed since it was asked last: output and errors."""

    def read() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    return read


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Say this to the next question."""
    monkeypatch.setattr("builtins.input", lambda _: text)


def registered(options: StorageOptions, name: str) -> RegisteredLoop | None:
    """What the register says of a loop."""

    async def read() -> RegisteredLoop | None:
        async with open_storage(options) as storage:
            return (await storage.register.read()).value.loops.get(name)

    return asyncio.run(read())


def in_loop(
    options: StorageOptions, name: str, do: Callable[[LoopStorage], Awaitable[None]]
) -> None:
    """Do this with a loop's storage."""

    async def done() -> None:
        async with open_storage(options) as storage:
            await do(storage.loop(name))

    asyncio.run(done())


def printed_keys(output: str, kind: str = "key") -> list[str]:
    """The keys among the lines of an output."""
    return [line.split()[-1] for line in output.splitlines() if line.startswith(f"{kind} ")]


async def fill(storage: LoopStorage) -> None:
    """Leave a row and a blob."""
    await storage.log.append(Decision("e1", NOW, b"[]", (0,), (1.0,)))
    await storage.blobs.write("models/m1.vw", b"model")


async def assert_full(storage: LoopStorage) -> None:
    """All that ``fill`` has left is there."""
    assert await storage.log.earliest() is not None
    assert [entry.name async for entry in storage.blobs.list("")] == ["models/m1.vw"]


async def assert_empty(storage: LoopStorage) -> None:
    """Nothing is there."""
    assert await storage.log.earliest() is None
    assert [entry async for entry in storage.blobs.list("")] == []


def test_a_loop_s_life(options: StorageOptions, loop_name: str, said: Output) -> None:
    # WHEN a loop is made
    assert main(["loops", "add", loop_name]) == 0
    # THEN its keys are printed, and can be shown again
    out, _ = said()
    first, second = printed_keys(out)
    loop = registered(options, loop_name)
    assert loop is not None
    assert loop.keys == (first, second)
    assert main(["keys", "show", loop_name]) == 0
    assert said()[0] == out
    # AND it is listed
    assert main(["loops", "list"]) == 0
    head, default, *others = said()[0].splitlines()
    assert head.split() == [
        "LOOP",
        "CREATED",
        "LAST",
        "MODEL",
        *("DECISIONS", "LEARNED", "REWARDS"),
    ]
    assert default.startswith("default ")
    (row,) = (line.split() for line in others if line.startswith(loop_name))
    assert row[2:] == ["-", "0", "0", "0"]
    # WHEN its second key is rotated THEN that one is new
    assert main(["keys", "rotate", loop_name, "--key", "2"]) == 0
    kept, rotated = printed_keys(said()[0])
    assert kept == first
    assert rotated not in (first, second)
    # WHEN it is removed THEN it is gone
    assert main(["loops", "remove", loop_name, "--yes"]) == 0
    assert registered(options, loop_name) is None


def test_a_client_key_s_life(options: StorageOptions, loop_name: str, said: Output) -> None:
    # GIVEN a loop, which has none at first
    main(["loops", "add", loop_name])
    keys = printed_keys(said()[0])
    rotate = ["keys", "rotate", loop_name, "--key", "client2"]
    # WHEN one is made and rotated THEN it is printed after the others, which stay
    assert main(rotate) == 0
    out, _ = said()
    assert printed_keys(out) == keys
    [made] = printed_keys(out, "client key")
    assert main(rotate) == 0
    out, _ = said()
    [rotated] = printed_keys(out, "client key")
    assert rotated not in (made, *keys)
    assert "client key 2" in out
    loop = registered(options, loop_name)
    assert loop is not None
    assert (loop.keys, loop.client_keys) == (tuple(keys), (None, rotated))
    # AND it can be shown again
    assert main(["keys", "show", loop_name]) == 0
    assert said()[0] == out
    # WHEN it is taken away THEN it is gone, once
    remove = ["keys", "remove", loop_name, "--key", "client2"]
    assert main(remove) == 0
    assert printed_keys(said()[0], "client key") == []
    assert main(remove) == 1
    assert said()[1] == f"keys remove: The loop '{loop_name}' has no key client2.\n"


def test_only_client_keys_are_taken_away(loop_name: str, said: Output) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "remove", loop_name, "--key", "1"])
    assert "client1" in said()[1]


def test_removing_asks_first(
    options: StorageOptions, loop_name: str, monkeypatch: pytest.MonkeyPatch, said: Output
) -> None:
    main(["loops", "add", loop_name])
    answer(monkeypatch, "no")
    assert main(["loops", "remove", loop_name]) == 1
    assert said()[1] == "loops remove: Nothing was changed.\n"
    assert registered(options, loop_name) is not None
    answer(monkeypatch, loop_name)
    assert main(["loops", "remove", loop_name]) == 0
    assert registered(options, loop_name) is None


def test_data_stays_unless_it_is_to_be_deleted(
    options: StorageOptions, loop_name: str, said: Output
) -> None:
    # GIVEN a loop with data
    main(["loops", "add", loop_name])
    in_loop(options, loop_name, fill)
    # WHEN it is removed THEN its data stays
    assert main(["loops", "remove", loop_name, "--yes"]) == 0
    in_loop(options, loop_name, assert_full)
    # AND can be deleted later
    assert main(["loops", "remove", loop_name, "--delete-data", "--yes"]) == 0
    in_loop(options, loop_name, assert_empty)
    # WHEN one is removed with its data THEN both are gone
    main(["loops", "add", loop_name])
    in_loop(options, loop_name, fill)
    remove = ["loops", "remove", loop_name, "--delete-data", "--yes", "--wait", "0"]
    assert main(remove) == 0
    in_loop(options, loop_name, assert_empty)
    # AND then there is nothing left to do
    said()
    assert main(remove) == 1
    assert said()[1] == f"loops remove: There is no loop '{loop_name}'.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["loops", "add", "No-Name"],
        ["loops", "remove", "No-Name", "--yes", "--delete-data"],
        ["loops", "remove", "nobody", "--yes"],
        ["loops", "remove", "default", "--yes", "--delete-data"],
        ["keys", "show", "nobody"],
        ["keys", "rotate", "nobody", "--key", "1"],
        ["keys", "remove", "nobody", "--key", "client1"],
    ],
)
def test_what_can_not_be_done_is_one_line(arguments: list[str], said: Output) -> None:
    assert main(arguments) == 1
    out, err = said()
    assert out == ""
    assert err.startswith(f"{arguments[0]} {arguments[1]}: ")
    assert err.count("\n") == 1


def test_a_loop_is_not_made_twice(options: StorageOptions, loop_name: str, said: Output) -> None:
    main(["loops", "add", loop_name])
    before = registered(options, loop_name)
    said()
    assert main(["loops", "add", loop_name]) == 1
    assert "already" in said()[1]
    assert registered(options, loop_name) == before


@pytest.mark.parametrize("set_here", [True, False])
def test_the_keys_of_default_are_settings(
    set_here: bool, monkeypatch: pytest.MonkeyPatch, said: Output
) -> None:
    if set_here:
        monkeypatch.setenv("PERSONALIZER_KEY1", "mine")
    for change in (["rotate", "default", "--key", "1"], ["remove", "default", "--key", "client1"]):
        assert main(["keys", *change]) == 1
        assert "PERSONALIZER_KEY1 and PERSONALIZER_KEY2" in said()[1]


def test_the_keys_of_default_are_shown_where_they_are_set(
    monkeypatch: pytest.MonkeyPatch, said: Output
) -> None:
    assert main(["keys", "show", "default"]) == 1
    said()
    monkeypatch.setenv("PERSONALIZER_KEY1", "mine")
    monkeypatch.setenv("PERSONALIZER_KEY2", "also-mine")
    assert main(["keys", "show", "default"]) == 0
    assert printed_keys(said()[0]) == ["mine", "also-mine"]
    monkeypatch.setenv("PERSONALIZER_CLIENT_KEY1", "for-browsers")
    assert main(["keys", "show", "default"]) == 0
    assert printed_keys(said()[0], "client key") == ["for-browsers"]
    assert main(["loops", "add", "default"]) == 1


def test_a_running_make_run_is_found(
    azurite: Azurite,
    loop_name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    said: Output,
) -> None:
    # GIVEN an owner who has set nothing, and a service that runs and has made its keys
    monkeypatch.delenv(CONNECTION)
    directory = tmp_path / "azurite"
    directory.mkdir()
    (directory / CONNECTION_FILE).write_text(azurite.connection_string)
    monkeypatch.setenv("AZURITE_DIR", str(directory))
    keys_file = tmp_path / "keys.json"
    keys_file.write_text(json.dumps({"PERSONALIZER_KEY1": "a", "PERSONALIZER_KEY2": "b"}))
    monkeypatch.setattr("cli.owner.KEYS_FILE", keys_file)
    # WHEN a loop is made THEN it is made there
    assert main(["loops", "add", loop_name]) == 0
    # AND the service's own keys are shown, and where they are to be changed
    said()
    assert main(["keys", "show", "default"]) == 0
    assert printed_keys(said()[0]) == ["a", "b"]
    assert main(["keys", "rotate", "default", "--key", "1"]) == 1
    assert str(keys_file) in said()[1]


def test_without_any_storage_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, said: Output
) -> None:
    monkeypatch.delenv(CONNECTION)
    assert main(["loops", "list"]) == 1
    assert "make run" in said()[1]
    # GIVEN one that is not there
    gone = "http://127.0.0.1:9/devstoreaccount1"
    monkeypatch.setenv(
        CONNECTION,
        f"AccountName=devstoreaccount1;AccountKey=bm9uZQ==;BlobEndpoint={gone};TableEndpoint={gone}",
    )
    assert main(["loops", "list"]) == 1
    assert "running?" in said()[1]
