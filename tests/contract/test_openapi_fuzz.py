"""Whatever schemathesis makes of our own document: answered as the document allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from api.keys import KEY_HEADER
from api.operations import OPERATIONS
from api.routing import function_routes
from tests.contract.conftest import Loop, make_multi_slot, teach

if TYPE_CHECKING:
    from schemathesis.specs.openapi.schemas import OpenApiCase

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATION_IDS = [name for operation in OPERATIONS for name, _ in function_routes(operation)]


@pytest.fixture(scope="module")
def single_slot(unused_loops: Iterator[Loop]) -> Loop:
    """A loop with a model, to be made a mess of."""
    loop = next(unused_loops)
    teach(loop)
    return loop


@pytest.fixture(scope="module")
def multi_slot(unused_loops: Iterator[Loop]) -> Loop:
    """The same of the other kind, without a model."""
    loop = next(unused_loops)
    make_multi_slot(loop)
    return loop


@pytest.fixture(scope="module")
def document(single_slot: Loop) -> OpenApiSchema:
    """What the running service says of itself."""
    return schemathesis.openapi.from_url(f"{single_slot.endpoint}/openapi.json")


@pytest.fixture(scope="module")
def model_id(single_slot: Loop) -> str:
    """A model of the history, for as long as no case removes it."""
    url = f"{single_slot.endpoint}/personalizer/v1.0/staged-model"
    models = requests.get(url, headers={KEY_HEADER: single_slot.key}, timeout=30).json()
    return str(models[0]["modelId"])


@pytest.mark.parametrize("operation_id", OPERATION_IDS)
def test_a_few_calls_of_each_operation(
    operation_id: str,
    document: OpenApiSchema,
    single_slot: Loop,
    multi_slot: Loop,
    model_id: str,
) -> None:
    loop = multi_slot if operation_id.startswith("multi_slot") else single_slot
    check_calls(document, operation_id, loop, model_id, settings(SETTINGS, max_examples=4))


@pytest.mark.acceptance
@pytest.mark.parametrize("operation_id", OPERATION_IDS)
def test_many_calls_of_each_operation(
    operation_id: str,
    document: OpenApiSchema,
    single_slot: Loop,
    multi_slot: Loop,
    model_id: str,
) -> None:
    loop = multi_slot if operation_id.startswith("multi_slot") else single_slot
    many = settings(SETTINGS, max_examples=300, derandomize=False)
    check_calls(document, operation_id, loop, model_id, many)


SETTINGS = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def check_calls(
    document: OpenApiSchema, operation_id: str, loop: Loop, model_id: str, how: settings
) -> None:
    """Call an operation by its description and against it; every answer is one that it allows."""
    operation = document.find_operation_by_id(operation_id)
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    @how
    @given(case=cases, of_history=st.booleans())
    def check(case: OpenApiCase, of_history: bool) -> None:
        if of_history and "modelId" in case.path_parameters:
            case.path_parameters["modelId"] = model_id
        case.call_and_validate(checks=CHECKS, headers={KEY_HEADER: loop.key})

    check()
