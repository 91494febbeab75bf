"""What waits for the person who looks: decisions, returned and held campaigns, overdue updates, unread replies.

A context processor. It reads at most six times, and only when a template shows what waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from django.conf import settings
from django.db.models import Case, Count, Min, OuterRef, Q, Subquery, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crisis.clock import Now
from crisis.language import readers_language
from crisis.models import Incident, User
from crisis.permissions import may
from crisis.power import changing
from messaging.models import RUNNING, Campaign, Order, Part, Reply, Status, Text
from messaging.models.accounts import by_hand
from messaging.public import register

TONES = ("bad", "wait", "")


class Waiting(TypedDict):
    """One thing that waits: words, where to go, since when, and "wait", "bad" or, for somebody else to do, "".

    `amber` and `red`: seconds after which its clock turns.
    """

    text: str
    url: str
    since: datetime | None
    tone: str
    amber: NotRequired[float]
    red: NotRequired[float]


def waiting(request: HttpRequest) -> dict[str, Any]:
    """`waiting`: the list for this person, worst first; empty for nobody."""
    user = getattr(request, "user", None)
    return {"waiting": SimpleLazyObject(lambda: found(user)) if isinstance(user, User) else []}


def found(user: User) -> list[Waiting]:
    """Everything that waits: what is bad, then what the person has to do, then what waits for others; the longest first.

    Replies never push a decision away.
    """
    items = [*_campaigns(user), *_orders(user), *_updates(user), *_exceptions(user), *_power(user)]
    return [*sorted(items, key=lambda item: (TONES.index(item["tone"]), item["since"] is None, item["since"])), *_replies(user)]


def headline(campaign: str = "pk") -> Subquery:
    """The headline of a campaign as a column: in the reader's language where there is one, else in Russian, else in any.

    `campaign` is the query's own column that names it.
    """
    texts = Text.objects.filter(campaign=OuterRef(campaign), part=Part.MAIN).exclude(headline="")
    mine = Case(When(language=readers_language(), then=Value(0)), default=Value(1))
    return Subquery(texts.order_by(mine, "-language").values("headline")[:1])


def _campaigns(user: User) -> Iterator[Waiting]:
    if not may(user, "campaign.write"):
        return
    open_ones = Q(status=Status.SUBMITTED) | Q(status=Status.DRAFT) & ~Q(status_reason="")
    seen: Any = Campaign.objects.seen_by(user).filter(open_ones)
    rows = [*seen.with_mine(user).annotate(words=headline()).order_by("submitted_at", "pk")]
    submitted, decides = [row for row in rows if row.status == Status.SUBMITTED], may(user, "campaign.approve")
    for kind in ((False, False), (False, True), (True, False)):
        yield from _decisions([row for row in submitted if not row.mine and (row.drill, row.test) == kind], decides=decides)
    for row in rows:
        if row.mine:
            yield _own(row)


def _decisions(rows: Sequence[Campaign], *, decides: bool) -> Iterator[Waiting]:
    """What waits for a decision, by this person or by somebody else. The clock is that of the oldest."""
    if not rows:
        return
    if decides:
        sentence = ngettext("%(n)d campaign waits for your approval", "%(n)d campaigns wait for your approval", len(rows))
    else:
        sentence = ngettext("%(n)d campaign waits for approval", "%(n)d campaigns wait for approval", len(rows))
    url = reverse("campaign_decision", args=[rows[0].pk]) if len(rows) == 1 else reverse("situation") + "#approvals"
    text = _marked(sentence % {"n": len(rows)}, drill=rows[0].drill, test=rows[0].test)
    yield {"text": text, "url": url, "since": rows[0].submitted_at, "tone": "wait" if decides else "", **_clock()}


class Clock(TypedDict):
    """Seconds after which a clock turns."""

    amber: float
    red: float


def _clock() -> Clock:
    """A decision's clock is amber after a third of the time after which the next person is told, and red after all of it."""
    return {"amber": settings.ESCALATE_SECONDS / 3, "red": settings.ESCALATE_SECONDS}


def _own(row: Campaign) -> Waiting:
    """A campaign of mine that waits for another person, came back, or was held because what it would reach has changed."""
    words = {"headline": _marked(getattr(row, "words", "") or f"№ {row.pk}", drill=row.drill, test=row.test)}
    if row.status == Status.SUBMITTED:
        url = reverse("campaign_detail", args=[row.pk])
        held = bool(row.status_reason)
        text = (_("Held: %(headline)s") if held else _("Waits for another person: %(headline)s")) % words
        return {"text": text, "url": url, "since": row.submitted_at, "tone": "bad" if held else "", **_clock()}
    url = reverse("campaign_draft", args=[row.pk])
    return {"text": _("Returned to you: %(headline)s") % words, "url": url, "since": row.updated_at, "tone": "wait"}


def _updates(user: User) -> Iterator[Waiting]:
    if not may(user, "incident.write"):
        return
    due = Incident.objects.seen_by(user).exclude(status=Incident.Status.CLOSED).filter(next_update_at__lt=Now())
    for incident in due.order_by("next_update_at")[:20]:
        sentence = _("Update overdue: %(incident)s") % {"incident": _marked(str(incident), drill=incident.drill)}
        url = reverse("incident_detail", args=[incident.pk])
        yield {"text": sentence, "url": url, "since": incident.next_update_at, "tone": "bad"}


def _exceptions(user: User) -> Iterator[Waiting]:
    """Auditors are told of an exception at once: people who did not subscribe are being written to."""
    if not may(user, "exception.note"):
        return
    for row in register.used().filter(noted_at=None, incident__in=Incident.objects.seen_by(user))[:20]:
        sentence = _("Exception in use: %(incident)s") % {"incident": row.incident}
        yield {"text": sentence, "url": reverse("exception_detail", args=[row.pk]), "since": row.used_at, "tone": "wait"}


def _orders(user: User) -> Iterator[Waiting]:
    """Whom people have to ask, who has not decided on an order, who refused one, and who has not confirmed that it stopped."""
    if not may(user, "order.work"):
        return
    seen = Order.objects.filter(batch__campaign__in=Campaign.objects.seen_by(user))
    waits = Q(decision="", waived_at=None) | Q(cancel_asked_at__isnull=False, let_go_at=None)
    refused = Q(status=Order.Status.REFUSED, batch__campaign__status__in=RUNNING)
    unasked = Q(asked_at=None, ended_at=None, batch__account__slug__in=by_hand(), batch__campaign__status=Status.SENDING)
    rows = seen.filter(Q(waits, ended_at=None, asked_at__isnull=False) | refused | unasked).order_by("asked_at")
    for order in rows.select_related("batch__account", "batch__campaign").annotate(headline=headline("batch__campaign"))[:20]:
        yield _order(order)


ORDERED: dict[str, Any] = {
    "refused": gettext_lazy("%(account)s refused the order: %(headline)s"),
    "cancelling": gettext_lazy("%(account)s has not confirmed that it stopped: %(headline)s"),
    "unasked": gettext_lazy("Ask %(account)s: %(headline)s"),
    "asked": gettext_lazy("%(account)s has not answered yet: %(headline)s"),
}


def _order(order: Order) -> Waiting:
    campaign = order.batch.campaign
    account = order.batch.account
    stand = "refused" if order.ended else "cancelling" if order.cancel_asked_at else "asked" if order.asked_at else "unasked"
    words = {"account": account.label, "headline": getattr(order, "headline", "") or f"№ {campaign.pk}"}
    times = {"refused": order.ended_at, "cancelling": order.cancel_asked_at, "asked": order.asked_at}
    since, limit = times.get(stand, campaign.started_at), account.answer_minutes * 60
    return {
        "text": _marked(str(ORDERED[stand]) % words, drill=campaign.drill),
        "url": reverse("order_detail" if account.networked or order.ended else "order_work", args=[campaign.pk, order.pk]),
        "since": since,
        "tone": "bad" if stand == "refused" else "wait",
        "amber": limit / 3,
        "red": limit,
    }


def _power(user: User) -> Iterator[Waiting]:
    """Changes of power for which this person could be the second one."""
    if not (may(user, "power.change") or may(user, "approver.lift")):
        return
    rows = [row for row in changing.open_ones() if changing.may_confirm(row, user)]
    if rows:
        sentence = ngettext("%(n)d change of access waits for you", "%(n)d changes of access wait for you", len(rows))
        one = reverse("adminaction_detail", args=[rows[0].pk])
        url = one if len(rows) == 1 else reverse("adminaction_list")
        yield {"text": sentence % {"n": len(rows)}, "url": url, "since": rows[0].proposed_at, "tone": "wait"}


def _replies(user: User) -> Iterator[Waiting]:
    if not may(user, "replies.read"):
        return
    seen = Reply.objects.filter(campaign__in=Campaign.objects.seen_by(user)) if user.mission_id else Reply.objects.all()
    unread = (
        seen.filter(read_at=None, campaign__isnull=False).order_by().values("campaign", "campaign__drill", "campaign__test")
    )
    for row in unread.annotate(people=Count("pk"), since=Min("received_at")).order_by("since")[:20]:
        sentence = ngettext("%(n)d unread reply", "%(n)d unread replies", row["people"]) % {"n": row["people"]}
        url = reverse("campaign_replies", args=[row["campaign"]])
        text = _marked(sentence, drill=row["campaign__drill"], test=row["campaign__test"])
        yield {"text": text, "url": url, "since": row["since"], "tone": "wait"}


def _marked(words: str, *, drill: bool, test: bool = False) -> str:
    """A drill and a TEST say so wherever their words stand beside live ones."""
    if drill:
        return _("DRILL · %(words)s") % {"words": words}
    return _("TEST · %(words)s") % {"words": words} if test else words
