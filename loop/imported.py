"""Which arguments a model goes on with that was learned elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from loop.errors import InvalidModelImportFormat, InvalidPolicyConfiguration
from loop.events import LoopKind
from loop.learning_settings import is_allowed, parse, with_exploration
from loop.model import ModelError
from loop.models import open_model
from loop.settings import LoopSettings

_DEFAULTS = {("bit_precision", "18"), ("learning_rate", "0.5"), ("power_t", "0.5")}
_KIND = {LoopKind.SINGLE_SLOT: "--cb_explore_adf", LoopKind.MULTI_SLOT: "--ccb_explore_adf"}


def arguments_for(data: bytes, settings: LoopSettings) -> str:
    """What a model from elsewhere decides and learns with in a loop.

    A model's file says which features interact and how it explores, and those must stay as they
    are. What else a policy holds, such as rates, a file may leave out. So the loop's own policy
    holds where the file contradicts it in nothing, and otherwise the file.

    Raises:
        InvalidModelImportFormat: VW can't read it, or it is not of the loop's kind.
    """
    kind = settings.kind
    try:
        with open_model(_KIND[kind], data) as model:
            found = " ".join(_learning_options(model.options(), _KIND[kind]))
        if kind is LoopKind.MULTI_SLOT and _is_single_slot(data):
            raise ModelError("it is of a single-slot loop")
        policy = settings.policy_in_force().arguments
        chosen = policy if _stated(found) <= _stated(policy) else found
        arguments = with_exploration(chosen, settings.configuration.exploration_percentage)
        with open_model(arguments, data):
            return arguments
    except ModelError as error:
        raise InvalidModelImportFormat(
            f"The model can't be used in a {kind.value} loop: {error.reason}."
        ) from error
    except InvalidPolicyConfiguration as error:
        raise InvalidModelImportFormat(
            f"The model was learned with settings that are not allowed: {error.message}"
        ) from error


def _stated(arguments: str) -> set[tuple[str, str]]:
    """What arguments say, in single precision as files have it, but for VW's defaults.

    Exploration is left out: that is the loop's.
    """
    said = set()
    for setting in parse(arguments):
        value = setting.value or ""
        with suppress(ValueError):
            value = f"{float(value):.6g}"
        said.add((setting.name, value))
    return {(name, value) for name, value in said - _DEFAULTS if name != "epsilon"}


def _is_single_slot(data: bytes) -> bool:
    """Whether VW takes it for a single-slot model; it takes such a one for both kinds."""
    try:
        with open_model(_KIND[LoopKind.SINGLE_SLOT], data):
            return True
    except ModelError:
        return False


def _learning_options(options: Sequence[str], kind: str) -> Iterator[str]:
    """The options that a policy could hold; VW adds others that follow from them."""
    kept = False
    for token in options:
        if token.startswith("--"):
            # A multi-slot model is one of a single slot to VW as well.
            other_kind = token in _KIND.values() and token != kind
            kept = is_allowed(token[2:].partition("=")[0]) and not other_kind
        if kept:
            yield token
