"""The whole record of a campaign as plain values: what was said, who decided it, what came of it. No address of anybody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from crisis import audit
from crisis.models import AuditEntry
from messaging import touched
from messaging.models import Campaign, Text
from messaging.views.reports import report_of
from messaging.wording import Words


def deeds_about(campaign: Campaign) -> QuerySet[AuditEntry]:
    """What the audit log holds about a campaign and the exception it rests on, newest first."""
    about = Q(object_type=campaign._meta.label_lower, object_id=str(campaign.pk))
    if campaign.exception_id:
        about |= Q(object_type="messaging.reachexception", object_id=str(campaign.exception_id))
    return AuditEntry.objects.filter(about).select_related("by").order_by("-id")


def record_of(campaign: Campaign) -> dict[str, Any]:
    """Everything there is to prove about a campaign. People of the console by their login; of those written to only totals."""
    return {
        "report": report_of(campaign),
        "fingerprint": campaign.fingerprint(),
        "written_by": [*campaign.authors.order_by("user__username").values_list("user__username", flat=True)],
        "texts": [_text(text) for text in campaign.texts.order_by("pk")],
        "messages": [*campaign.renderings.order_by("pk").values("account", "text", "body")],
        "rounds": [_round(row) for row in campaign.rounds.select_related("by")],
        "approvals": [_approval(row) for row in campaign.approvals.select_related("by").order_by("round")],
        "data_about_people": touched.as_json(campaign)["ways"],
        "exception": _exception(campaign),
        "audit": [audit.as_json(row) for row in reversed(deeds_about(campaign))],
    }


def _text(text: Text) -> dict[str, Any]:
    names = ("pk", "part", "language", *Words._fields, "link")
    return {name: getattr(text, name) for name in names}


def _round(row: Any) -> dict[str, Any]:
    by = row.by.username if row.by else None
    return {
        "number": row.number,
        "at": row.at.isoformat(),
        "by": by,
        "texts": row.texts,
        "facts": row.facts,
        "reach": row.reach,
    }


def _approval(row: Any) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in ("round", "fingerprint", "verdict", "reach")}
    return {**said, "by": row.by.username, "at": row.at.isoformat()}


def _exception(campaign: Campaign) -> dict[str, Any] | None:
    row = campaign.exception
    if row is None:
        return None
    terms: Iterable[Any] = row.terms.select_related("by")
    return {
        "reason": row.reason,
        "written_by": row.written_by.username,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "terms": [{"by": t.by.username, "at": t.at.isoformat(), "until": t.until.isoformat()} for t in terms],
    }
