"""What a platform that keeps the contract answers, read field by field, so that no person's identifier can come in.

What the contract does not name is not read, and what is not of its kind counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args
from urllib.parse import urlsplit
from uuid import UUID

from messaging.channels import (
    NARROWED,
    ChannelError,
    Decided,
    Estimate,
    OrderReport,
    OrderStatus,
    PlatformFacts,
    PostCheck,
    Report,
)
from messaging.channels.http import Answer, read_object, take_int, take_moment, take_object, take_text

COUNTERS = ("matched", "sent", "delivered", "read", "failed", "opted_out")
STEPS = {"step": "counters", "matched_step": "matched", "threshold": "threshold"}  # ours → the contract's
MOST_PEOPLE = 10**9  # a larger number is no count of people but perhaps somebody's telephone
COARSEST = 1_000_000  # to so many people a number may be rounded
# In a text: mail, a link, five digits however they are spaced, letters and digits in one word ("id7").
IDENTIFYING = re.compile(r"@|/|\d(?:[\W_]*\d){4}|[^\W\d]\d|\d[^\W\d]")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")
Read = TypeVar("Read", Estimate, OrderReport, PlatformFacts, PostCheck)


def understood(parse: Callable[[Mapping[str, Any]], Read], answer: Mapping[str, Any]) -> Read:
    """What `parse` makes of a 2xx answer. Raises ChannelError("uncertain") when it cannot be read."""
    try:
        return parse(answer)
    except ValueError:
        raise ChannelError("uncertain", "unreadable") from None


def same(order_id: str, answer: Mapping[str, Any]) -> OrderReport:
    """The report of the order we asked about; any other answer leaves open what happened."""
    report = understood(_status, answer)
    if report.order_id != order_id:
        raise ChannelError("uncertain", "another_order")
    return report


def event(told: Mapping[str, Any]) -> Report:
    """A webhook's report. Raises ValueError."""
    event_id = take_text(told, "event_id")
    if take_text(told, "type") != "order.status":
        return Report(event_id, "ignored", datetime.now(UTC))
    order = _status(take_object(told, "order"))
    return Report(event_id, "order", order.at, order=order)


def refusal(answer: Answer, path: str) -> ChannelError:
    """What a 4xx answer means for the engine."""
    match answer.status:
        case 404 if path.startswith("/v1/orders/"):
            return ChannelError("content", "unknown_order")
        case 409:
            return ChannelError("pause", "idempotency_conflict")
        case 403:
            return ChannelError("pause", _error_code(answer))
        case 400 | 413 | 422:
            return ChannelError("content", _error_code(answer))
    return ChannelError("pause", f"http_{answer.status}")


def _error_code(answer: Answer) -> str:
    """The platform's word for what it refuses, if it is a word and nothing else."""
    try:
        code = take_text(take_object(read_object(answer.body), "error"), "code", most=40)
    except ValueError:
        code = ""
    return code if re.fullmatch(r"[a-z]+(_[a-z]+)*", code) else f"http_{answer.status}"


def estimate(found: Mapping[str, Any]) -> Estimate:
    at = take_moment(found, "at")
    if found.get("withheld") is True:
        return Estimate(None, None, at, withheld=_words(found, "reason") or "withheld")
    bounds = take_object(found, "estimate")
    lower = take_int(bounds, "lower", low=0, high=MOST_PEOPLE)
    return Estimate(lower, take_int(bounds, "upper", low=lower, high=MOST_PEOPLE), at)


def facts(found: Mapping[str, Any]) -> PlatformFacts:
    rounding = take_object(found, "rounding")
    languages = found.get("languages")
    return PlatformFacts(
        name=_words(found, "name"),
        channel=take_text(found, "channel", most=30),
        knows_by=take_text(found, "knows_by", most=30),
        counts=take_text(found, "counts", most=30),
        languages=tuple(one for one in languages if _is_language(one)) if isinstance(languages, list) else (),
        matched_step=take_int(rounding, "matched", low=1, high=COARSEST),
        step=take_int(rounding, "counters", low=1, high=COARSEST),
        threshold=take_int(found, "threshold", low=0, high=COARSEST),
        min_interval=take_int(found, "min_interval_s", low=0, high=86_400),
        max_text=take_int(found, "max_text", low=1, high=1_000_000),
        **{name: found.get(name) is True for name in ("exercise", "follows", "amplifies", "recipients", "sandbox")},
    )


def _is_language(value: object) -> bool:
    return isinstance(value, str) and LANGUAGE.fullmatch(value) is not None


def post_check(asked: str, hashes: Mapping[str, str], found: Mapping[str, Any]) -> PostCheck:
    there, language = found.get("found") is True, found.get("language")
    return PostCheck(
        found=there,
        same=there and found.get("same") is True,
        language=language if isinstance(language, str) and language in hashes else "",
        canonical_url=_address(found, asked),
        at=take_moment(found, "at"),
    )


def _address(found: Mapping[str, Any], asked: str) -> str:
    """Where a post really is, or "" for an address at another site than the one we asked about: it could name anybody."""
    try:
        url = take_text(found, "canonical_url", most=500)
        there, here = urlsplit(url), urlsplit(asked)
        hosts = {(one.hostname or "").removeprefix("www.").removeprefix("m.") for one in (there, here)}
    except ValueError:
        return ""
    return url if there.scheme == "https" and len(hosts) == 1 and url.isascii() and url.isprintable() else ""


def _status(found: Mapping[str, Any]) -> OrderReport:
    order_id, status = str(UUID(take_text(found, "order_id"))), take_text(found, "status")
    if status not in get_args(OrderStatus):
        raise ValueError("status is none of the contract's")
    counters, rounding = _part(found, "counters"), _part(found, "rounding")
    totals: dict[str, Any] = {name: _people(counters, name) for name in COUNTERS}
    steps: dict[str, Any] = {ours: _people(rounding, theirs, most=COARSEST) or 0 for ours, theirs in STEPS.items()}
    lower, upper = _estimate(_part(found, "estimate"))
    return OrderReport(
        order_id,
        cast(OrderStatus, status),
        take_moment(found, "at"),
        **{"reason": _words(found, "reason"), **_decision(_part(found, "decision"))},
        lower=lower,
        upper=upper,
        **totals,
        **steps,
    )


def _estimate(found: Mapping[str, Any]) -> tuple[int, int] | tuple[None, None]:
    """Both bounds, the lower first, or neither."""
    lower, upper = _people(found, "lower"), _people(found, "upper")
    return (lower, upper) if lower is not None and upper is not None and lower <= upper else (None, None)


def _decision(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was decided, when, by what role and why; nothing while nobody has decided."""
    outcome = found.get("outcome")
    if outcome not in get_args(Decided) or not outcome:
        return {}
    narrowed = found.get("narrowed")
    said = {"decision": outcome, "decided_at": _moment(found, "at"), "answered_by": _words(found, "by")}
    if outcome == "partial" and isinstance(narrowed, list):
        said["narrowed"] = tuple(word for word in NARROWED if word in narrowed)
    return said | ({"reason": reason} if (reason := _words(found, "reason")) else {})


def _moment(found: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return take_moment(found, key)
    except ValueError:
        return None


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = found.get(key)
    return part if isinstance(part, dict) else {}


def _people(found: Mapping[str, Any], key: str, *, most: int = MOST_PEOPLE) -> int | None:
    try:
        return take_int(found, key, low=0, high=most)
    except ValueError:
        return None


def _words(found: Mapping[str, Any], key: str) -> str:
    """A short plain text, or "" for one that could hold a telephone, an id, an address or a link."""
    try:
        text = take_text(found, key, most=120)
    except ValueError:
        return ""
    return text if text.isprintable() and not IDENTIFYING.search(text) else ""
