"""Log lines on their way to the platform."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from api.log_lines import log_to_platform


class Forwarding(logging.Handler):
    """Keeps what it is given to say, as the worker's handler passes it on."""

    def __init__(self, form: logging.Formatter | None = None) -> None:
        super().__init__()
        self.setFormatter(form)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def plain() -> Iterator[Forwarding]:
    """A handler at the root that has no format, for as long as the test takes."""
    yield from attached(Forwarding())


@pytest.fixture
def formatted() -> Iterator[Forwarding]:
    """One that has a format."""
    yield from attached(Forwarding(logging.Formatter("says: %(message)s")))


def attached(handler: Forwarding) -> Iterator[Forwarding]:
    """Put it at the root and take it away again."""
    root = logging.getLogger()
    sdk = logging.getLogger("azure.core")
    level = sdk.level
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    sdk.setLevel(level)


def test_a_line_has_the_fields_of_its_event(plain: Forwarding) -> None:
    log_to_platform()
    logging.getLogger("rank").warning("decisions_dropped", extra={"count": 3})
    assert plain.lines == ["decisions_dropped count=3"]


def test_a_handler_with_a_format_keeps_it(formatted: Forwarding) -> None:
    log_to_platform()
    logging.getLogger("rank").warning("decisions_dropped", extra={"count": 3})
    assert formatted.lines == ["says: decisions_dropped"]


def test_the_sdk_says_only_what_goes_wrong(
    plain: Forwarding, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log_to_platform()
    requests = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
    requests.info("Request URL: …")
    requests.warning("gave up")
    assert plain.lines == ["gave up"]
