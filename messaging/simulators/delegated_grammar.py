"""What a delegated platform accepts: bodies with exactly the fields of the contract `orders-v1.json`, and true to themselves.

There is no field for a person, and an unknown field is refused, so that none can be smuggled in.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from messaging.simulators.delegated_rules import Refusal, canonical

MAX_TEXT: Final = 4096
MAX_HOURS: Final = 2160
MOST: Final = 10**9
ORDER: Final = (
    *("order_id", "issuer", "exercise", "incident", "audience", "include_non_subscribers"),
    *("approval", "texts", "sender_name", "window"),
)
MAYBE: Final = ("basis", "wording", "post", "pace", "recipients", "follows")
AUDIENCE: Final = ("country", "mode", "last_seen_within_hours", "until")
WORDING: Final = ("why_you", "who", "valid_until", "verify")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
URL: Final = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[!-~]*)?")
KINDS: Final = {"correction", "update", "cancel", "all-clear"}


def check_estimate(body: Mapping[str, Any]) -> None:
    """Raises Refusal 422 unless an estimate may be made of this."""
    _fields("the estimate", body, ("issuer", "audience", "include_non_subscribers"), optional=("basis",))
    _text(body, "issuer", 100)
    _audience(body["audience"])
    _flag(body, "include_non_subscribers")
    if "basis" in body:
        _basis(body["basis"])


def check_post(body: Mapping[str, Any]) -> None:
    """Raises Refusal 422 unless a post may be looked at for this."""
    _fields("the post", body, ("url", "text_sha256"))
    _url(body["url"])
    _by_language("text_sha256", body["text_sha256"], _digest)


def check_order(body: Mapping[str, Any], key: str, *, max_text: int = MAX_TEXT) -> None:
    """Raises Refusal 422 unless the order can be taken as it stands. `key` is the Idempotency-Key header."""
    _fields("the order", body, ORDER, optional=MAYBE)
    _uuid("order_id", body["order_id"])
    if key != body["order_id"]:
        raise Refusal(422, "wrong_idempotency_key", "The Idempotency-Key header is the order_id.")
    _text(body, "issuer", 100)
    _text(body, "sender_name", 100)
    _flag(body, "exercise")
    _incident(body["incident"])
    _audience(body["audience"])
    _window(body["window"])
    _words(body, max_text)
    _approval(body)
    _reason(body)
    _rest(body)


def digest(texts: Mapping[str, str]) -> str:
    """The digest of words as the contract defines it."""
    return hashlib.sha256(canonical({language: normal(text) for language, text in texts.items()}).encode()).hexdigest()


def normal(text: str) -> str:
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n")


def _words(body: Mapping[str, Any], max_text: int) -> None:
    """The texts, the wording they keep, and the post that says one of them."""
    _by_language("texts", body["texts"], _sayable)
    if any(len(text) > max_text for text in body["texts"].values()):
        raise Refusal(422, "too_long", f"A text has at most {max_text} characters.")
    if "wording" in body:
        _wording(body["wording"], body["texts"])
    if "post" in body:
        _fields("post", body["post"], ("url",))
        _url(body["post"]["url"])


def _wording(wording: Any, texts: Mapping[str, str]) -> None:
    def kept(name: str, parts: Any) -> None:
        _fields(name, parts, WORDING)
        for part in WORDING:
            _text(parts, part, 1000)

    _by_language("wording", wording, kept)
    if wording.keys() != texts.keys():
        raise Refusal(422, "wording_missing", "Every text has its wording, and no other language has one.")
    if any(normal(parts[part]) not in normal(texts[language]) for language, parts in wording.items() for part in WORDING):
        raise Refusal(422, "wording_missing", "A part of the wording does not stand in its text.")


def _approval(body: Mapping[str, Any]) -> None:
    approval = body["approval"]
    _fields("approval", approval, ("text_sha256", "by"))
    _digest("approval.text_sha256", approval["text_sha256"])
    if not isinstance(approval["by"], list) or not 1 <= len(approval["by"]) <= 10:
        raise Refusal(422, "invalid", "approval.by is a list of 1 to 10 entries.")
    for one in approval["by"]:
        _fields("approval.by", one, ("role", "at"))
        _choice("approval.by.role", one["role"], {"author", "supervisor"})
        _moment(one, "at")
    if not any(one["role"] == "supervisor" for one in approval["by"]):
        raise Refusal(422, "not_approved", "Nobody with the role supervisor approved this.")
    if approval["text_sha256"] != digest(body["texts"]):
        raise Refusal(422, "text_not_approved", "The approval is for other words.")


def _reason(body: Mapping[str, Any]) -> None:
    """A legal basis where people who do not follow are written to, and only there."""
    if not _flag(body, "include_non_subscribers"):
        if "basis" in body:
            raise Refusal(422, "invalid", "A basis is named only with include_non_subscribers.")
        return
    if "basis" not in body:
        raise Refusal(422, "no_legal_basis", "Writing to people who do not follow needs a legal basis.")
    if _basis(body["basis"]) < _moment(body["window"], "not_after"):
        raise Refusal(422, "basis_over", "The legal basis ends before the window.")


def _basis(basis: Any) -> datetime:
    _fields("basis", basis, ("law", "reason", "ends_at"))
    _text(basis, "law", 300)
    if not isinstance(basis["reason"], str) or not basis["reason"].strip() or len(basis["reason"]) > 2000:
        raise Refusal(422, "invalid", "basis.reason is a text of 1 to 2000 characters.")
    return _moment(basis, "ends_at")


def _rest(body: Mapping[str, Any]) -> None:
    """The optional parts that stand for themselves."""
    if "pace" in body:
        _fields("pace", body["pace"], ("people", "seconds"))
        _whole("pace.people", body["pace"]["people"], 1, MOST)
        _whole("pace.seconds", body["pace"]["seconds"], 1, 86_400)
    if "recipients" in body:
        _fields("recipients", body["recipients"], ("of", "mode"))
        _uuid("recipients.of", body["recipients"]["of"])
        _choice("recipients.mode", body["recipients"]["mode"], {"also", "only", "except"})
    if "follows" in body:
        _fields("follows", body["follows"], ("order_id", "kind"))
        _uuid("follows.order_id", body["follows"]["order_id"])
        _choice("follows.kind", body["follows"]["kind"], KINDS)


def _fields(what: str, found: Any, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    if not isinstance(found, dict):
        raise Refusal(422, "invalid", f"{what} is not an object.")
    if found.keys() - {*required, *optional}:
        raise Refusal(422, "unknown_field", f"{what} has a field that the contract does not know.")
    if missing := [name for name in required if name not in found]:
        raise Refusal(422, "missing_field", f"{what} lacks {', '.join(missing)}.")


def _incident(incident: Any) -> None:
    _fields("incident", incident, ("reference", "title"))
    _text(incident, "reference", 60)
    _text(incident, "title", 300)


def _audience(audience: Any) -> None:
    _fields("audience", audience, AUDIENCE)
    if not isinstance(audience["country"], str) or not re.fullmatch(r"[A-Z]{2}", audience["country"]):
        raise Refusal(422, "invalid", "audience.country is an ISO 3166-1 alpha-2 code.")
    _choice("audience.mode", audience["mode"], {"was_there", "last_seen_there"})
    _whole("audience.last_seen_within_hours", audience["last_seen_within_hours"], 1, MAX_HOURS)
    _moment(audience, "until")


def _window(window: Any) -> None:
    _fields("window", window, ("not_before", "not_after"))
    first, last = _moment(window, "not_before"), _moment(window, "not_after")
    if last <= first or last <= datetime.now(UTC):
        raise Refusal(422, "window_over", "window.not_after is over, or not after window.not_before.")


def _by_language(what: str, found: Any, check: Callable[[str, Any], None]) -> None:
    if not isinstance(found, dict) or not 1 <= len(found) <= 20:
        raise Refusal(422, "invalid", f"{what} has an entry for each language, from 1 to 20.")
    for language, value in found.items():
        _language(what, language)
        check(what, value)


def _language(what: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > 20 or not LANGUAGE.fullmatch(value):
        raise Refusal(422, "invalid", f"{what} names a language by its code.")


def _sayable(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise Refusal(422, "invalid", f"{what} has a text that is empty.")


def _digest(what: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise Refusal(422, "invalid", f"{what} is a SHA-256 in hexadecimal.")


def _url(value: Any) -> None:
    if not isinstance(value, str) or len(value) > 500 or not URL.fullmatch(value):
        raise Refusal(422, "invalid", "url is an https address of at most 500 characters.")


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise Refusal(422, "invalid", f"{name} is true or false.")
    return value


def _choice(what: str, value: Any, words: set[str]) -> None:
    if not isinstance(value, str) or value not in words:
        raise Refusal(422, "invalid", f"{what} is one of {', '.join(sorted(words))}.")


def _whole(what: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise Refusal(422, "invalid", f"{what} is a whole number from {low} to {high}.")


def _text(found: Mapping[str, Any], name: str, most: int) -> None:
    """One line of plain words."""
    value = found[name]
    if not isinstance(value, str) or not value.strip() or len(value) > most or re.search(r"[\x00-\x1f]", value):
        raise Refusal(422, "invalid", f"{name} is a line of 1 to {most} characters.")


def _uuid(what: str, value: Any) -> None:
    try:
        same = str(UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        same = False
    if not same:
        raise Refusal(422, "invalid", f"{what} is a lower-case uuid.")


def _moment(found: Mapping[str, Any], name: str) -> datetime:
    value = found[name]
    try:
        return datetime.fromisoformat(value.upper() if INSTANT.fullmatch(value) else "").astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise Refusal(422, "invalid", f"{name} is an instant after RFC 3339, with its zone.") from None
