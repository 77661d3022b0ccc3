"""What an operation is called with, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from api.deployment import Loop
from loop.events import Micros

JSON = "application/json; charset=utf-8"


class Generation(Enum):
    """The generations of the API: they differ in what a few operations ask for."""

    V1_0 = auto()
    V1_1 = auto()
    V2022 = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read as far as every operation needs it.

    Attributes:
        loop: The loop that the key opened.
        generation: The one that the client speaks.
        arrived: When the request came in.
        url: Where it was sent, as the platform saw it; without what is behind the path.
        parameters: The parameters of the path, decoded.
        query: The parameters behind the path, decoded.
        body: Not larger than the operation allows; empty where there is none.
    """

    loop: Loop
    generation: Generation
    arrived: Micros
    url: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation answers; its status stands in the operation table.

    Attributes:
        location: Where that is to be found which the call has made.
    """

    body: bytes = b""
    content_type: str = JSON
    file_name: str | None = None
    location: str | None = None
