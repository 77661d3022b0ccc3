from __future__ import annotations

from pathlib import Path

from cli.picture import draw, rolling_mean
from cli.playing import Played
from cli.summary import Summary

SUMMARY = Summary(
    world="coffee",
    seed=1,
    planned=400,
    answered=400,
    seconds=8.0,
    mean=0.5,
    mean_last=0.5,
    last=400,
    random=0.25,
    best=1.0,
    exploration=0.2,
    ceiling=0.85,
    failures={},
    retries={},
)


def played(number: int) -> list[Played]:
    return [
        Played(place, f"event-{place}", "Latte", float(place % 2), True, 0.25, 1.0)
        for place in range(number)
    ]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    draw(played(400), SUMMARY, path)
    assert size(path.read_bytes()) == (1170, 650)


def test_a_single_event_can_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    draw(played(1), SUMMARY, path)
    assert size(path.read_bytes()) == (1170, 650)


def test_the_rolling_mean_starts_with_what_there_is() -> None:
    assert rolling_mean([1.0, 0.0, 0.5, 1.0, 0.0], 3) == [1.0, 0.5, 0.5, 0.5, 0.5]
