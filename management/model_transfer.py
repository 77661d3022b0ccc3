"""Models that travel: signed export, and import of what a trusted signer has signed."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from hashlib import sha256

from loop.events import Micros
from loop.imported import arguments_for
from loop.iso import instant_of, micros_of
from loop.manifest import StagedModel
from loop.signing import SigningKey, new_signing_key, open_archive, verify
from management.model import get_model
from storage.blobs import Conflict
from storage.factory import LoopStorage
from storage.revising import revise

logger = logging.getLogger(__name__)

_KEY = "signing-key.pem"


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs here, and whom to trust.

    Attributes:
        key: The deployment's own key; None where each loop has one that it keeps.
        trusted: Fingerprints of certificates, beside the loop's own.
    """

    key: SigningKey | None = None
    trusted: frozenset[str] = frozenset()


async def export_signed_model(storage: LoopStorage, signers: Signers, now: Micros) -> bytes:
    """The model that serves, signed; nothing before a first one is published.

    Raises:
        StorageUnavailable: As ``get_model``.
    """
    model = await get_model(storage)
    if not model:
        return b""
    return (await _key(storage, signers, now)).sign(model)


async def import_model(
    storage: LoopStorage, archive: bytes, signers: Signers, now: Micros
) -> StagedModel:
    """Put a signed model in the place of the one that serves, and learn on from it.

    A rebuild that was under way or due is called off, and a run of the trainer that began before
    loses its commit; its events are learned by the next one.

    Raises:
        InvalidModelImportFormat: It is no signed archive, or holds no model of the loop's kind.
        InvalidModelImportSignature: Its signer is not trusted, or has not signed this model.
        StorageUnavailable: Storage is away, or others are changing the manifest all the time.
    """
    signed = await asyncio.to_thread(open_archive, archive)
    own = (await _key(storage, signers, now)).fingerprint
    verify(signed, signers.trusted | {own})
    settings = (await storage.settings.read()).value
    arguments = await asyncio.to_thread(arguments_for, signed.model, settings)
    model_id = f"{instant_of(now):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    model = StagedModel(
        id=model_id,
        blob=f"models/{model_id}.vw",
        sha256=sha256(signed.model).hexdigest(),
        arguments=arguments,
        created=now,
        description="imported",
        configured=micros_of(settings.configuration.last_configuration_edit_date),
    )
    await storage.blobs.write(model.blob, signed.model)
    version = settings.training_version
    length = settings.configuration.staged_model_history_length
    await revise(storage.manifest, lambda found: found.with_imported(model, version, length, now))
    logger.info("model_imported", extra={"model": model_id})
    return model


async def _key(storage: LoopStorage, signers: Signers, now: Micros) -> SigningKey:
    if signers.key is not None:
        return signers.key
    kept = await storage.blobs.read(_KEY)
    if kept is None:
        made = await asyncio.to_thread(new_signing_key, "Open Personalizer", instant_of(now))
        try:
            await storage.blobs.replace(_KEY, made, None)
            return SigningKey(made)
        except Conflict:
            kept = await storage.blobs.read(_KEY)
            if kept is None:
                raise
    return SigningKey(kept.data)
