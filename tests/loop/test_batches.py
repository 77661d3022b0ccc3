"""What is round the events of a batch: the preamble, the encodings, the bounds."""

from __future__ import annotations

import pytest
import zstandard

from loop.batches import (
    MAX_EVENTS,
    MAX_UNPACKED_BYTES,
    Allowance,
    BatchedEvent,
    PayloadType,
    unpack,
)
from loop.errors import InvalidRequest, PayloadSizeExceeded
from tests.batches import CB, DEDUP_INFO, EPISODE, Event, message


def unpacked(body: bytes) -> list[BatchedEvent]:
    return list(unpack(body, Allowance()))


def refusal(body: bytes) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as error:
        unpacked(body)
    return error.value.target, error.value.message


def test_events_come_out_in_their_order() -> None:
    body = message([Event(b"one", id="a"), Event(b"two", id="b" * 256, type=EPISODE)])
    assert unpacked(body) == [
        BatchedEvent("events[0]", "a", PayloadType.CB, b"one"),
        BatchedEvent("events[1]", "b" * 256, PayloadType.EPISODE, b"two"),
    ]


def test_an_empty_batch_has_no_events() -> None:
    assert unpacked(message([])) == []


@pytest.mark.parametrize("encoding", ["IDENTITY", "DEDUP", "dedup", None])
def test_encodings_of_the_batch(encoding: str | None) -> None:
    assert len(unpacked(message([Event(b"x")], encoding))) == 1


def test_a_payload_may_be_compressed() -> None:
    body = message([Event(b"x" * 100_000, compressed=True), Event(b"", compressed=True)])
    assert [event.payload for event in unpacked(body)] == [b"x" * 100_000, b""]


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        (b"", "preamble", "takes 8 bytes, and the body has 0"),
        (message([])[:7], "preamble", "takes 8 bytes"),
        (message([], reserved=1), "preamble", "begins with 1 and 0"),
        (message([], version=1), "preamble", "begins with 0 and 1"),
        (message([], kind=2), "preamble", "message type 2, and only 13"),
        (message([], kind=0x0D00), "preamble", "message type 3328"),
        (message([], size=0), "preamble", "announces 0 bytes"),
        (message([]) + b"\0", "preamble", "announces"),
        (message([])[:-1], "preamble", "announces"),
        (b"\0\0\0\r\0\0\0\4\xff\xff\xff\x7f", "batch", "points outside"),
        (message([], "ZSTD"), "metadata.content_encoding", "IDENTITY, DEDUP"),
        (message([Event(b"x", id="")]), "events[0].meta.id", "has 0 characters"),
        (message([Event(b"x", id=None)]), "events[0].meta.id", "has 0 characters"),
        (message([Event(b"x"), Event(b"x", id="é" * 257)]), "events[1].meta.id", "has 257"),
        (message([Event(b"x", type=8)]), "events[0].meta.payload_type", "is not known"),
        (message([Event(None)]), "events[0].payload", "is missing"),
        (message([Event(b"x", encoding=2)]), "events[0].meta.encoding", "is not known"),
        (message([Event(b"x", encoding=1)]), "events[0].payload", "is no zstd frame"),
        *[
            (
                message([Event(b"x", pass_probability=share)]),
                "events[0].meta.pass_probability",
                "is not above 0",
            )
            for share in (0.0, -0.5, 1.5, float("nan"), float("inf"))
        ],
    ],
)
def test_what_is_malformed_is_named(body: bytes, place: str, reason: str) -> None:
    target, text = refusal(body)
    assert target == place
    assert text.startswith(f"{place} ")
    assert reason in text


def test_the_actions_that_events_share_need_no_id() -> None:
    body = message([Event(b"x", id=None, type=DEDUP_INFO)])
    assert [event.id for event in unpacked(body)] == [""]


def test_a_frame_that_lies_about_its_size_is_refused_before_it_is_decompressed() -> None:
    # GIVEN frames of too many bytes, of too few, of none that are told, and with more behind
    frame = zstandard.compress(b"x" * 1_000, 1)
    untold = zstandard.ZstdCompressor(write_content_size=False).compress(b"x")
    huge = zstandard.ZstdCompressor().compress(bytes(MAX_UNPACKED_BYTES + 1))
    for payload in (frame[:-3], frame[:4] + b"\x60\xff" + frame[6:], untold, frame + b"!"):
        target, _ = refusal(message([Event(payload, encoding=1)]))
        assert target == "events[0].payload"
    # THEN what would be too large is named as that
    with pytest.raises(PayloadSizeExceeded):
        unpacked(message([Event(huge, encoding=1)]))


def test_the_allowance_is_that_of_the_batch() -> None:
    # GIVEN events that are small each, and come to too much together
    large = zstandard.compress(bytes(MAX_UNPACKED_BYTES // 2), 1)
    body = message([Event(large, encoding=1), Event(large, encoding=1)])
    with pytest.raises(PayloadSizeExceeded) as error:
        unpacked(body)
    assert error.value.target == "events[1].payload"


def test_the_number_of_events_is_bounded() -> None:
    assert len(unpacked(message([Event(b"", type=CB)] * MAX_EVENTS))) == MAX_EVENTS
    with pytest.raises(PayloadSizeExceeded, match=f"{MAX_EVENTS + 1} events"):
        unpacked(message([Event(b"")] * (MAX_EVENTS + 1)))
