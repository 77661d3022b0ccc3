"""Signed models: made here, and made by the retired service."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import pytest

from loop.errors import InvalidModelImportFormat, InvalidModelImportSignature
from loop.signing import (
    SigningKey,
    SigningKeyError,
    fingerprint_of,
    new_signing_key,
    open_archive,
    verify,
)

NOW = datetime(2024, 1, 1, tzinfo=timezone.utc)
PEM = new_signing_key("tests", NOW)
KEY = SigningKey(PEM)
EXPORT = Path(__file__).parents[2] / "../shared/fixtures/azure-export/quickstart-model-signed.zip"


def repacked(archive: bytes, **changed: bytes) -> bytes:
    """The archive with other contents; a member that is changed to nothing is left out."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members |= {name.replace("__", "."): content for name, content in changed.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            if content:
                file.writestr(name, content)
    return out.getvalue()


def test_what_is_signed_is_verified() -> None:
    # GIVEN a signed model
    archive = KEY.sign(b"weights")
    # WHEN it is opened THEN it is the model, and its signer is trusted by the fingerprint
    signed = open_archive(archive)
    assert signed.model == b"weights"
    assert fingerprint_of(signed.signer) == KEY.fingerprint
    verify(signed, {KEY.fingerprint})


def test_the_same_model_makes_the_same_archive() -> None:
    assert KEY.sign(b"weights") == SigningKey(PEM).sign(b"weights")


def test_a_signer_that_is_not_trusted_is_named_by_its_fingerprint() -> None:
    signed = open_archive(SigningKey(new_signing_key("other", NOW)).sign(b"weights"))
    with pytest.raises(InvalidModelImportSignature, match=fingerprint_of(signed.signer)):
        verify(signed, {KEY.fingerprint})


@pytest.mark.parametrize(
    "changed", [{"model__vw": b"other"}, {"sha512_signature__bin": b"x" * 256}], ids=str
)
def test_a_model_that_was_not_signed_is_refused(changed: dict[str, bytes]) -> None:
    signed = open_archive(repacked(KEY.sign(b"weights"), **changed))
    with pytest.raises(InvalidModelImportSignature):
        verify(signed, {KEY.fingerprint})


def test_a_certificate_that_is_none_is_refused_though_its_bytes_are_trusted() -> None:
    signed = open_archive(repacked(KEY.sign(b"weights"), signer__der=b"no certificate"))
    with pytest.raises(InvalidModelImportSignature):
        verify(signed, {fingerprint_of(b"no certificate")})


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"PK\x03\x04",
        b"weights",
        KEY.sign(b"weights")[:-40],
        repacked(KEY.sign(b"weights"), signer__der=b""),
        repacked(KEY.sign(b"weights"), model__vw=b""),
        repacked(KEY.sign(b"weights"), sha512_signature__bin=b"x" * 100_000),
    ],
    ids=["empty", "header", "bare model", "cut", "no signer", "no model", "huge signature"],
)
def test_what_is_no_archive_of_the_three_is_refused(archive: bytes) -> None:
    with pytest.raises(InvalidModelImportFormat):
        open_archive(archive)


def test_damage_never_gives_another_model() -> None:
    # GIVEN an archive WHEN any one of its bytes is another
    model = b"weights" * 50
    sound = KEY.sign(model)
    refused = 0
    for at in range(len(sound)):
        archive = bytearray(sound)
        archive[at] ^= 0xFF
        try:
            signed = open_archive(bytes(archive))
            verify(signed, {KEY.fingerprint})
        except (InvalidModelImportFormat, InvalidModelImportSignature):
            refused += 1
        else:
            # THEN it is refused, or it was a byte that says nothing, such as a file's date
            assert signed.model == model
    assert refused > len(sound) / 2


@pytest.mark.parametrize(
    "pem",
    [b"", PEM.partition(b"-----BEGIN CERTIFICATE")[0], b"nonsense"],
    ids=["nothing", "key alone", "nonsense"],
)
def test_a_key_without_its_certificate_is_none(pem: bytes) -> None:
    with pytest.raises(SigningKeyError):
        SigningKey(pem)


def test_a_certificate_of_another_key_is_refused() -> None:
    other = new_signing_key("other", NOW)
    key, _, _ = PEM.partition(b"-----BEGIN CERTIFICATE")
    _, mark, certificate = other.partition(b"-----BEGIN CERTIFICATE")
    with pytest.raises(SigningKeyError, match="another key"):
        SigningKey(key + mark + certificate)


@pytest.mark.skipif(not EXPORT.exists(), reason="the retired service's export is not at hand")
def test_an_export_of_the_retired_service_verifies() -> None:
    signed = open_archive(EXPORT.read_bytes())
    verify(signed, {fingerprint_of(signed.signer)})
    with pytest.raises(InvalidModelImportSignature):
        verify(signed, {KEY.fingerprint})
