"""Feature importances over HTTP, in every generation."""

from __future__ import annotations

import httpx
import pytest

from api.evaluating import evaluate_every_loop
from api.options import Options
from api.paging import PAGE
from evaluation.importances import FeatureImportance, feature_importances
from loop.events import Micros
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, OTHER_KEYS
from tests.evaluation.measured import customers
from tests.evaluation.past import log
from tests.trainer.scene import after

QUERY = {"api-version": "2022-09-01-preview"}
PATH = "/personalizer/featureImportances"
EVERY = pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/personalizer/v1.0/featureImportances", {}),
        ("/personalizer/v1.1-preview.2/featureImportances", {}),
        (PATH, QUERY),
    ],
)
CONTRACT = {
    "name": "mine",
    "startTime": "2023-11-14T00:00:00Z",
    "endTime": "2023-11-17T00:00:00Z",
}


@pytest.fixture
async def logged(storage: LoopStorage) -> LoopStorage:
    """The loop with a joined log."""
    await log(storage, customers(300), per_file=500)
    return storage


async def keep(storage: LoopStorage, importance_id: str, created: Micros) -> None:
    made = FeatureImportance(
        id=importance_id,
        name=importance_id,
        start=after(0),
        end=after(1),
        arguments="--cb_explore_adf",
        created=created,
    )
    await feature_importances(storage.blobs).create(importance_id, made)


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    return answer.status_code, error["code"], error.get("target")


@EVERY
async def test_from_the_question_to_the_answer(
    client: httpx.AsyncClient,
    logged: LoopStorage,
    options: StorageOptions,
    path: str,
    query: dict[str, str],
) -> None:
    # GIVEN that it was asked which features matter
    url = f"{path}/first%20one"
    made = await client.put(url, headers=KEYS, params=query, json=CONTRACT)
    assert made.status_code == 200
    waiting = made.json()
    assert (waiting["id"], waiting["status"], waiting["progress"]) == (
        "first one",
        "NotSubmitted",
        0,
    )
    assert {name: waiting[name] for name in CONTRACT} == CONTRACT
    assert waiting["featureScores"] == []
    # WHEN the evaluator has done its work
    await evaluate_every_loop(Options(evaluator_time_limit=60), options)
    # THEN the answer is there
    done = (await client.get(url, headers=KEYS, params=query)).json()
    assert (done["status"], done["progress"]) == ("Succeeded", 1)
    assert "sample of 300 choices" in done["description"]
    scores = [each["score"] for each in done["featureScores"]]
    assert scores == sorted(scores, reverse=True)
    names = {(each["namespace"], each["featureName"]) for each in done["featureScores"]}
    assert ("FromUrl", "segment") in names
    assert ("i", "id") in names
    # AND in the list without the scores
    listed = (await client.get(path, headers=KEYS, params=query)).json()
    assert listed == {
        "value": [{name: value for name, value in done.items() if name != "featureScores"}]
    }
    # AND for nobody else
    others = await client.get(url, headers=OTHER_KEYS, params=query)
    assert code(others)[:2] == (404, "FeatureImportanceNotFound")
    # AND until it is deleted
    assert (await client.delete(url, headers=KEYS, params=query)).status_code == 204
    gone = await client.get(url, headers=KEYS, params=query)
    assert code(gone) == (404, "FeatureImportanceNotFound", "featureImportanceId")
    again = await client.delete(url, headers=KEYS, params=query)
    assert code(again) == (404, "FeatureImportanceNotFound", "featureImportanceId")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": 5}, (400, "InvalidContract", "name")),
        ({"endTime": "2023-11-01"}, (400, "InvalidContract", "endTime")),
        (
            {"startTime": "2001-01-01", "endTime": "2001-01-02"},
            (400, "NoLogsExistInDateRange", "startTime"),
        ),
    ],
)
async def test_what_is_refused(
    client: httpx.AsyncClient,
    logged: LoopStorage,
    changes: dict[str, str],
    expected: tuple[int, str, str],
) -> None:
    body = {**CONTRACT, **changes}
    answer = await client.put(f"{PATH}/f1", headers=KEYS, params=QUERY, json=body)
    assert code(answer) == expected


async def test_an_id_is_used_once(client: httpx.AsyncClient, logged: LoopStorage) -> None:
    url = f"{PATH}/f1"
    assert (await client.put(url, headers=KEYS, params=QUERY, json=CONTRACT)).is_success
    again = await client.put(url, headers=KEYS, params=QUERY, json=CONTRACT)
    assert code(again) == (400, "FeatureImportanceAlreadyExists", "featureImportanceId")


async def test_a_list_comes_in_pages(client: httpx.AsyncClient, storage: LoopStorage) -> None:
    # GIVEN five of them
    for number in range(5):
        await keep(storage, f"f{number}", after(60 * number))
    # WHEN they are listed two at a time THEN links lead from the newest to the oldest
    url = f"{PATH}?maxpagesize=2&api-version=2022-09-01-preview"
    pages = []
    while url:
        page = (await client.get(url, headers=KEYS)).json()
        pages.append([each["id"] for each in page["value"]])
        url = page.get("nextLink", "")
    assert pages == [["f4", "f3"], ["f2", "f1"], ["f0"]]
    # AND only what is asked for
    asked = {**QUERY, "top": "2", "skip": "1"}
    page = (await client.get(PATH, headers=KEYS, params=asked)).json()
    assert [each["id"] for each in page["value"]] == ["f3", "f2"]
    assert "nextLink" not in page
    assert PAGE > 5
    refused = await client.get(PATH, headers=KEYS, params={**QUERY, "top": "-1"})
    assert code(refused) == (400, "BadRequest", "top")
