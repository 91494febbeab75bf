"""Files that prove themselves: JSON under an Ed25519 signature, so that years later anybody can say whether they are whole.

The key is a 0600 file of its own; a demonstration makes itself one. The public half stands in every file and on the line that
`manage.py record_key` prints: whoever keeps that line needs nothing else of ours to check a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

FORMAT = "crisis-record-1"


def make_key(path: Path) -> None:
    """Draw a new key into a file that only we can read. Raises FileExistsError rather than replace one."""
    raw = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
        target.write(raw)


def _key() -> Ed25519PrivateKey:
    path: Path = settings.RECORD_KEY_FILE
    if not path.is_file():
        if not settings.LOCAL:
            raise ImproperlyConfigured("There is no key to sign records with. Make one: manage.py record_key")
        make_key(path)
    found = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(found, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} holds another kind of key than Ed25519.")
    return found


def public_key() -> str:
    """The public half of this installation's key, in hex."""
    return _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _canonical(payload: Any) -> bytes:
    return json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def seal(payload: dict[str, Any]) -> str:
    """The payload as a signed JSON document."""
    signature = _key().sign(_canonical(payload)).hex()
    document = {"format": FORMAT, "payload": payload, "public_key": public_key(), "signature": signature}
    return json.dumps(document, ensure_ascii=False, indent=2)


def judge(raw: bytes, *, key: str = "", beside: Path | None = None) -> tuple[bool, str]:
    """Whether a signed document is as it was made, and that in a sentence.

    `key` is the public key it has to carry; without one the key inside is believed and named. A document that seals another
    file is judged together with that file, looked for in `beside`.
    """
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise ValueError
        public, signature, payload = document["public_key"], bytes.fromhex(document["signature"]), document["payload"]
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, _canonical(payload))
    except InvalidSignature:
        return False, _("It was changed after it was signed: the signature does not fit.")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False, _("This is no signed record of this console, or a part of it is missing.")
    if key and key != public:
        return False, _("It is whole, but another key signed it: %(key)s.") % {"key": public}
    if beside is not None and "sha256" in payload and not _fits(payload, beside):
        return False, _("The seal is whole, but the file it seals was changed or is missing: %(file)s.") % {
            "file": payload["file"]
        }
    return True, _("It is as it was when it was signed by the key %(key)s.") % {"key": public}


def _fits(payload: dict[str, Any], folder: Path) -> bool:
    path = folder / Path(str(payload["file"])).name
    return path.is_file() and digest(path) == payload["sha256"]


def digest(path: Path) -> str:
    """SHA-256 of a file of any size, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
