"""Route templates and their order, as ASP.NET and the Functions host have them."""

from __future__ import annotations

import pytest

from local.routing import Route, Router, Template, TemplateError


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        # Literals, without case; one slash at the end makes no difference.
        ("personalizer/rank", "/personalizer/rank", {}),
        ("personalizer/rank", "/Personalizer/RANK/", {}),
        ("personalizer/rank", "/personalizer/rank//", None),
        ("personalizer/rank", "/personalizer/rank/x", None),
        ("personalizer/rank", "/personalizer", None),
        ("a.c", "/abc", None),
        ("", "/", {}),
        # Parameters keep the case of the request and take exactly one segment.
        ("events/{eventId}/reward", "/events/A%2Fb c/reward", {"eventId": "A%2Fb c"}),
        ("events/{eventId}/reward", "/events//reward", None),
        ("events/{eventId}/reward", "/events/a/b/reward", None),
        ("events/{eventId}/reward", "/events/a\nb/reward", {"eventId": "a\nb"}),
        ("events/{eventId?}", "/events", {}),
        ("events/{eventId?}", "/events/", {}),
        ("events/{eventId?}", "/events/a", {"eventId": "a"}),
        # A constraint searches without case; braces in it are doubled.
        (
            r"{version:regex(^v1\.[01].*$)}/rank",
            "/V1.1-preview.2/rank",
            {"version": "V1.1-preview.2"},
        ),
        (r"{version:regex(^v1\.[01].*$)}/rank", "/v2.0/rank", None),
        (r"{n:regex(^\d{{2}}$)}", "/42", {"n": "42"}),
        (r"{n:regex(^\d{{2}}$)}", "/4", None),
        (r"{n:regex(^(a|b)/?$)}/x", "/b/x", {"n": "b"}),
        # A catch-all takes the rest as it is, also nothing at all.
        ("{*path}", "/", {}),
        ("{*path}", "/a//b/", {"path": "a//b/"}),
        ("{*path}", "//a", {"path": "/a"}),
        ("x/{*path}", "/x", {}),
        ("x/{**path}", "/x/a/b", {"path": "a/b"}),
        ("x/{*path}", "/xy", None),
    ],
)
def test_a_template_takes_what_aspnet_takes(
    template: str, path: str, values: dict[str, str] | None
) -> None:
    assert Template.parse(template).match(path) == values


@pytest.mark.parametrize(
    "template",
    [
        "/rank",
        "a//b",
        "a{b}c",
        "{a}{b}",
        "{a:int}",
        "{a=1}",
        "{a?}/b",
        "{*a}/b",
        "{a:regex([)}",
        "}",
    ],
)
def test_a_template_that_is_broken_or_not_supported_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        Template.parse(template)


def _router(*routes: tuple[str, str, set[str] | None]) -> Router[str]:
    return Router(
        Route(name, Template.parse(template), None if methods is None else frozenset(methods), name)
        for name, template, methods in routes
    )


def test_routes_are_tried_in_alphabetical_order_of_name_whichever_fits_better() -> None:
    # GIVEN a better match whose name comes later, in another case
    router = _router(("Zeta", "events/list", None), ("alpha", "events/{id}", None))
    # WHEN a path fits both
    found = router.find("GET", "/events/list")
    # THEN the first by name answers
    assert found == ("alpha", {"id": "list"})


def test_a_wrong_method_goes_on_to_the_next_function() -> None:
    router = _router(("a", "model", {"GET"}), ("b", "model", {"DELETE"}), ("z", "{*path}", None))
    assert router.find("delete", "/model") == ("b", {})
    assert router.find("PUT", "/model") == ("z", {"path": "model"})


def test_nothing_that_matches_is_none() -> None:
    assert _router(("a", "model", {"GET"})).find("PUT", "/model") is None
