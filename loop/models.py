"""The two kinds of models, told apart by their arguments."""

from __future__ import annotations

from loop.model import Model
from loop.multi_slot_model import MultiSlotModel

AnyModel = Model | MultiSlotModel


def open_model(arguments: str, data: bytes | None = None) -> AnyModel:
    """A model of the kind that its arguments ask for.

    Args:
        arguments: As ``loop.learning_settings.with_exploration`` gives them.
        data: As for ``VwModel``.

    Raises:
        ModelError: As ``VwModel``.

    >>> with open_model("--ccb_explore_adf --epsilon=0.2") as model:
    ...     model.kind.value
    'multi-slot'
    """
    if "--ccb_explore_adf" in arguments.split():
        return MultiSlotModel(arguments, data)
    return Model(arguments, data)
