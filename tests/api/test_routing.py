"""Addresses: three generations, any case, doubled slashes, loops, and ids that hold anything."""

from __future__ import annotations

import pytest

from api import routing
from api.calls import Generation
from api.operations import OPERATIONS
from api.pages import PAGES
from api.routing import PATH_VERSIONS, QUERY_VERSION, choose, find, function_routes, generation
from local.routing import Template
from loop.errors import OperationNotAllowed, ResourceNotFound

QUERY = {"api-version": QUERY_VERSION}


def test_no_path_is_taken_by_two_templates() -> None:
    """The platform takes the first that fits in alphabetical order, whichever is meant."""
    taken: dict[tuple[str, str], set[str]] = {}
    for operation in OPERATIONS:
        for name, route in function_routes(operation):
            Template.parse(route)
            for version in (*PATH_VERSIONS, "events", "model", "logs", "configurations", "v1.7"):
                path = f"/personalizer/{version}/{operation.template}".replace("{eventId}", version)
                for method in ("GET", "PUT", "POST", "DELETE"):
                    if operation.method == method and Template.parse(route).match(path) is not None:
                        taken.setdefault((method, path), set()).add(name)
            path = f"/personalizer/{operation.template}".replace("{eventId}", "model")
            if Template.parse(route).match(path) is not None:
                taken.setdefault((operation.method, path), set()).add(name)
    assert all(len(names) == 1 for names in taken.values())


def test_the_catch_all_sorts_last() -> None:
    names = [name for operation in OPERATIONS for name, _ in function_routes(operation)]
    names += [page.name for page in PAGES]
    assert len({name.lower() for name in names}) == len(names)
    assert max([*names, routing.CATCH_ALL[0]], key=str.lower) == routing.CATCH_ALL[0]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *[(f"/personalizer/{version}/rank", {}) for version in PATH_VERSIONS],
        ("/personalizer/rank", QUERY),
        ("/personalizer/rank", {"API-Version": QUERY_VERSION.upper()}),
        ("//personalizer//v1.0///rank/", {}),
        ("personalizer/v1.0/rank", {}),
        ("/Personalizer/V1.1-Preview.3/RANK", {}),
        ("/loops/shop/personalizer/v1.0/rank", {}),
        ("/loops/shop/personalizer/rank", QUERY),
    ],
)
def test_every_form_of_address_leads_to_rank(path: str, query: dict[str, str]) -> None:
    assert choose(find(path, query), "POST").name == "rank"


@pytest.mark.parametrize(
    ("segment", "event_id"),
    [
        ("AbC", "AbC"),
        ("a%2Fb%2fc", "a/b/c"),
        ("a/b", "a/b"),
        ("100%", "100%"),
        ("☕ 🥐", "☕ 🥐"),
        ("reward", "reward"),
        ("a\nb", "a\nb"),
    ],
)
def test_an_event_id_may_hold_anything(segment: str, event_id: str) -> None:
    address = find(f"/personalizer/v1.0/Events/{segment}/Reward", {})
    assert address.parameters == {"eventId": event_id}
    assert choose(address, "POST").name == "reward"


def test_the_loop_of_a_path_is_told() -> None:
    assert find("/loops/Shop/personalizer/v1.0/status", {}).loop == "Shop"
    assert find("/personalizer/v1.0/status", {}).loop is None


@pytest.mark.parametrize("path", ["/status", "/STATUS/", "/loops/shop/status"])
def test_bare_status_needs_no_version(path: str) -> None:
    assert choose(find(path, {}), "GET").name == "status"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", {}),
        ("/", {}),
        ("/rank", {}),
        ("/personalizer", {}),
        ("/personalizer/v1.0", {}),
        ("/personalizer/v1.0/", {}),
        ("/personalizer/v1.0/rank/more", {}),
        ("/personalizer/v1.0/events//reward", {}),
        ("/personalizer/v1.0/unknown", {}),
        ("/personalizer/unknown", QUERY),
        ("/loops/personalizer/v1.0/rank", {}),
        ("/v1.0/rank", {}),
    ],
)
def test_an_unknown_path_is_not_found(path: str, query: dict[str, str]) -> None:
    with pytest.raises(ResourceNotFound, match="Nothing answers at"):
        find(path, query)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/personalizer/v2.0/rank", {}),
        ("/personalizer/v1.1-preview.4/rank", {}),
        ("/personalizer/v1.00/rank", {}),
        ("/personalizer/rank", {"api-version": "2023-01-01"}),
        ("/personalizer/rank", {"api-version": "v1.0"}),
    ],
)
def test_an_unknown_version_is_named(path: str, query: dict[str, str]) -> None:
    with pytest.raises(ResourceNotFound, match="There is no version"):
        find(path, query)


def test_a_missing_version_is_told_with_the_known_ones() -> None:
    with pytest.raises(ResourceNotFound, match=r"names no version.*v1\.0.*2022-09-01-preview"):
        find("/personalizer/rank", {})


def test_the_version_in_the_path_stands_over_the_one_in_the_query() -> None:
    assert generation("v1.0", {"api-version": "2023-01-01"}) is Generation.V1_0
    assert generation("V1.1-Preview.2", QUERY) is Generation.V1_1
    assert generation(None, QUERY) is Generation.V2022


def test_a_wrong_method_is_told_the_right_ones() -> None:
    with pytest.raises(OperationNotAllowed) as error:
        choose(find("/personalizer/v1.0/configurations/policy", {}), "POST")
    assert error.value.allowed == ("GET", "PUT", "DELETE")
