"""What is going on, read for the situation, incident and coverage pages. Numbers are sums over batches and orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from crisis.clock import now
from crisis.models import Coverage, Incident, Mission, Severity, User
from crisis.templatetags.console import local_time, number
from messaging import progress
from messaging.delivery.resending import hindrance
from messaging.joint import Bounds
from messaging.models import FIRST, Batch, Campaign, Order, Status
from messaging.models.accounts import label
from messaging.models.campaigns import CampaignQuerySet

RANKS = [When(incident__severity=value, then=Value(rank)) for rank, value in enumerate(Severity.values)]
WORST_FIRST = Case(*RANKS, output_field=IntegerField())
LABELS = ("account__label_ru", "account__label_en")
PEOPLE = Coalesce(Sum("total", filter=FIRST), 0)
SAID = ("pk", "status", "asked_at", "matched", "sent", "totals_at", "step", "matched_step", "threshold")
ORDER = {name: f"order__{name}" for name in SAID}


@dataclass(frozen=True, slots=True)
class Total:
    """One account of one campaign in numbers, or one of its orders: then `people` and `accepted` are others' words at `at`."""

    account: int
    label: str
    people: int
    accepted: int
    failed: int = 0
    uncertain: int = 0
    order: str = ""  # status of the order; empty where we write to people ourselves
    at: datetime | None = None
    bounds: Bounds = (0, 0)  # people it went to, at least and at most

    @property
    def handled(self) -> int:
        return self.accepted + self.failed + self.uncertain

    @property
    def counted(self) -> bool:
        """Whether there are numbers to show: a platform says none before it sends."""
        return not self.order or self.order in (Order.Status.SENDING, Order.Status.DONE, Order.Status.CANCELLED)

    @property
    def text(self) -> str:
        """The numbers in one sentence, with noun and basis."""
        if not self.counted:
            return f"{self.label}: {Order.Status(self.order).label}"
        numbers = {"accepted": number(self.accepted), "people": number(self.people), "account": self.label}
        if self.order:
            said = _("%(account)s: found %(people)s, sent to %(accepted)s, as reported") % numbers
            return f"{said}, {local_time(self.at)}" if self.at else said
        return _("%(account)s: accepted for %(accepted)s of %(people)s people") % numbers


def totals(campaigns: Iterable[int]) -> dict[int, list[Total]]:
    """The accounts of these campaigns in numbers, and each order by itself, by campaign. One query."""
    columns = {name: Coalesce(Sum(name), 0) for name in ("accepted", "failed", "uncertain")}
    rows = Batch.objects.filter(campaign__in=[*campaigns]).values("campaign", "account", *LABELS, *ORDER.values())
    found: dict[int, list[Total]] = {}
    for row in rows.annotate(**{f"n_{k}": v for k, v in columns.items()}, people=PEOPLE).order_by("account", "order__asked_at"):
        found.setdefault(row["campaign"], []).append(_total(row))
    return found


def _total(row: Mapping[str, Any]) -> Total:
    account, name = row["account"], label(*(row[name] for name in LABELS))
    if row["order__pk"]:
        order = Order(**{field: row[column] for field, column in ORDER.items()})
        numbers, bounds = (order.matched or 0, order.sent or 0), progress.sent_by(order)
        return Total(account, name, *numbers, order=order.status, at=order.totals_at, bounds=bounds)
    bounds = row["n_accepted"], row["n_accepted"] + row["n_uncertain"]
    return Total(account, name, row["people"], row["n_accepted"], row["n_failed"], row["n_uncertain"], bounds=bounds)


def undecided(by: User) -> list[tuple[Campaign, int]]:
    """Campaigns that the person sees, with how many people may or may not have got them about whom nobody has decided yet."""
    doubtful = Batch.objects.undecided().filter(campaign=OuterRef("pk")).order_by().values("campaign")
    people = Subquery(doubtful.annotate(people=Sum("uncertain")).values("people"), IntegerField())
    rows = Campaign.objects.seen_by(by).filter(status__in=[Status.SENDING, Status.SENT], not_after__gt=now())
    found: QuerySet[Any] = rows.annotate(undecided=people).filter(undecided__gt=0).select_related("incident")
    found = found.prefetch_related("texts").order_by("drill", "pk")
    return [(row, row.undecided) for row in found if not hindrance(row)]


def with_totals(campaigns: Iterable[Campaign]) -> list[tuple[Campaign, list[Total]]]:
    """Campaigns, each with its accounts in numbers."""
    rows = [*campaigns]
    found = totals(row.pk for row in rows)
    return [(row, found.get(row.pk, [])) for row in rows]


def of_status(*statuses: Status, by: User) -> CampaignQuerySet:
    """Campaigns of these statuses that the person sees: live before drills, the worst first, then what waits longest."""
    rows = Campaign.objects.seen_by(by).filter(status__in=statuses).select_related("incident").prefetch_related("texts")
    return rows.annotate(rank=WORST_FIRST).order_by("drill", "rank", "submitted_at", "pk")


@dataclass(frozen=True, slots=True)
class Post:
    """Whether a mission has told its followers about an incident, since when, and who noted it (None = nobody yet)."""

    incident: Incident
    mission: Mission
    posted: bool
    since: datetime
    link: str = ""
    by: User | None = None


def open_incidents(*, by: User) -> list[Incident]:
    """Incidents not closed that the person sees: live before drills, the overdue update first."""
    rows = Incident.objects.seen_by(by).exclude(status=Incident.Status.CLOSED).prefetch_related("countries")
    return sorted(rows, key=lambda i: (i.drill, i.next_update_at is None, i.next_update_at or i.opened_at))


def posts(incidents: Iterable[Incident]) -> dict[int, list[Post]]:
    """Every mission in the countries of these incidents, by incident; silent ones first, the longest silence on top."""
    rows = [*incidents]
    ticked = {(c.incident_id, c.mission_id): c for c in Coverage.objects.filter(incident__in=rows).select_related("by")}
    codes = {country.pk for row in rows for country in row.countries.all()}
    missions = [*Mission.objects.filter(country__in=codes).order_by("country", "kind", "city_en")]
    found = {row.pk: [_post(row, m, ticked.get((row.pk, m.pk))) for m in missions if _concerns(row, m)] for row in rows}
    return {pk: sorted(items, key=lambda post: (post.posted, post.since)) for pk, items in found.items()}


def silent(found: Mapping[int, list[Post]]) -> list[Post]:
    """Missions that have not told their followers, each once: for a live incident before a drill, the longest silence first."""
    rows = [post for posts in found.values() for post in posts if not post.posted]
    rows.sort(key=lambda post: (post.incident.drill, post.since))
    return [*{post.mission.pk: post for post in reversed(rows)}.values()][::-1]


def _concerns(incident: Incident, mission: Mission) -> bool:
    return any(country.pk == mission.country_id for country in incident.countries.all())


def _post(incident: Incident, mission: Mission, tick: Coverage | None) -> Post:
    if tick is None:
        return Post(incident, mission, False, incident.opened_at)
    return Post(incident, mission, tick.posted, tick.since_at, tick.link, tick.by)


@dataclass(frozen=True, slots=True)
class Action:
    """Where the one primary button leads."""

    url: str
    words: str


def burning(decisions: Sequence[Campaign], live: Sequence[Campaign], overdue: Sequence[Incident]) -> Action | None:
    """What to open first: a decision of mine, a paused alert, an overdue update, a sending. None when nothing burns."""
    if decisions:
        words = _("Decide about the drill") if decisions[0].drill else _("Decide about the campaign")
        return Action(reverse("campaign_decision", args=[decisions[0].pk]), words)
    paused = next((row for row in live if row.status == Status.PAUSED), None)
    if paused:
        words = _("Open the paused drill") if paused.drill else _("Open the paused campaign")
        return Action(reverse("campaign_live", args=[paused.pk]), words)
    if overdue:
        return Action(reverse("incident_detail", args=[overdue[0].pk]), _("Open the overdue update"))
    sending = next((row for row in live if row.status == Status.SENDING), None)
    if sending:
        words = _("Watch the drill") if sending.drill else _("Watch the sending")
        return Action(reverse("campaign_live", args=[sending.pk]), words)
    return None
