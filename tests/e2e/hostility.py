"""Requests as only a fuzzer sends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote

from loop.features import JsonObject, JsonValue

TEXTS = (
    "",
    " ",
    "a",
    "Ünïcödé",
    "日本語",
    "e\u0301",
    "🥰",
    "👩‍👩‍👧",
    "\u2028",
    "\ufeff",
    "\U0010ffff",
    "\x00",
    "\x1f\x7f",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nshared |b c",
    "|",
    ":",
    "a|b:c",
    "|x:1",
    "shared",
    "0:1:0.5 |x",
    "ccb shared",
    "'tag",
    "a:nan",
    "a:1e400",
    "_hidden",
    "_",
    "_multi",
    "_tag",
    "_labelIndex",
    "constant",
    "FromUrl",
    "i",
    "j",
    "null",
    "0",
    "4294967296",
    "../../etc/passwd",
    "%2F",
    "%00",
    "'; DROP TABLE events; --",
    "${jndi:ldap://x}",
    "</script>",
    "\\u0041",
    '"',
    "x" * 3_000,
)

NUMBERS = (
    *(0, -0.0, 1, -1, 0.1, 1e-5, 1e-45, 5e-324, 1e6, -1e6, 3.4e5),
    *(2**53 + 1, 2**63, 2**64, 10**30, 1e6 + 1, -2e6, 3.5e38, 1e300, 1.8e308),
    *(float("nan"), float("inf"), float("-inf")),
)

REWARDS: tuple[JsonValue, ...] = (0, 1, -1, 0.5, "1.0", "1e-3", 17, -1e6, 1e6, 1e300, "-1e300")

NO_REWARDS: tuple[JsonValue, ...] = (
    None,
    True,
    "",
    "much",
    "NaN",
    float("nan"),
    float("inf"),
    "1" * 5_000,
    [1],
    {"value": 1},
)

HEADERS: tuple[Mapping[str, str], ...] = (
    {"Content-Type": "text/plain; charset=utf-16"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": ""},
    {"Content-Encoding": "gzip"},
    {"Accept": "text/html", "Accept-Language": "ÿ"},
    {"X-HTTP-Method-Override": "DELETE", "X-Forwarded-Host": "evil.example"},
    {"Origin": "null", "Cookie": "a=" + "b" * 4_000},
    {"Authorization": "Bearer x", "ocp-apim-subscription-KEY-": "x"},
    {"If-Match": "*", "Range": "bytes=0-1", "TE": "trailers"},
)

POLICIES = ("-f x", "--daemon", "-d /etc/passwd", "--cb_explore_adf -i x", "--cb_explore_adf\n-f x")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; ``path`` is what stands behind the version, percent-encoded."""

    path: str
    body: bytes
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


class Fuzzer:
    """Makes one request, and what follows from it: the same ones for the same seed and turn.

    Event ids hold the turn, so that most of them differ.
    """

    def __init__(self, seed: int, turn: int) -> None:
        self._random = Random(seed * 1_000_003 + turn)
        self._turn = turn

    def first(self) -> Request:
        """Something to begin with: most often a rank."""
        kind = self._random.choices(
            (self._rank, self._mangled, self._shapeless, self._large, self._stray, self._odd),
            (60, 12, 12, 2, 10, 5),
        )[0]
        request = kind()
        if self._random.random() < 0.1:
            return Request(request.path, request.body, request.method, self._random.choice(HEADERS))
        return request

    def following(self, event_id: str) -> list[tuple[Request, JsonValue]]:
        """What a caller does whose rank was answered: rewards (and their values), activations."""
        random = self._random
        requests: list[tuple[Request, JsonValue]] = []
        where = f"events/{quote(event_id, safe='')}"
        if random.random() < 0.3:
            requests.append((Request(f"{where}/activate", random.choice((b"", b"{", b"x"))), None))
        if random.random() < 0.7:
            value = random.choice(REWARDS)
            requests.append((Request(f"{where}/reward", _json({"value": value})), value))
        return requests

    def text(self) -> str:
        """A name or a value."""
        random = self._random
        if random.random() < 0.7:
            return random.choice(TEXTS)
        planes = ((0x20, 0x7F), (0xA0, 0x2FF), (0x3040, 0x9FFF), (0x1F300, 0x1FAFF))
        chosen = (random.choice(planes) for _ in range(random.randrange(1, 12)))
        return "".join(chr(random.randrange(*plane)) for plane in chosen)

    def _rank(self) -> Request:
        """One that may well be accepted."""
        return Request("rank", self._encoded(self._call()))

    def _mangled(self) -> Request:
        """A rank whose bytes were damaged on the way."""
        random = self._random
        body = bytearray(self._encoded(self._call()))
        at = random.randrange(len(body))
        damage: list[Callable[[], object]] = [
            lambda: body.__delitem__(slice(at, None)),
            lambda: body.__delitem__(slice(at, at + 3)),
            lambda: body.__setitem__(at, random.randrange(256)),
            lambda: body.insert(at, random.choice(b'\x00\xff\xc3\xed"{}[],:\\')),
            lambda: body.extend(random.choice((b"}", b"\xe6\x97", b" x", b"\x00"))),
        ]
        random.choice(damage)()
        return Request("rank", bytes(body))

    def _shapeless(self) -> Request:
        """A rank with something of another type, or missing, or too much."""
        random = self._random
        call = self._call()
        member = random.choice(
            ("contextFeatures", "actions", "excludedActions", "eventId", "deferActivation")
        )
        if random.random() < 0.4:
            call[member] = self._anything()
        elif member == "actions":
            count = random.choice((0, 51, 60, 2_000))
            call["actions"] = [{"id": str(n), "features": []} for n in range(count)]
        elif member == "excludedActions":
            call["excludedActions"] = [action["id"] for action in _objects(call["actions"])]
        elif member == "eventId":
            call["eventId"] = random.choice(("e" * 257, [], 2**70, 1.5, True))
        else:
            for action in _objects(call["actions"])[:1]:
                action[random.choice(("id", "features"))] = self._anything()
        return Request("rank", self._encoded(call))

    def _large(self) -> Request:
        """A rank at the limits, or beyond them."""
        random = self._random
        makers: tuple[Callable[[], JsonValue], ...] = (
            lambda: [{f"f{n}": n for n in range(10_000)}],
            lambda: [{f"f{n}": "x" for n in range(4_000)}],
            lambda: [{"e": [0.5] * 1_536}],
            lambda: [1] * 200_000,
            lambda: [{"a": "🥰" * 100_000}],
            lambda: [{"a": "x" * 2_000_000}],
            lambda: [{str(n): {} for n in range(50_000)}],
            lambda: self._nested(random.choice((9, 10, 11, 100, 500))),
        )
        call = self._call()
        call["contextFeatures"] = random.choice(makers)()
        body = self._encoded(call)
        if random.random() < 0.2:
            body = body.replace(b'"contextFeatures":', b'"deep":' + b"[" * 50_000 + b",", 1)
        return Request("rank", body)

    def _stray(self) -> Request:
        """A reward or an activation of an event that nobody has ranked, or no reward at all."""
        random = self._random
        where = f"events/{quote(self._event_id(), safe='')}"
        if random.random() < 0.3:
            return Request(f"{where}/activate", b"")
        values = NO_REWARDS if random.random() < 0.8 else REWARDS
        return Request(f"{where}/reward", _json({"value": random.choice(values)}))

    def _odd(self) -> Request:
        """Something else: paths and methods that are none, and policies that must be refused."""
        random = self._random
        if random.random() < 0.4:
            body = _json({"name": self.text(), "arguments": random.choice(POLICIES)})
            return Request("configurations/policy", body, "PUT")
        where = quote(self.text().replace("\0", ""), safe="")
        path = random.choice((where or "x", f"events/{where}x", f"rank/{where or 'x'}"))
        return Request(path, b"{}", random.choice(("GET", "POST", "PUT", "PATCH")))

    def _call(self) -> JsonObject:
        random = self._random
        count = random.choice((1, 2, 3, 5, 10, 50))
        actions: list[JsonValue] = [
            {"id": f"{self.text()[:200]}{n}", "features": self._features()} for n in range(count)
        ]
        call: JsonObject = {"contextFeatures": self._features(), "actions": actions}
        if random.random() < 0.9:
            call["eventId"] = self._event_id()
        if random.random() < 0.2:
            call["excludedActions"] = [action["id"] for action in _objects(actions)[1::2]]
        if random.random() < 0.2:
            call["deferActivation"] = True
        return call

    def _event_id(self) -> str:
        text = self.text().replace("\0", "")[:240]
        before = self._random.random() < 0.5
        return f"{self._turn}~{text}" if before else f"{text}~{self._turn}"

    def _features(self) -> list[JsonValue]:
        count = self._random.choice((0, 1, 1, 2))
        return [
            {self.text(): self._value(1) for _ in range(self._random.randrange(5))}
            for _ in range(count)
        ]

    def _value(self, depth: int) -> JsonValue:
        random = self._random
        roll = random.random()
        if roll < 0.01:
            return self._anything()
        if roll < 0.5:
            return self.text()
        if roll < 0.6:
            return random.choice((True, False, None))
        if roll < 0.62:
            return random.choice(NUMBERS)
        if roll < 0.8 or depth > 8:
            return random.choice((0, 1, -2.5, 1e-3, 1e6, -1e6, 7e-20, random.random()))
        if roll < 0.9:
            return [random.uniform(-1, 1) for _ in range(random.randrange(20))]
        inner: JsonObject = {self.text(): self._value(depth + 1) for _ in range(2)}
        return inner if roll < 0.96 else [inner, {}]

    def _anything(self) -> JsonValue:
        number = self._random.choice(NUMBERS)
        simple: list[JsonValue] = [None, True, self.text(), number, "\ud800", "\udfff x"]
        lists: list[JsonValue] = [[], [None], ["a"], [1, "a"], [[1]], [{}, 1], [number], [True]]
        objects: list[JsonValue] = [{}, {"a": ["b"]}, {"a": number}]
        return self._random.choice(simple + lists + objects)

    def _nested(self, depth: int) -> list[JsonValue]:
        value: JsonValue = {"a": 1}
        for _ in range(depth - 1):
            value = {self.text()[:5] or "n": value}
        return [value]

    def _encoded(self, call: JsonObject) -> bytes:
        if self._random.random() < 0.5:
            return json.dumps(call).encode()
        # Half of a surrogate pair has no bytes in UTF-8: these are what some encoders make of it.
        return json.dumps(call, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _json(value: JsonObject) -> bytes:
    return json.dumps(value).encode()


def _objects(value: JsonValue) -> list[JsonObject]:
    assert isinstance(value, list)
    return [each for each in value if isinstance(each, dict)]
