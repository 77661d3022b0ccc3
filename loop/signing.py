"""Signed models: a zip of the model, its signer's certificate, and the signature.

As the retired service exported them: ``model.vw``, ``signer.der`` (X.509) and
``sha512_signature.bin`` (RSA, PKCS #1 v1.5, over the SHA-512 of the model).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from loop.errors import InvalidModelImportFormat, InvalidModelImportSignature

MAX_MODEL_BYTES = 128 * 1024 * 1024
"""Largest model that is taken out of an archive."""

_MODEL, _SIGNER, _SIGNATURE = "model.vw", "signer.der", "sha512_signature.bin"
_SMALL = 64 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_VALID = timedelta(days=3650)


class SigningKeyError(Exception):
    """Raised when a text is no private key with the certificate that belongs to it."""


@dataclass(frozen=True, slots=True)
class SignedModel:
    """What a signed archive holds; nothing of it is verified yet."""

    model: bytes
    signer: bytes
    signature: bytes


class SigningKey:
    """A loop's private RSA key and the certificate that it signs as.

    Args:
        pem: Both as PEM, one after the other.

    Raises:
        SigningKeyError: They are not there, or don't belong together.
    """

    def __init__(self, pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(pem, None)
            self._certificate = x509.load_pem_x509_certificate(pem)
        except (ValueError, TypeError) as error:
            raise SigningKeyError("no private key and certificate in PEM") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise SigningKeyError("the private key is no RSA key")
        if self._certificate.public_key() != key.public_key():
            raise SigningKeyError("the certificate is of another key")
        self._key = key

    @property
    def fingerprint(self) -> str:
        """What others trust this signer by; see ``fingerprint_of``."""
        return fingerprint_of(self._certificate.public_bytes(serialization.Encoding.DER))

    def sign(self, model: bytes) -> bytes:
        """The archive of a model; the same model and key make the same bytes."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in (
                (_MODEL, model),
                (_SIGNER, self._certificate.public_bytes(serialization.Encoding.DER)),
                (_SIGNATURE, self._key.sign(model, padding.PKCS1v15(), hashes.SHA512())),
            ):
                file.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        return archive.getvalue()


def new_signing_key(signer: str, now: datetime) -> bytes:
    """A new key and its self-signed certificate, as PEM.

    Args:
        signer: The common name in the certificate, up to 64 characters.
    """
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate in DER, in hex; ``openssl x509 -fingerprint -sha256`` shows it."""
    return sha256(certificate).hexdigest()


def open_archive(archive: bytes) -> SignedModel:
    """Take a signed archive apart.

    Raises:
        InvalidModelImportFormat: It is no zip of the three files.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            return SignedModel(
                _member(file, _MODEL, MAX_MODEL_BYTES),
                _member(file, _SIGNER, _SMALL),
                _member(file, _SIGNATURE, _SMALL),
            )
    # A damaged archive shows itself in any of these, depending on where it is damaged.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise InvalidModelImportFormat(
            f"A signed model is a zip of {_MODEL}, {_SIGNER} and {_SIGNATURE}; this is not one."
        ) from error
    except (NotImplementedError, RuntimeError) as error:
        raise InvalidModelImportFormat(
            "The archive is encrypted, or compressed in a way that is not supported."
        ) from error


def verify(signed: SignedModel, trusted: Collection[str]) -> None:
    """Check who signed a model, and that it is what was signed.

    Certificates are not checked for their dates: those of the retired service have all expired,
    and a model that was good stays so. Whom to trust is said by certificate, not by issuer.

    Args:
        trusted: Fingerprints of the certificates to trust.

    Raises:
        InvalidModelImportSignature: The signer is not trusted, or the signature does not fit.
    """
    fingerprint = fingerprint_of(signed.signer)
    if fingerprint not in trusted:
        raise InvalidModelImportSignature(
            f"The signer is not trusted. The fingerprint of its certificate is {fingerprint}."
        )
    try:
        key = x509.load_der_x509_certificate(signed.signer).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise InvalidModelImportSignature("The signer's certificate has no RSA key.")
        key.verify(signed.signature, signed.model, padding.PKCS1v15(), hashes.SHA512())
    except (InvalidSignature, ValueError) as error:
        raise InvalidModelImportSignature("The signature is not that of this model.") from error


def _member(file: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        information = file.getinfo(name)
    except KeyError as error:
        raise ValueError(f"no {name}") from error
    with file.open(information) as member:
        content = member.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{name} is too large")
    return content
