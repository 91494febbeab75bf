"""Addresses at rest: canonical form, AES-256-GCM under a key ring, and the keyed fingerprint that finds an address again.

The ring is a 0600 file {"current": name, "keys": {name: base64 of 32 bytes}, "hmac": base64}. `audiences.rotating` adds keys:
values name their own key. The `hmac` key never changes: opt-outs are remembered by it.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.models import AddressKind
from crisis.refusal import Refused

NONCE = 12  # bytes, as AES-GCM wants it
VK_LIMIT = 2_000_000_000  # from here on a VK peer id is a chat, not a person
NUMBERED: dict[int, int] = {AddressKind.VK.value: VK_LIMIT, AddressKind.TELEGRAM.value: 1 << 52, AddressKind.MAX.value: 1 << 63}
PHONE, HOME_PHONE, SPACING = re.compile(r"\+[1-9]\d{6,14}"), re.compile(r"8\d{10}"), re.compile(r"[\s().-]")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
NO_PHONE = gettext_lazy("This is not a phone number with its country code, such as +7 495 000-00-00.")
NO_EMAIL = gettext_lazy("This is not an e-mail address.")

Seal = Callable[[int, str], bytes]  # kind and canonical value, encrypted


class Mac:
    """HMAC-SHA256 (RFC 2104) under one key. Both hashes have taken the key in already: for short values the standard library's
    takes 2.5 times as long, and an import asks for millions."""

    def __init__(self, secret: bytes) -> None:
        block = secret.ljust(sha256().block_size, b"\x00")
        self.inner, self.outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def of(self, value: bytes) -> bytes:
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(value)
        outer.update(inner.digest())
        return outer.digest()


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of this installation. Whoever handles thousands of addresses takes it once and asks it with canonical values."""

    current: str
    ciphers: Mapping[str, AESGCM] = field(repr=False)
    mac: Mac = field(repr=False)

    def fingerprint(self, kind: int, value: str) -> bytes:
        return self.mac.of(b"%d:%s" % (kind, value.encode()))

    def sealer(self, many: int = 1) -> Seal:
        """What encrypts values, with nonces drawn for so many at once: to draw one takes as long as to encrypt a value.

        Never keep it: after a fork, two processes would use the same nonces.
        """
        name, cipher, nonces = self.current.encode(), self.ciphers[self.current], _nonces(many)
        head = bytes([len(name)]) + name

        def sealed(kind: int, value: str) -> bytes:
            nonce = next(nonces)
            return head + nonce + cipher.encrypt(nonce, value.encode(), _bound_to(kind))

        return sealed

    def decrypt(self, kind: int, blob: bytes) -> str:
        """The canonical value. Raises ImproperlyConfigured when its key is missing or the stored value was changed."""
        start = 1 + blob[0] if blob else 0
        name = blob[1:start].decode("ascii", "replace")
        cipher = self.ciphers.get(name)
        if cipher is None:
            raise ImproperlyConfigured(
                f"The key ring {settings.KEY_RING_FILE} has no key “{name}”. Put the key back: addresses need it."
            )
        try:
            return cipher.decrypt(blob[start : start + NONCE], blob[start + NONCE :], _bound_to(kind)).decode()
        except InvalidTag:
            raise ImproperlyConfigured(
                "A stored address cannot be read: it was changed, or the key ring is of another installation."
            ) from None


def _nonces(many: int) -> Iterator[bytes]:
    """Random ones without end, drawn so many at once."""
    while True:
        drawn = os.urandom(many * NONCE)
        for start in range(0, len(drawn), NONCE):
            yield drawn[start : start + NONCE]


def canonical(kind: int, value: str) -> str:
    """The one spelling of an address. Raises Refused with a sentence when it cannot be one."""
    value = value.strip()
    if limit := NUMBERED.get(kind):
        return _number(value, limit)
    if kind == AddressKind.PHONE:
        return _phone(value)
    if kind == AddressKind.EMAIL:
        return _matching(EMAIL, value.lower(), NO_EMAIL)
    if not value or len(value) > 4096:
        raise Refused(_("An address of 1 to 4,096 characters is expected."), field="value")
    return value


def fingerprint(kind: int, value: str) -> bytes:
    """HMAC-SHA256 over kind and canonical value: tells nothing without the key. Raises Refused like canonical()."""
    return ring().fingerprint(kind, canonical(kind, value))


def encrypt(kind: int, value: str) -> bytes:
    """Key name, nonce and ciphertext of the canonical value, bound to the kind. Raises Refused like canonical()."""
    return ring().sealer()(kind, canonical(kind, value))


def decrypt(kind: int, blob: bytes) -> str:
    """What Ring.decrypt says, by the ring of this installation."""
    return ring().decrypt(kind, blob)


def ring() -> Ring:
    """The key ring of this installation, read again when its file changes. Raises ImproperlyConfigured without a good file.

    In a demonstration and in tests a missing ring is made.
    """
    path = os.fspath(settings.KEY_RING_FILE)
    try:
        about = os.stat(path)
    except FileNotFoundError:
        if not settings.LOCAL:
            raise ImproperlyConfigured(f"There is no key ring at {path}. Restore it or name it in CRISIS_KEY_RING.") from None
        _create(Path(path))
        about = os.stat(path)
    return _read(path, about.st_mode, about.st_ino, about.st_mtime_ns, about.st_size)


def add_key() -> str:
    """Put a fresh key into the ring and make it the current one. Returns its name."""
    ring()  # there is one, and it is good
    data = json.loads(Path(settings.KEY_RING_FILE).read_text())
    number = len(data["keys"]) + 1
    while (name := f"k{number}") in data["keys"]:
        number += 1
    _replace({**data, "current": name, "keys": {**data["keys"], name: _fresh()}})
    return name


def drop_keys(names: Collection[str]) -> None:
    """Take keys out of the ring for good, never the current one: what still names them can be read by nobody any more."""
    data = json.loads(Path(settings.KEY_RING_FILE).read_text())
    kept = {name: key for name, key in data["keys"].items() if name not in names or name == data["current"]}
    _replace({**data, "keys": kept})


def _replace(data: Mapping[str, object]) -> None:
    """Whoever reads the ring meets the old one or the new one, whole, and it belongs to whom it belonged."""
    path = Path(settings.KEY_RING_FILE)
    owner, draft = path.stat(), _written(path, data)
    if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)


@lru_cache(maxsize=4)
def _read(path: str, mode: int, *_identity: int) -> Ring:
    if mode & 0o077:
        raise ImproperlyConfigured(f"Other users of this machine can read the key ring {path}. Run: chmod 600 {path}")
    try:
        data = json.loads(Path(path).read_text())
        keys = {name: AESGCM(_secret(value)) for name, value in data["keys"].items()}
        found = Ring(data["current"], keys, Mac(_secret(data["hmac"])))
        keys[found.current]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ImproperlyConfigured(f"The key ring {path} cannot be read. Restore it from its back-up.") from None
    return found


def _secret(value: str) -> bytes:
    secret = b64decode(value, validate=True)
    if len(secret) != 32:
        raise ValueError("A key has 32 bytes.")
    return secret


def _create(path: Path) -> None:
    """Linking a finished file makes the first of two processes win and the second use its ring."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _written(path, {"current": "k1", "keys": {"k1": _fresh()}, "hmac": _fresh()})
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _fresh() -> str:
    return b64encode(token_bytes(32)).decode()


def _written(path: Path, data: Mapping[str, object]) -> Path:
    """A finished file beside the ring, for its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{token_bytes(4).hex()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _bound_to(kind: int) -> bytes:
    return b"%d" % kind


def _number(value: str, limit: int) -> str:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and 0 < int(value) < limit):
        raise Refused(
            _("This is not the number of a person: digits only, more than 0, less than %(limit)d.") % {"limit": limit},
            field="value",
        )
    return str(int(value))


def _phone(value: str) -> str:
    digits = SPACING.sub("", value)
    if HOME_PHONE.fullmatch(digits):
        digits = "+7" + digits[1:]
    return _matching(PHONE, digits, NO_PHONE)


def _matching(pattern: re.Pattern[str], value: str, otherwise: Promise) -> str:
    if not pattern.fullmatch(value):
        raise Refused(str(otherwise), field="value")
    return value
