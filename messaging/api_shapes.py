"""What programs send and are sent: the bodies of calls, strict; and campaigns, incidents and results as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, Field

from crisis import small
from crisis.api.reading import Moment, Number, Strict
from crisis.models import Incident
from messaging import progress
from messaging.limits import LONGEST_HEADLINE, LONGEST_TEXT
from messaging.models import TOTALS, Account, Campaign, Order, Part
from messaging.progress import Way
from messaging.wording import Words

NUMBERS = ("total", "accepted", "failed", "uncertain", "waiting", "left", "resent", "read")
TIMES = ("created_at", "updated_at", "starts_at", "not_after", "submitted_at", "approved_at", "started_at", "ended_at")


def _link(value: str) -> str:
    """Raises ValueError with a sentence."""
    try:
        return str(forms.URLField(max_length=200, assume_scheme="https", required=False).clean(value))
    except ValidationError as error:
        raise ValueError(_("“link” is no web address. Send one that begins with https://, or leave it out.")) from error


Link = Annotated[str, Field(max_length=200), AfterValidator(_link)]
Long = Annotated[str, Field(max_length=LONGEST_TEXT)]
Languages = Literal["ru", "en"]


class WordsIn(Strict):
    """The public words in one language."""

    headline: Annotated[str, Field(max_length=LONGEST_HEADLINE)] = ""
    body: Long = ""
    instruction: Long = ""

    def words(self) -> Words:
        return Words(self.headline, self.body, self.instruction)


class DraftIn(Strict):
    """A draft. Who is to get it is a saved audience or a rule; it never means everybody."""

    incident: Number
    kind: Literal["alert", "update", "cancel", "all-clear"] = "alert"
    refers_to: Number | None = None
    texts: dict[Languages, WordsIn]
    link: Link = ""
    audience_version: Number | None = None
    audience_rule: dict[str, Any] | None = None
    accounts: Annotated[list[Number], Field(max_length=20)]
    starts_at: Moment | None = None
    not_after: Moment
    when_uncertain: Literal["resend", "hold"] | None = None


class TextsIn(Strict):
    """All the words of a draft anew. `seen_at` is the `updated_at` it was read with."""

    texts: dict[Languages, WordsIn]
    link: Link = ""
    seen_at: Moment


class AccountOut(BaseModel):
    id: int
    label: str
    channel: str


class IncidentOut(BaseModel):
    id: int
    title_ru: str
    title_en: str
    countries: list[str]
    status: str
    drill: bool
    category: str
    severity: str
    urgency: str
    certainty: str
    opened_at: str
    next_update_at: str | None
    accounts: list[AccountOut]


class CampaignOut(BaseModel):
    id: int
    incident: int
    kind: str
    status: str
    status_reason: str
    drill: bool
    refers_to: int | None
    when_uncertain: str
    texts: dict[str, dict[str, str]]
    link: str
    audience_version: int | None
    audience_rule: dict[str, Any] | None
    accounts: list[int]
    created_at: str
    updated_at: str
    starts_at: str | None
    not_after: str | None
    submitted_at: str | None
    approved_at: str | None
    started_at: str | None
    ended_at: str | None


class OrderOut(BaseModel):
    """What was asked of a platform or a desk, what it decided, and what it told: null is not told, and not none."""

    status: str
    decision: str
    asked_at: str | None
    answered_at: str | None
    people: dict[str, int | None]


class WayOut(BaseModel):
    """`people` of those written to one by one; `orders` where others send by themselves."""

    account: int
    channel: str
    people: dict[str, int | None]
    orders: list[OrderOut]


class ReportOut(BaseModel):
    """Numbers of people, in tens."""

    campaign: int
    status: str
    drill: bool
    reached_at_least: int
    reached_at_most: int | None
    ways: list[WayOut]
    failures: list[dict[str, Any]]
    started_at: str | None
    ended_at: str | None


class StoppedOut(BaseModel):
    campaign: CampaignOut
    gone: int
    left: int


class IncidentsOut(BaseModel):
    incidents: list[IncidentOut]
    page: int
    per_page: int
    total: int


class CampaignsOut(BaseModel):
    campaigns: list[CampaignOut]
    page: int
    per_page: int
    total: int


def iso(at: Any) -> str | None:
    return at.isoformat() if at else None


def tens(people: int | None) -> int | None:
    """People in whole tens, 0 for fewer than ten: no small number, and none that a subtraction would give away."""
    return people and (small.coarse(people) or 0)


def incident_out(incident: Incident, accounts: Iterable[Account]) -> dict[str, Any]:
    same = ("title_ru", "title_en", "status", "drill", "category", "severity", "urgency", "certainty")
    ways = [{"id": a.pk, "label": a.label, "channel": a.slug} for a in accounts if a.drill == incident.drill]
    return {
        "id": incident.pk,
        **{name: getattr(incident, name) for name in same},
        "countries": sorted(country.pk for country in incident.countries.all()),
        "opened_at": iso(incident.opened_at),
        "next_update_at": iso(incident.next_update_at),
        "accounts": ways,
    }


def campaign_out(campaign: Campaign) -> dict[str, Any]:
    texts = [text for text in campaign.texts.all() if text.part == Part.MAIN]
    version = campaign.audience_version
    return {
        "id": campaign.pk,
        "incident": campaign.incident_id,
        **{name: getattr(campaign, name) for name in ("kind", "status", "status_reason", "drill")},
        "refers_to": campaign.refers_to_id,
        "when_uncertain": campaign.when_uncertain,
        "texts": {t.language: Words.of(t)._asdict() for t in texts},
        "link": next((text.link for text in texts if text.link), ""),
        "audience_version": version and version.pk,
        "audience_rule": version and version.criteria,
        "accounts": sorted(account.pk for account in campaign.accounts.all()),
        **{name: iso(getattr(campaign, name)) for name in TIMES},
    }


def report_out(campaign: Campaign) -> dict[str, Any]:
    found = progress.ways(campaign)
    with small.telling(exact=False):
        joint = progress.joint(campaign, found)
    return {
        "campaign": campaign.pk,
        "status": campaign.status,
        "drill": campaign.drill,
        "reached_at_least": joint.least,
        "reached_at_most": joint.most,
        "ways": [_way(way) for way in found],
        "failures": [
            {"account": one.account, "status": one.status, "reason": one.reason, "people": tens(one.people)}
            for one in progress.failures(campaign) or []
        ],
        "started_at": iso(campaign.started_at),
        "ended_at": iso(campaign.ended_at),
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "account": way.account.pk,
        "channel": way.account.slug,
        "people": {} if way.orders else {name: tens(getattr(way, name)) for name in NUMBERS},
        "orders": [_order(order) for order in way.orders],
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "status": order.status,
        "decision": order.decision,
        "asked_at": iso(order.asked_at),
        "answered_at": iso(order.answered_at),
        "people": {name: tens(getattr(order, name)) for name in TOTALS},
    }
