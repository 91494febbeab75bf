"""Django's sessions in the database, in rows that also say whose they are (settings.SESSION_ENGINE)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from crisis.models import Session

BEGAN, SEEN, ADDRESS, BROWSER = "began", "seen", "address", "browser"  # times in seconds since 1970


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = cast(Session, super().create_model_instance(data))
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.began_at, row.seen_at = (datetime.fromtimestamp(data[key], UTC) if key in data else None for key in (BEGAN, SEEN))
        row.address, row.browser = data.get(ADDRESS), data.get(BROWSER, "")
        return row
