"""Admission: keys hold as the register says, soon after it says so, whatever storage does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from api.admission import GUESS_SECONDS, STALE_LOOKS, Admission
from api.keys import KEY_HEADER, Keyring
from loop.errors import StorageUnavailable, Unauthorized
from loop.events import Micros
from loop.register import KeyName, Register
from storage.documents import Document
from storage.factory import open_storage
from storage.options import StorageOptions, Timeouts
from tests.fault_proxy import Answer, FaultProxy, Hang

EVERY = 15.0
HASTY = Timeouts(connect=0.5, append=0.5, read=30.0, write=5.0, retries=())
BOTH = (
    Register().with_loop("shop", ("s1", "s2"), Micros(0)).with_loop("app", ("a1", "a2"), Micros(1))
)


@dataclass
class Clock:
    """Seconds that pass only when told."""

    time: float = 100.0

    def __call__(self) -> float:
        return self.time


class Scene:
    """A process's admission, whose way to the register leads through a proxy.

    Attributes:
        register: The way of somebody else.
        followed: The loops after each change that the process has noticed.
    """

    def __init__(
        self, register: Document[Register], proxied: Document[Register], proxy: FaultProxy
    ) -> None:
        self.register = register
        self.proxy = proxy
        self.clock = Clock()
        self.followed: list[tuple[str, ...]] = []
        self._proxied = proxied
        self._admissions: list[Admission] = []

    def process(self, *default_keys: str, default_client_keys: tuple[str, ...] = ()) -> Admission:
        """A new process."""
        admission = Admission(
            Keyring({"default": default_keys}, {"default": default_client_keys}),
            None,
            self._proxied,
            EVERY,
            lambda register: self.followed.append(register.names),
            self.clock,
        )
        self._admissions.append(admission)
        return admission

    async def put(self, register: Register) -> None:
        """Change the register as the owner does."""
        await self.register.replace(register, await self.register.read())

    @property
    def looks(self) -> int:
        """How often the register was asked for."""
        return len(self.proxy.requests)

    async def close(self) -> None:
        """End all processes."""
        self.proxy.heal()
        for admission in self._admissions:
            await admission.close()


async def looked(admission: Admission) -> None:
    """Wait for the look that is under way in the background."""
    if admission._look is not None:
        await asyncio.wait({admission._look})


@pytest.fixture
async def scene(options: StorageOptions) -> AsyncIterator[Scene]:
    """With the loops ``shop`` and ``app`` in the register."""
    async with FaultProxy(options.blob_endpoint) as proxy, open_storage(options) as direct:
        through = replace(options, blob_endpoint=proxy.endpoint, timeouts=HASTY)
        async with open_storage(through) as proxied:
            scene = Scene(direct.register, proxied.register, proxy)
            await scene.put(BOTH)
            yield scene
            await scene.close()


async def opened(admission: Admission, key: str, addressed: str | None = None) -> str:
    """The loop that a key opens."""
    return (await admission.admit({KEY_HEADER: key}, addressed)).loop


async def refused(admission: Admission, key: str | None, addressed: str | None = None) -> str:
    """The message of a 401."""
    with pytest.raises(Unauthorized) as error:
        await admission.admit({} if key is None else {KEY_HEADER: key}, addressed)
    assert not key or key not in error.value.message
    return error.value.message


@pytest.mark.parametrize(
    ("key", "addressed", "loop"),
    [
        ("s1", None, "shop"),
        ("s2", "shop", "shop"),
        ("a2", "APP", "app"),
        ("set", None, "default"),
        ("set", "default", "default"),
    ],
)
async def test_both_keys_of_each_loop_are_admitted(
    key: str, addressed: str | None, loop: str, scene: Scene
) -> None:
    assert await opened(scene.process("set"), key, addressed) == loop


@pytest.mark.parametrize("key", [None, "", "s3", "S1", "s1 ", "schlüssel☕", "\udc80"])
async def test_any_other_is_refused_by_the_header_and_without_an_echo(
    key: str | None, scene: Scene
) -> None:
    assert "Ocp-Apim-Subscription-Key" in await refused(scene.process("set"), key)


@pytest.mark.parametrize("addressed", ["default", "app", "nowhere"])
async def test_a_key_opens_only_its_own_loop(addressed: str, scene: Scene) -> None:
    message = await refused(scene.process("set"), "s1", addressed)
    assert "does not open the loop" in message


async def test_a_busy_process_takes_a_rotated_key_within_one_interval(scene: Scene) -> None:
    # GIVEN a process with requests every second
    admission = scene.process()
    assert await opened(admission, "s1") == "shop"
    # WHEN key 1 of shop is rotated
    await scene.put(BOTH.with_key("shop", KeyName.KEY1, "s3"))
    for _ in range(round(EVERY)):
        scene.clock.time += 1.0
        await opened(admission, "s2")
    await looked(admission)
    # THEN the old one opens nothing, and the new one does, without a restart
    await refused(admission, "s1")
    assert await opened(admission, "s3") == "shop"
    assert await opened(admission, "s2") == "shop"


async def test_an_idle_process_does_not_admit_by_what_it_knew_long_ago(scene: Scene) -> None:
    # GIVEN a process that nobody has called for long
    admission = scene.process()
    await opened(admission, "s1")
    await scene.put(BOTH.with_key("shop", KeyName.KEY1, "s3"))
    scene.clock.time += STALE_LOOKS * EVERY
    # WHEN the first call of all has the old key THEN it is refused
    await refused(admission, "s1")


async def test_a_known_key_waits_for_no_look(scene: Scene) -> None:
    # GIVEN a process that knows the register, and storage that hangs
    admission = scene.process("set")
    await opened(admission, "s1")
    scene.proxy.always(Hang())
    # WHEN it is time to look
    scene.clock.time += EVERY
    # THEN keys are admitted while the look is under way
    assert await asyncio.wait_for(opened(admission, "s1"), 0.5) == "shop"
    await scene.proxy.until_held()
    assert await asyncio.wait_for(opened(admission, "set"), 0.5) == "default"
    assert await asyncio.wait_for(opened(admission, "a1"), 0.5) == "app"


async def test_a_new_loop_is_open_at_its_first_call(scene: Scene) -> None:
    # GIVEN a process that has just looked
    admission = scene.process()
    await opened(admission, "s1")
    # WHEN a loop is made and called
    await scene.put(BOTH.with_loop("news", ("n1", "n2"), Micros(2)))
    scene.clock.time += GUESS_SECONDS
    # THEN its key is looked for at once
    assert await opened(admission, "n1") == "news"
    assert scene.followed == [("default", "app", "shop"), ("default", "app", "news", "shop")]


async def test_guessing_keys_does_not_hammer_storage(scene: Scene) -> None:
    # GIVEN a process that has looked
    admission = scene.process()
    await opened(admission, "s1")
    before = scene.looks
    # WHEN two hundred keys are tried at once, three times within two seconds
    for _ in range(3):
        scene.clock.time += GUESS_SECONDS
        tries = (opened(admission, f"guess{i}") for i in range(200))
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unauthorized}
    # AND once more without a pause
    await refused(admission, "guess")
    # THEN that cost three looks
    assert scene.looks - before == 3


async def test_a_removed_loop_is_closed_and_its_keys_open_nothing(scene: Scene) -> None:
    admission = scene.process()
    await opened(admission, "s1")
    await scene.put(BOTH.without_loop("shop"))
    scene.clock.time += EVERY
    await opened(admission, "a1")
    await looked(admission)
    await refused(admission, "s1")
    await refused(admission, "s2")
    assert scene.followed[-1] == ("default", "app")


async def test_the_last_register_stays_in_force_while_storage_is_away(scene: Scene) -> None:
    # GIVEN a process that knows the register
    admission = scene.process("set")
    await opened(admission, "s1")
    # WHEN storage has been away for an hour
    scene.proxy.always(Answer(503, "ServerBusy"))
    for _ in range(10):
        scene.clock.time += 360.0
        # THEN known keys are admitted, and others are refused
        assert await opened(admission, "s1") == "shop"
        assert await opened(admission, "set") == "default"
        await refused(admission, "guess")
    # AND once it is back, what has changed meanwhile holds
    await scene.put(BOTH.without_loop("shop"))
    scene.proxy.heal()
    scene.clock.time += STALE_LOOKS * EVERY
    await refused(admission, "s1")


async def test_before_a_first_look_the_keys_of_the_settings_hold_and_others_may_come_again(
    scene: Scene,
) -> None:
    # GIVEN a new process, and storage that hangs
    scene.proxy.always(Hang())
    admission = scene.process("set")
    # WHEN a key of the settings is shown THEN it is admitted at once
    assert await asyncio.wait_for(opened(admission, "set"), 0.5) == "default"
    await scene.proxy.until_held()
    # AND one that could be in the register is not said to be wrong
    scene.clock.time += 60.0
    with pytest.raises(StorageUnavailable, match="try again"):
        await opened(admission, "s1")
    # AND it is admitted as soon as the register can be read
    scene.proxy.heal()
    await looked(admission)
    scene.clock.time += GUESS_SECONDS
    assert await opened(admission, "s1") == "shop"


async def test_client_keys_open_their_loop_and_are_told_from_the_others(scene: Scene) -> None:
    # GIVEN client keys of two loops, one of them set
    register = BOTH.with_key("shop", KeyName.CLIENT2, "c2")
    await scene.put(register)
    admission = scene.process("set", default_client_keys=("set-client",))
    # WHEN keys of both kinds are shown THEN only the client keys are limited
    for key, loop, limited in [
        ("c2", "shop", True),
        ("s2", "shop", False),
        ("set-client", "default", True),
        ("set", "default", False),
    ]:
        caller = await admission.admit({KEY_HEADER: key})
        assert (caller.loop, caller.limited) == (loop, limited)
    # AND they open no other loop either
    assert "does not open the loop" in await refused(admission, "c2", "app")
    # WHEN one is taken away THEN it opens nothing
    await scene.put(register.without_key("shop", KeyName.CLIENT2))
    scene.clock.time += STALE_LOOKS * EVERY
    await refused(admission, "c2")
    assert await opened(admission, "s2") == "shop"


async def test_settings_stand_over_the_register(scene: Scene) -> None:
    # GIVEN a register that has keys for default as well
    register = BOTH.with_loop("default", ("d1", "d2"), Micros(3))
    await scene.put(register.with_key("default", KeyName.CLIENT1, "d3"))
    # WHEN keys are set THEN these alone open it
    with_settings = scene.process("set")
    await refused(with_settings, "d1")
    await refused(with_settings, "d3")
    assert await opened(with_settings, "set") == "default"
    # AND without any, those of the register do
    assert await opened(scene.process(), "d2") == "default"


async def test_a_service_without_any_key_says_what_to_set(scene: Scene) -> None:
    await scene.put(Register())
    message = await refused(scene.process(), "anything")
    assert "PERSONALIZER_KEY1 or PERSONALIZER_KEY2" in message


async def test_a_register_that_nobody_can_read_changes_nothing(
    scene: Scene, options: StorageOptions, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a process that knows the register
    admission = scene.process("set")
    await opened(admission, "s1")
    # WHEN somebody spoils it
    blobs = scene.register._blobs
    await blobs.write("loops.json", b'{"loops": {"shop": {"keys": ["a-secret"]}}}')
    scene.clock.time += STALE_LOOKS * EVERY
    # THEN the last one stays in force, and the log says so without any key
    assert await opened(admission, "s1") == "shop"
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["register_refused"]
    assert "secret" not in caplog.text
    # AND a new process has only its settings
    fresh = scene.process("set")
    assert await opened(fresh, "set") == "default"
    with pytest.raises(StorageUnavailable):
        await opened(fresh, "s1")
