from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from loop.errors import StorageUnavailable
from loop.events import (
    SECOND,
    Activation,
    Decision,
    Dropped,
    Micros,
    MultiSlotDecision,
    Observation,
    Reward,
    SlotDecision,
    SlotRewards,
)
from storage.event_log import BUCKET, EventLog
from storage.factory import LoopStorage, Storage, open_storage
from storage.options import StorageOptions, Timeouts
from storage.table_rows import DAY, PAYLOAD_LIMIT, payload
from tests.fault_proxy import Answer, FaultProxy, Hang, LoseAnswer, through

NOON = Micros(1_700_000_000 * SECOND)
START = Micros(NOON - 2 * DAY)
END = Micros(NOON + 2 * DAY)

IDS = [
    "plain",
    "with space",
    "a/b\\c#d?e",
    "100%",
    "%2F",
    "'quoted' \"twice\"",
    "\U0001f600 emoji",
    "Ünïcode",
    "\x00\x01\x7f\ufffe\n",
    "2024-01-01T00:00:00Z",
    "x" * 256,
    "\U0001f600" * 256,
]


def decision(event_id: str, time: int = NOON, features: bytes = b'{"_multi":[]}') -> Decision:
    return Decision(event_id, Micros(time), features, (1, 0), (0.9, 0.1), "m")


async def decisions(log: EventLog, start: int = START, end: int = END) -> list[Decision]:
    scan = log.decisions(Micros(start), Micros(end))
    return [row async for _, rows in scan for row in rows if isinstance(row, Decision)]


async def observations(log: EventLog, start: int = START, end: int = END) -> list[Observation]:
    scan = log.observations(Micros(start), Micros(end))
    return [row async for _, rows in scan for row in rows]


async def test_a_new_loop_has_an_empty_log(storage: LoopStorage) -> None:
    assert await decisions(storage.log) == []
    assert await observations(storage.log) == []
    assert await storage.log.earliest() is None


async def test_what_was_appended_is_read_back(storage: LoopStorage) -> None:
    # GIVEN one event of each kind
    rows: list[Observation] = [
        Dropped(Micros(NOON + 1), 3),
        Reward("e", Micros(NOON + 2), 0.1),
        Activation("e", Micros(NOON + 3)),
        Reward("e", Micros(NOON + 4), -1e300),
        Reward("e", Micros(NOON + 5), 2.0),
        SlotRewards("e", Micros(NOON + 6), (("top", 0.5), ("top", -1e300), ("side", 1.0))),
    ]
    await storage.log.append(decision("e"))
    for row in rows:
        await storage.log.append(row)
    # WHEN both logs are scanned, THEN each gives its own, unchanged
    assert await decisions(storage.log) == [decision("e")]
    assert await observations(storage.log) == rows


@pytest.mark.parametrize("event_id", IDS)
async def test_every_event_id_is_kept(storage: LoopStorage, event_id: str) -> None:
    rows: list[Observation] = [
        Reward(event_id, NOON, 1.0),
        Activation(event_id, Micros(NOON + 1)),
        SlotRewards(event_id, Micros(NOON + 2), ((event_id, 1.0),) * 50),
    ]
    await storage.log.append(decision(event_id))
    for row in rows:
        await storage.log.append(row)
    assert await decisions(storage.log) == [decision(event_id)]
    assert await observations(storage.log) == rows


async def test_a_repeated_decision_is_one_row_in_its_bucket(storage: LoopStorage) -> None:
    # GIVEN a decision, a repeat of its id in the bucket, and one in the next bucket
    later = decision("e", NOON + BUCKET)
    for row in (decision("e"), decision("e", NOON + 1), decision("e"), later):
        await storage.log.append(row)
    # THEN the first of each bucket is kept
    assert await decisions(storage.log) == [decision("e"), later]


async def test_equal_reward_calls_stay_two_rows(storage: LoopStorage) -> None:
    # GIVEN two calls that say the same at the same microsecond, the first one sent twice
    first, second = Reward("e", NOON, 1.0), Reward("e", NOON, 1.0)
    for row in (first, second, first):
        await storage.log.append(row)
    assert len(await observations(storage.log)) == 2


async def test_activations_of_a_bucket_are_one_row(storage: LoopStorage) -> None:
    for _ in range(2):
        await storage.log.append(Activation("e", NOON))
    assert await observations(storage.log) == [Activation("e", NOON)]


@pytest.mark.parametrize(
    "size", [64 * 1024 + 1, 300_000, PAYLOAD_LIMIT - 4096, PAYLOAD_LIMIT + 1, 3_000_000]
)
async def test_large_features_are_kept_whole(storage: LoopStorage, size: int) -> None:
    # GIVEN features that don't compress, for several properties or for a blob
    large = decision("e", features=os.urandom(size))
    await storage.log.append(large)
    await storage.log.append(large)
    # THEN they come back, and only what no row can hold lies in a blob
    assert await decisions(storage.log) == [large]
    blobs = [entry.name async for entry in storage.blobs.list("overflow/")]
    assert len(blobs) == (len(payload(large)) > PAYLOAD_LIMIT)


async def test_scans_go_from_bucket_to_bucket_over_days_and_shards(storage: LoopStorage) -> None:
    # GIVEN events before, in and after two buckets around midnight, on all shards
    midnight = NOON // DAY * DAY
    times = [midnight + k * BUCKET + i for k in (-3, -2, -1, 0, 1) for i in (0, 5, BUCKET - 1)]
    sent = [decision(f"e{i}-{t}", t) for t in times for i in range(6)]
    for row in reversed(sent):
        await storage.log.append(row)
    # WHEN the buckets from two before midnight to one after are scanned
    start, end = midnight - 2 * BUCKET, midnight + BUCKET
    scan = storage.log.decisions(Micros(start), Micros(end))
    found = [(bucket, rows) async for bucket, rows in scan]
    # THEN each comes once, in order, with its rows in order of time and id
    assert [bucket for bucket, _ in found] == list(range(start, end, BUCKET))
    expected = [row for row in sent if start <= row.time < end]
    assert [row for _, rows in found for row in rows] == expected
    assert all(bucket <= row.time < bucket + BUCKET for bucket, rows in found for row in rows)


async def test_more_rows_than_a_page_are_read_whole(
    options: StorageOptions, loop_name: str
) -> None:
    # GIVEN one shard with more than the 1,000 rows of a page in each of two buckets
    async with open_storage(replace(options, shards=1)) as opened:
        log = opened.loop(loop_name).log
        sent = [Reward(f"e{i:04d}", Micros(NOON + i % 2 * BUCKET), float(i)) for i in range(2400)]
        for row in sent:
            await log.append(row)
        scan = log.observations(START, END)
        found = [(bucket, rows) async for bucket, rows in scan]
    # THEN there are two buckets with all of them
    assert [bucket for bucket, _ in found] == [NOON, NOON + BUCKET]
    assert [row for _, rows in found for row in rows] == sent[::2] + sent[1::2]


async def test_more_shards_find_what_fewer_have_written(
    storage: LoopStorage, options: StorageOptions, loop_name: str
) -> None:
    sent = [decision(f"e{i:02d}") for i in range(20)]
    for row in sent[:10]:
        await storage.log.append(row)
    async with open_storage(replace(options, shards=9)) as opened:
        log = opened.loop(loop_name).log
        for row in sent[10:]:
            await log.append(row)
        assert await decisions(log) == sent


async def test_loops_whose_names_begin_alike_are_apart(opened: Storage, loop_name: str) -> None:
    # GIVEN a loop whose name goes on with what looks like a day
    one, other = opened.loop(loop_name), opened.loop(f"{loop_name}20231114")
    await one.log.append(decision("one"))
    await other.log.append(decision("other"))
    # WHEN one is dropped THEN the other stays
    assert await decisions(one.log) == [decision("one")]
    await one.log.drop_all()
    assert await decisions(one.log) == []
    assert await decisions(other.log) == [decision("other")]


async def test_whole_days_are_dropped_by_age(storage: LoopStorage) -> None:
    # GIVEN three days, each with a row and a payload in a blob
    midnight = NOON // DAY * DAY
    large = os.urandom(PAYLOAD_LIMIT + 1)
    days = [decision(f"e{i}", midnight + i * DAY, large) for i in (-1, 0, 1)]
    for row in days:
        await storage.log.append(row)
    assert await storage.log.earliest() == midnight - DAY
    # WHEN what is older than the middle of the second day is dropped
    await storage.log.drop_before(Micros(midnight + DAY // 2))
    # THEN the first day is gone, with its blob, and the second is whole
    assert await decisions(storage.log) == days[1:]
    assert await storage.log.earliest() == midnight
    assert len([entry async for entry in storage.blobs.list("overflow/")]) == 2


async def test_a_dropped_log_takes_events_at_once(storage: LoopStorage) -> None:
    await storage.log.append(decision("before", features=os.urandom(PAYLOAD_LIMIT + 1)))
    await storage.log.drop_all()
    assert await decisions(storage.log) == []
    assert [entry async for entry in storage.blobs.list("overflow/")] == []
    await storage.log.append(decision("after"))
    assert await decisions(storage.log) == [decision("after")]


class TestFaults:
    """What the log does when its table service does not do what it should."""

    async def test_inserts_go_round_a_table_that_is_being_deleted(
        self, options: StorageOptions, loop_name: str, storage: LoopStorage
    ) -> None:
        # GIVEN a service that refuses today's table, as it does for a while after a deletion
        first = f"log{loop_name}20231114a"
        async with FaultProxy(options.table_endpoint) as proxy:
            proxy.when(
                lambda method, path: Answer(409, "TableBeingDeleted") if first in path else None
            )
            async with open_storage(through(options, proxy)) as opened:
                await opened.loop(loop_name).log.append(decision("during"))
        # WHEN it takes the table again THEN both rows are in the log
        await storage.log.append(decision("later"))
        assert await decisions(storage.log) == [decision("during"), decision("later")]

    async def test_a_table_that_can_not_be_made_yet_is_gone_round(
        self, options: StorageOptions, loop_name: str, storage: LoopStorage
    ) -> None:
        # GIVEN a service that shows no table, and refuses to make it
        async with FaultProxy(options.table_endpoint) as proxy:
            refusals = [Answer(409, "TableBeingDeleted")]
            proxy.when(
                lambda method, path: (
                    refusals.pop() if path.endswith("/Tables") and refusals else None
                )
            )
            async with open_storage(through(options, proxy)) as opened:
                await opened.loop(loop_name).log.append(decision("e"))
        assert await decisions(storage.log) == [decision("e")]

    async def test_a_lost_answer_and_a_retry_make_one_row(
        self, options: StorageOptions, loop_name: str, storage: LoopStorage
    ) -> None:
        await storage.log.append(decision("first"))
        async with (
            FaultProxy(options.table_endpoint) as proxy,
            open_storage(through(options, proxy)) as opened,
        ):
            log = opened.loop(loop_name).log
            for row in (decision("e"), Reward("e", NOON, 1.0), Dropped(NOON, 1)):
                # GIVEN an insert whose answer is lost, WHEN it is sent again
                proxy.once(LoseAnswer())
                with pytest.raises(StorageUnavailable):
                    await log.append(row)
                await log.append(row)
        # THEN it is there once
        assert await decisions(storage.log) == [decision("e"), decision("first")]
        assert len(await observations(storage.log)) == 2

    @pytest.mark.parametrize("status", [403, 429, 500, 503])
    async def test_refusals_name_their_cause(
        self, options: StorageOptions, loop_name: str, status: int
    ) -> None:
        async with FaultProxy(options.table_endpoint) as proxy:
            proxy.always(Answer(status, "TheReason"))
            async with open_storage(through(options, proxy)) as opened:
                with pytest.raises(StorageUnavailable, match=f"{status} TheReason"):
                    await opened.loop(loop_name).log.append(decision("e"))

    async def test_an_insert_that_hangs_is_given_up(
        self, options: StorageOptions, loop_name: str
    ) -> None:
        short = replace(options, timeouts=Timeouts(append=0.1))
        async with FaultProxy(options.table_endpoint) as proxy:
            proxy.always(Hang())
            async with open_storage(through(short, proxy)) as opened:
                # WHEN it is appended THEN the caller hears of it while the service still hangs
                with pytest.raises(StorageUnavailable):
                    await opened.loop(loop_name).log.append(decision("e"))
                assert proxy.held == 1
                # AND once that is over, the same event goes through
                proxy.heal()
                await opened.loop(loop_name).log.append(decision("e"))
                assert await decisions(opened.loop(loop_name).log) == [decision("e")]

    async def test_a_service_that_is_gone_is_found_again(
        self, options: StorageOptions, loop_name: str
    ) -> None:
        async with (
            FaultProxy(options.table_endpoint) as proxy,
            open_storage(through(options, proxy)) as opened,
        ):
            log = opened.loop(loop_name).log
            await log.append(decision("before"))
            await proxy.gone()
            with pytest.raises(StorageUnavailable):
                await log.append(decision("e"))
            with pytest.raises(StorageUnavailable):
                await decisions(log)
            await proxy.back()
            await log.append(decision("e"))
            assert await decisions(log) == [decision("before"), decision("e")]

    async def test_a_scan_survives_a_failed_page(
        self, options: StorageOptions, loop_name: str, storage: LoopStorage
    ) -> None:
        await storage.log.append(decision("e"))
        patient = replace(options, timeouts=Timeouts(retries=(0.0,)))
        async with (
            FaultProxy(options.table_endpoint) as proxy,
            open_storage(through(patient, proxy)) as opened,
        ):
            failing = {"GET"}

            def rule(method: str, path: str) -> Answer | None:
                if path.endswith("()") and method in failing:
                    failing.discard(method)
                    return Answer(503, "ServerBusy")
                return None

            proxy.when(rule)
            assert await decisions(opened.loop(loop_name).log) == [decision("e")]
            assert not failing

    async def test_a_scan_ends_when_pages_keep_failing(
        self, options: StorageOptions, loop_name: str, storage: LoopStorage
    ) -> None:
        await storage.log.append(decision("e"))
        patient = replace(options, timeouts=Timeouts(retries=(0.0, 0.0)))
        async with (
            FaultProxy(options.table_endpoint) as proxy,
            open_storage(through(patient, proxy)) as opened,
        ):
            proxy.when(lambda method, path: Answer(503, "ServerBusy") if "()" in path else None)
            with pytest.raises(StorageUnavailable):
                await decisions(opened.loop(loop_name).log)

    async def test_a_scan_that_is_left_early_leaves_nothing_behind(
        self, options: StorageOptions, loop_name: str
    ) -> None:
        async with open_storage(replace(options, shards=1)) as opened:
            log = opened.loop(loop_name).log
            for i in range(3):
                await log.append(decision("e", NOON + i * BUCKET))
            scan = log.decisions(START, END)
            assert await anext(scan) == (NOON, [decision("e")])
            assert isinstance(scan, AsyncGenerator)
            await scan.aclose()


async def test_a_multi_slot_decision_is_read_back(storage: LoopStorage) -> None:
    # GIVEN decisions of both kinds
    slots = (SlotDecision("top", (1, 0), (0.9, 0.1), 0), SlotDecision("|side' ", (0,), (1.0,), 1))
    page = MultiSlotDecision("p", NOON, b'{"_multi":[],"_slots":[]}', slots, "m", deferred=True)
    await storage.log.append(page)
    await storage.log.append(decision("s", NOON + 1))
    # WHEN the log is scanned, THEN each is what it was
    scan = storage.log.decisions(Micros(START), Micros(END))
    assert [row async for _, rows in scan for row in rows] == [page, decision("s", NOON + 1)]


async def test_the_longest_rewards_fit_into_a_row(storage: LoopStorage) -> None:
    # GIVEN fifty rewards with ids that can't be compressed
    dice = random.Random(1)
    letters = [chr(dice.randrange(0x10000, 0x10FFFF)) for _ in range(50 * 256)]
    ids = ["".join(letters[i : i + 256]) for i in range(0, len(letters), 256)]
    row = SlotRewards("e", NOON, tuple((slot, dice.random()) for slot in ids))
    # THEN they are kept
    await storage.log.append(row)
    assert await observations(storage.log) == [row]
