"""Signed provenance: a C2PA manifest, by the library of its makers (c2pa-python, the extra "sign").

Unlike a tag, a signature cannot be changed unnoticed: it says who made the file, that it is generated, and that nobody
has altered it since. It takes a key and certificate of the user's own, in one PEM file: the private key, then the
certificate, then those that vouch for it. Nothing is sent anywhere; without a time stamp from an authority a signature
counts as long as its certificate does.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from checkpoints.errors import InputError, OptionError, OutputError, first_line
from checkpoints.installation import installing
from runtime.media.picture import check_file
from runtime.media.provenance import DIGITAL_SOURCE_TYPE, STATEMENT

_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
EXTENSIONS = tuple(_TYPES)
"""Of files that can hold a manifest; Matroska and WebM cannot."""

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class Signature:
    """Signs files with one key."""

    def __init__(self, pem: str | os.PathLike[str], target: Path) -> None:
        """`pem`: the file of key and certificates; `target`: what will be signed. Raises `OptionError` when the
        library is not installed, `InputError` when the file cannot be used, `OutputError` when `target` is of a kind
        that cannot be signed.
        """
        try:
            import c2pa
        except ImportError as error:
            raise OptionError(f"{error.name} is missing; install it with: {installing('sign')}") from error
        if target.suffix.lower() not in EXTENSIONS:
            raise OutputError(f"{target} cannot be signed; give a name that ends in one of {', '.join(EXTENSIONS)}.")
        path = Path(pem)
        check_file(path)
        text = path.read_text(encoding="ascii", errors="replace")
        keys = re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", text, re.DOTALL)
        chain = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
        if len(keys) != 1 or not chain:
            raise InputError(f"{path} must hold one private key and its certificates, as PEM; put them into one file.")
        kind, key = _readable(keys[0], path)
        try:
            info = c2pa.C2paSignerInfo(kind, ("\n".join(chain) + "\n").encode(), key, None)
            self._signer: Any = c2pa.Signer.from_info(info)
        except (c2pa.C2paError, ValueError) as error:
            raise InputError(
                f"{path} cannot be used for signing ({first_line(error)}); it needs a key with its chain."
            ) from error
        self._path = path
        self._kind = _TYPES[target.suffix.lower()]

    def __call__(self, path: Path) -> None:
        """Sign the finished file `path` in its place. Raises `OutputError` when that fails; the file stays then."""
        import c2pa

        aside = path.with_name(f"{path.name}.part")
        try:
            with c2pa.Builder(_manifest()) as builder, path.open("rb") as source, aside.open("w+b") as signed:
                builder.sign(self._signer, self._kind, source, signed)
            aside.replace(path)
        except (c2pa.C2paError, OSError) as error:
            raise OutputError(f"The result cannot be signed with {self._path} ({first_line(error)}).") from error
        finally:
            aside.unlink(missing_ok=True)


def signature_for(target: Path | None, pem: str | os.PathLike[str]) -> Signature:
    """The `Signature` for a result; raises `OptionError` when there will be no file to sign."""
    if target is None:
        raise OptionError("sign needs a file to sign; give an output.")
    return Signature(pem, target)


def _manifest() -> dict[str, Any]:
    """What is signed: that the file was made, by which program, and what kind of thing it is."""
    made = {
        "action": "c2pa.created",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": "Bunraku"},
        "description": STATEMENT,
    }
    return {
        "claim_generator_info": [{"name": "Bunraku"}],
        "title": "Moving picture",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [made]}}],
    }


def _readable(key: str, path: Path) -> tuple[str, bytes]:
    """C2PA's name for what the key does, and the key in the form that its library reads (PKCS 8)."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        loaded = form.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:  # the latter for keys that want a password
        raise InputError(
            f"The key in {path} cannot be read ({first_line(error)}); give one without a password."
        ) from error
    kind = None
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        kind = _CURVES.get(loaded.curve.name)
    elif isinstance(loaded, rsa.RSAPrivateKey):
        kind = "ps256"
    elif isinstance(loaded, ed25519.Ed25519PrivateKey):
        kind = "ed25519"
    if kind is None:
        raise InputError(f"The key in {path} is of a kind that C2PA does not know; use P-256, RSA or Ed25519.")
    pkcs8 = loaded.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return kind, pkcs8
