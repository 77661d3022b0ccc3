"""Requests and responses as the Functions host translates them."""

from __future__ import annotations

import azure.functions as func
import pytest

from local import wire


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"/events/a%20b", "/events/a b"),
        (b"/events/%E2%98%95%F0%9F%8D%B5", "/events/☕🍵"),
        # Once only, and never a slash.
        (b"/a%2525", "/a%25"),
        (b"/a%2Fb%2fc", "/a%2Fb%2fc"),
        (b"/%E2%98%95%2F%E2%98%95", "/☕%2F☕"),
        # What is no escape, or no UTF-8, stays.
        (b"/100%", "/100%"),
        (b"/%zz%4", "/%zz%4"),
        (b"/a%ffb", "/a%FFb"),
        (b"/%E2%98", "/%E2%98"),
        # Dots are taken out after decoding.
        (b"/a/./b/../c", "/a/c"),
        (b"/a/%2e%2E/c", "/c"),
        (b"/../a/..", "/"),
        (b"/a/b/.", "/a/b/"),
        (b"/a/.b..", "/a/.b.."),
        (b"//a", "//a"),
    ],
)
def test_a_path_is_decoded_as_kestrel_does(raw: bytes, decoded: str) -> None:
    assert wire.decode_path(raw) == decoded


def test_an_escaped_nul_is_malformed() -> None:
    with pytest.raises(wire.MalformedTarget):
        wire.decode_path(b"/a%00b")


def _request(
    path: str = "/", query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> func.HttpRequest:
    return wire.request("POST", "http", path, query, headers, {"eventId": "a"}, b"body")


def test_a_request_carries_method_route_and_body() -> None:
    request = _request()
    assert (request.method, request.route_params, request.get_body()) == (
        "POST",
        {"eventId": "a"},
        b"body",
    )


def test_headers_are_found_without_case_and_joined() -> None:
    request = _request(headers=((b"X-Key", b"k"), (b"accept", b"a"), (b"Accept", b"b")))
    assert request.headers["x-kEY"] == "k"
    assert request.headers["ACCEPT"] == "a,b"


def test_query_parameters_are_joined_without_case_and_empty_ones_left_out() -> None:
    request = _request(query=b"top=1&Top=2&name=a%20b+c&empty=&bare")
    assert request.params == {"top": "1,2", "name": "a b c"}


def test_the_url_is_escaped_again_and_keeps_the_query() -> None:
    request = _request("/a b/☕%2F/100%", b"q=%20", ((b"host", b"example.com"),))
    assert request.url == "http://example.com/a%20b/%E2%98%95%2F/100%25?q=%20"


def test_a_response_has_its_type_its_length_and_its_headers() -> None:
    answer = func.HttpResponse(
        b'{"a":1}', status_code=201, mimetype="application/json", headers={"X-Id": "1"}
    )
    status, headers, body = wire.response(answer)
    assert (status, body) == (201, b'{"a":1}')
    assert dict(headers) == {
        b"x-id": b"1",
        b"content-type": b"application/json",
        b"content-length": b"7",
    }


def test_text_has_its_charset_and_a_header_wins_over_the_mimetype() -> None:
    _, plain, _ = wire.response("é")
    assert dict(plain)[b"content-type"] == b"text/plain; charset=utf-8"
    assert dict(plain)[b"content-length"] == b"2"
    _, own, _ = wire.response(func.HttpResponse("x", headers={"Content-Type": "text/html"}))
    assert dict(own)[b"content-type"] == b"text/html"


def test_no_content_has_neither_body_nor_length() -> None:
    status, headers, body = wire.response(func.HttpResponse(status_code=204))
    assert (status, body) == (204, b"")
    assert b"content-length" not in dict(headers)


@pytest.mark.parametrize("answer", [None, {"a": 1}, b"x"])
def test_what_is_no_response_is_refused(answer: object) -> None:
    with pytest.raises(TypeError):
        wire.response(answer)
