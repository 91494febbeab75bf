"""What waits for the person who looks: decisions, returned and held campaigns, overdue updates, unread replies.

A context processor. It reads at most three times, and only when a template shows what waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import Count, Exists, Min, OuterRef, Q, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crisis.clock import Now
from crisis.models import Incident, User
from crisis.permissions import may
from messaging.models import Author, Campaign, Part, Reply, Status, Text


class Waiting(TypedDict):
    """One thing that waits: words, where to go, since when, and "wait" or "bad"."""

    text: str
    url: str
    since: datetime | None
    tone: str


def waiting(request: HttpRequest) -> dict[str, Any]:
    """`waiting`: the list for this person, worst first; empty for nobody."""
    user = getattr(request, "user", None)
    return {"waiting": SimpleLazyObject(lambda: found(user)) if isinstance(user, User) else []}


def found(user: User) -> list[Waiting]:
    """Everything that waits for a person: what is bad first, then what waits longest; replies never push a decision away."""
    items = [*_campaigns(user), *_updates(user)]
    return [*sorted(items, key=lambda item: (item["tone"] != "bad", item["since"] is None, item["since"])), *_replies(user)]


def headline() -> Subquery:
    """The headline of a campaign as a column: Russian where there is one."""
    texts = Text.objects.filter(campaign=OuterRef("pk"), part=Part.MAIN).exclude(headline="")
    return Subquery(texts.order_by("-language").values("headline")[:1])


def _campaigns(user: User) -> Iterator[Waiting]:
    if not may(user, "campaign.write"):
        return
    wrote = Q(Exists(Author.objects.filter(campaign=OuterRef("pk"), user=user))) | Q(audience_version__written_by=user)
    open_ones = Q(status=Status.SUBMITTED) | Q(status=Status.DRAFT) & ~Q(status_reason="")
    seen: Any = Campaign.objects.seen_by(user).filter(open_ones)
    rows = [*seen.annotate(words=headline(), mine=wrote).order_by("submitted_at", "pk")]
    submitted = [row for row in rows if row.status == Status.SUBMITTED]
    if may(user, "campaign.approve"):
        for drill in (False, True):
            yield from _decisions([row for row in submitted if not row.mine and row.drill == drill])
    for row in rows:
        if row.mine and row.status_reason:
            yield _own(row)


def _decisions(rows: Sequence[Campaign]) -> Iterator[Waiting]:
    if not rows:
        return
    sentence = ngettext("%(n)d campaign waits for your approval", "%(n)d campaigns wait for your approval", len(rows))
    url = reverse("campaign_decision", args=[rows[0].pk]) if len(rows) == 1 else reverse("situation") + "#approvals"
    yield {
        "text": _marked(rows[0].drill, sentence % {"n": len(rows)}),
        "url": url,
        "since": rows[0].submitted_at,
        "tone": "wait",
    }


def _own(row: Campaign) -> Waiting:
    """A campaign of mine that came back, or that was held because what it would reach has changed."""
    words = {"headline": _marked(row.drill, row.words or f"№ {row.pk}")}  # type: ignore[attr-defined]
    if row.status == Status.SUBMITTED:
        url = reverse("campaign_detail", args=[row.pk])
        return {"text": _("Held: %(headline)s") % words, "url": url, "since": row.submitted_at, "tone": "bad"}
    url = reverse("campaign_draft", args=[row.pk])
    return {"text": _("Returned to you: %(headline)s") % words, "url": url, "since": row.updated_at, "tone": "wait"}


def _updates(user: User) -> Iterator[Waiting]:
    if not may(user, "incident.write"):
        return
    due = Incident.objects.seen_by(user).exclude(status=Incident.Status.CLOSED).filter(next_update_at__lt=Now())
    for incident in due.order_by("next_update_at")[:20]:
        sentence = _("Update overdue: %(incident)s") % {"incident": _marked(incident.drill, str(incident))}
        url = reverse("incident_detail", args=[incident.pk])
        yield {"text": sentence, "url": url, "since": incident.next_update_at, "tone": "bad"}


def _replies(user: User) -> Iterator[Waiting]:
    if not may(user, "replies.read"):
        return
    seen = Reply.objects.filter(campaign__in=Campaign.objects.seen_by(user)) if user.mission_id else Reply.objects.all()
    unread = seen.filter(read_at=None, campaign__isnull=False).order_by().values("campaign", "campaign__drill")
    for row in unread.annotate(people=Count("pk"), since=Min("received_at")).order_by("since")[:20]:
        sentence = ngettext("%(n)d unread reply", "%(n)d unread replies", row["people"]) % {"n": row["people"]}
        url = reverse("campaign_replies", args=[row["campaign"]])
        yield {"text": _marked(row["campaign__drill"], sentence), "url": url, "since": row["since"], "tone": "wait"}


def _marked(drill: bool, words: str) -> str:
    """A drill says so wherever its words stand beside live ones."""
    return _("DRILL · %(words)s") % {"words": words} if drill else words
