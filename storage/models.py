"""How models are kept: as blobs, with the hash of what was written."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from loop.events import Micros
from loop.features import Action, compose
from loop.manifest import PublishedModel
from loop.model import Model, ModelError, Scores
from loop.models import AnyModel, open_model
from loop.multi_slot_model import AskedSlot
from loop.vw_lines import vw_lines
from storage.blobs import Blobs

MODELS = "models/"
BROKEN = "models/broken/"
STATE = "state/"
METRICS = "metrics/"
ACTIVITY = "activity/"

_ANYTHING = vw_lines(compose([], [Action("a", []), Action("b", [])]))
_ANY_SLOT = (AskedSlot((0, 1), "0"),)


async def load(blobs: Blobs, published: PublishedModel) -> AnyModel:
    """The model, able to go on learning.

    Raises:
        ModelError: The blob is gone, is not what was written, or is refused by VW.
    """
    blob = await blobs.read(published.blob)
    if blob is None:
        raise ModelError("its blob is gone")
    if sha256(blob.data).hexdigest() != published.sha256:
        raise ModelError("its blob is not what was written")
    return open_model(published.arguments, blob.data)


async def keep(
    blobs: Blobs, name: str, model_id: str, arguments: str, data: bytes, created: Micros
) -> PublishedModel:
    """Write a model under a name that is used once."""
    await blobs.write(name, data)
    return PublishedModel(
        id=model_id,
        blob=name,
        sha256=sha256(data).hexdigest(),
        arguments=arguments,
        created=created,
    )


def works(arguments: str, data: bytes, lines: list[str], slots: Sequence[AskedSlot] = ()) -> bool:
    """Whether a saved model loads again and decides, with probabilities that are ones.

    Args:
        lines: Some event that it has learned from; any other does where there is none.
        slots: The slots of that event, for a multi-slot model.
    """
    try:
        with open_model(arguments, data) as model:
            if isinstance(model, Model):
                choices: tuple[Scores, ...] = (model.decide(lines or _ANYTHING),)
            elif lines:
                choices = model.decide(lines, slots)
            else:
                choices = model.decide([*_ANYTHING, "|"], _ANY_SLOT)
    except ModelError:
        return False
    return all(0 <= p <= 1.001 for scores in choices for p in scores.probabilities)
