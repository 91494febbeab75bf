"""What a platform under trial is asked: orders to countries that do not exist, in words that say so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

WORDING: Final = {
    "ru": {
        "why_you": "Почему вы это получили: вы придуманы для проверки платформы.",
        "who": "Пишет проверка договора о поручениях.",
        "valid_until": "Действует один час.",
        "verify": "Как проверить: спросите того, кто проводит проверку.",
    },
    "en": {
        "why_you": "Why you got this: you were invented to judge a platform.",
        "who": "This is a trial of the contract of orders.",
        "valid_until": "Valid for one hour.",
        "verify": "How to verify: ask whoever runs the trial.",
    },
}
HEAD: Final = {"ru": "УЧЕНИЕ. Никому ничего делать не нужно.", "en": "EXERCISE. Nobody has to do anything."}
TEXTS: Final = {language: "\n".join((head, *WORDING[language].values())) for language, head in HEAD.items()}


def digest(texts: Mapping[str, str]) -> str:
    """The digest of texts that are in their normal form already."""
    canonical = json.dumps(texts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class Asking:
    """Makes the bodies. `now` is the one instant that the whole trial asks about."""

    def __init__(self, issuer: str) -> None:
        self.issuer, self.now = issuer, datetime.now(UTC)

    def audience(self, country: str = "XA", *, hours: int = 336, mode: str = "last_seen_there") -> dict[str, Any]:
        return {"country": country, "mode": mode, "last_seen_within_hours": hours, "until": self.at()}

    def at(self, **later: float) -> str:
        return (self.now + timedelta(**later)).isoformat(timespec="seconds")

    def estimate(self, audience: Mapping[str, Any], *, everybody: bool = True) -> dict[str, Any]:
        asked = {"issuer": self.issuer, "audience": audience, "include_non_subscribers": everybody}
        return asked | ({"basis": self.basis()} if everybody else {})

    def basis(self, **changes: str) -> dict[str, str]:
        return {
            "law": "A trial, agreed by both sides",
            "reason": "Nobody real is reached.",
            "ends_at": self.at(hours=2),
            **changes,
        }

    def order(self, country: str = "XA", **changes: Any) -> dict[str, Any]:
        """A sound order to everybody of a country; a change to None leaves the field out."""
        texts = changes.get("texts", TEXTS)
        by = [{"role": "author", "at": self.at(minutes=-20)}, {"role": "supervisor", "at": self.at(minutes=-5)}]
        usual = {
            "order_id": str(uuid4()),
            "issuer": self.issuer,
            "exercise": True,
            "incident": {"reference": "TRIAL", "title": "A trial of the contract"},
            "audience": self.audience(country),
            "include_non_subscribers": True,
            "basis": self.basis(),
            "approval": {"text_sha256": digest(texts), "by": by},
            "texts": texts,
            "wording": WORDING,
            "sender_name": "A trial",
            "window": {"not_before": self.at(minutes=-1), "not_after": self.at(hours=1)},
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}
