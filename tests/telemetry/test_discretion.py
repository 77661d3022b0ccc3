"""Whether the tests would notice a log line that says too much."""

from __future__ import annotations

import logging

import orjson
import pytest

from api.keys import KEY_HEADER
from loop.features import Action, compose
from loop.vw_lines import vw_lines
from rank.request import RankRequest
from tests.api import conftest
from tests.discretion import FORBIDDEN, Discretion

TREE = compose([{"user": "u"}], [Action("a", [{"taste": "salty"}])])
SAS = "https://acme.blob.core.windows.net/logs?sv=2021-08-06&sr=c&sp=w&se=2030-01-01&sig=x"


@pytest.mark.parametrize(
    "said",
    [
        orjson.dumps(TREE),
        vw_lines(TREE),
        SAS,
        "Bearer eyJhbGciOi",
        conftest.KEYS,
        conftest.CLIENT_KEYS,
        conftest.OTHER_KEYS,
    ],
    ids=str,
)
def test_a_line_that_says_too_much_is_found(said: object, discretion: Discretion) -> None:
    # WHEN something is logged that should not be, as a field or in the text
    logger = logging.getLogger("rank")
    logger.warning("ranked", extra={"what": said})
    logger.warning("ranked %s", said)
    # THEN both lines are found
    assert len(discretion.leaks) == 2
    discretion.leaks.clear()


def test_so_is_what_a_refusal_quotes(discretion: Discretion) -> None:
    logger = logging.getLogger("rank")
    with pytest.raises(ValueError, match="actions") as refused:
        RankRequest.model_validate({"actions": "salty"})
    # WHEN an error is logged THEN that is well, and its text is not
    logger.warning("refused", exc_info=refused.value)
    assert discretion.leaks == []
    logger.warning("refused", extra={"reason": refused.value})
    assert len(discretion.leaks) == 1
    discretion.leaks.clear()


def test_lines_of_events_are_none(discretion: Discretion) -> None:
    logging.getLogger("rank").warning("model_served", extra={"model": "20231114T221500-1f78cb7c"})
    assert discretion.leaks == []
    assert all(key in FORBIDDEN for key in (conftest.KEYS[KEY_HEADER], "key-two"))
