"""What is said of an operation in the API's document, beside what the operation table says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from api.schema_parts import Schema
from loop.errors import PersonalizerError
from loop.features import JsonObject, JsonValue

Errors: TypeAlias = tuple[type[PersonalizerError], ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A body: JSON of a shape, or bytes where ``schema`` is None.

    Attributes:
        schema: The name of one of ``SCHEMAS``, or a schema.
        example: One that is taken, or is given.
    """

    schema: str | Schema | None
    description: str = ""
    example: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter behind the path that may be left out."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Description:
    """What one operation takes and gives, and how it may refuse.

    Attributes:
        area: The heading that it stands under.
        answer: None where the answer is empty.
        request: None where there is nothing to say in a body.
        request_2022: In the 2022 preview, where that asks for something else.
        answer_2022: In the 2022 preview, where that answers something else.
        query_2022: What only the 2022 preview has.
        located: Whether the header ``Location`` says where to find what was made.
        errors: Those that are not to be had from every operation.
    """

    area: str
    answer: Content | None = None
    request: Content | None = None
    request_2022: Content | None = None
    answer_2022: Content | None = None
    query: tuple[Query, ...] = ()
    query_2022: tuple[Query, ...] = ()
    located: bool = False
    errors: Errors = ()
    notes: str = ""

    def in_2022(self) -> Description:
        """As it is in the 2022 preview."""
        return replace(
            self,
            request=self.request_2022 or self.request,
            answer=self.answer_2022 or self.answer,
            query=(*self.query, *self.query_2022),
        )


def query(name: str, description: str, **more: JsonValue) -> Query:
    """A parameter that is a text."""
    return Query(name, {"type": "string", "description": description, **more})
