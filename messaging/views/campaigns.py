"""The list of campaigns, the door that opens the right page of one, and what its pages share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET

from audiences.criteria import Criteria
from crisis import duty
from crisis.clock import now
from crisis.language import country_name
from crisis.models import User
from crisis.permissions import may, requires
from crisis.views import paged, person
from messaging import changes, checking, cut_off, delivery, drilling, escalation, filling
from messaging.correction import TO_WHOM
from messaging.forms.filters import CampaignFilter
from messaging.joint import Joint
from messaging.models import Account, Campaign, Rendering, Status, Text
from messaging.phrases import EXCLUDED, expected, in_bounds, no_estimate, of_nationals, places, size_of, untold, withheld
from messaging.training import trained

HERE_NOW = timedelta(minutes=5)
OPENED = {Status.APPROVED, Status.SENDING, Status.PAUSED}
OVER = {Status.SENT, Status.STOPPED, Status.EXPIRED}


def find(pk: int, by: User) -> Campaign:
    """A campaign with all that its pages show. Raises Http404, also for one that this person does not see."""
    rows = Campaign.objects.seen_by(by).select_related(
        "incident", "audience_version__audience", "refers_to", "corrects", "created_by"
    )
    found = rows.prefetch_related("texts", "incident__countries").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def shared(campaign: Campaign, request: HttpRequest) -> dict[str, Any]:
    """Context of every page of one campaign."""
    zones = {country.zone.key for country in campaign.incident.countries.all()}
    return {
        "campaign": campaign,
        "incident": campaign.incident,
        "drill": campaign.drill,
        "test": campaign.test,
        "zone": zones.pop() if len(zones) == 1 else "",
        "where": places(campaign),
        "audience_sentence": sentence(campaign),
        "warned": drilling.warnings(campaign),
        "facts_changed": SimpleLazyObject(lambda: filling.changed_since(campaign)),
        "mine": person(request).pk in campaign.author_ids(),
        "changes": SimpleLazyObject(lambda: changes.since_seen(campaign, person(request))),
        "stand": escalation.stand_of(campaign, now()),
    }


def sentence(campaign: Campaign) -> str:
    """The audience in the reader's language; empty while nobody is chosen."""
    version = campaign.audience_version
    return Criteria.from_json(version.criteria).sentence() if version else ""


def letters(campaign: Campaign) -> list[dict[str, Any]]:
    """Every text exactly as each account sends it: what was stored at submit, or what would be stored now.

    A correction has two for each language; a platform that finds people by itself sends everybody the first of them.
    """
    stored = {(r.account_id, r.text_id): r.body for r in Rendering.objects.filter(campaign=campaign)}
    accounts = [*campaign.accounts.order_by("pk")]
    found = []
    for part in campaign.parts:
        senders = [a for a in accounts if a.addressed or part == campaign.parts[0]]
        to_whom = TO_WHOM[part] if campaign.corrects_id else ""
        for text in campaign.texts.all():
            if text.part == part and text.whole:
                versions = [*_versions(text, senders, campaign, stored)]
                found.append({"language": text.language, "versions": versions, "to_whom": to_whom})
    return found


def _versions(
    text: Text, accounts: list[Account], campaign: Campaign, stored: dict[tuple[int, int], str]
) -> Iterable[dict[str, Any]]:
    """What is sent in one language; accounts that send the same words stand together."""
    same: dict[tuple[str, int], list[Account]] = {}
    for account in accounts:
        body = checking.render(text, account, drill=campaign.drill, test=campaign.test)
        if campaign.status != Status.DRAFT:
            body = stored.get((account.pk, text.pk), body)
        same.setdefault((body, account.channel.max_length), []).append(account)
    for (body, limit), senders in same.items():
        yield {"accounts": senders, "body": body, "used": len(body), "limit": limit}


def reach_rows(campaign: Campaign, reach: dict[str, Any] | None, then: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A stored reach account by account, with exclusions in words. Never a sum: the same person may stand in several rows.

    `then` is an earlier reach to stand beside it: a row has its numbers as `then`, empty where they are the same.
    """
    entries, before = (reach or {}).get("accounts", {}), (then or {}).get("accounts", {})
    return [
        _reach_row(account, entries[str(account.pk)]) | _compared(entries[str(account.pk)], before.get(str(account.pk)))
        for account in campaign.accounts.order_by("pk")
        if str(account.pk) in entries
    ]


def _compared(entry: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """The earlier number of one account in words, and whether it grew beyond what is sent without asking again."""
    was, becomes = (str(size_of({"accounts": {"0": one}})) if one else "" for one in (before, entry))
    known = before is not None and before["basis"] == entry["basis"] == "counted"
    grown = known and before is not None and delivery.grown(before["people"], entry["people"])
    return {"then": was if was != becomes else "", "grown": grown}


def _reach_row(account: Account, entry: dict[str, Any]) -> dict[str, Any]:
    excluded = [(EXCLUDED[reason], people) for reason, people in entry.get("excluded", {}).items() if people]
    at = datetime.fromisoformat(entry["at"]) if entry.get("at") else None
    words = {"why": withheld(entry.get("withheld", "")) or no_estimate(entry.get("why", ""))}
    return {**entry, **words, "account": account, "excluded": excluded, "cut_off": cut_off.rows(account, entry), "at": at}


def joint_words(campaign: Campaign, joint: Joint) -> dict[str, Any]:
    """What several ways reach together, in words, as `messaging/_joint.html` shows it."""
    accounts = [*campaign.accounts.order_by("pk")]
    return {
        "people": in_bounds(joint),
        "of_nationals": "" if campaign.test else of_nationals(joint, campaign.incident),
        "untold": untold(joint, {account.pk: account.label for account in accounts}),
        "several": len(joint.ways) > 1,
        "elsewhere": any(not account.addressed for account in accounts),
    }


def reach_times(campaign: Campaign, reach: dict[str, Any] | None) -> dict[str, Any]:
    """When a stored reach was counted, its newest sighting, the narrower choices in order, and all ways together in words."""
    found = reach or {}
    narrower = sorted(((int(hours), people) for hours, people in found.get("narrower", {}).items()), reverse=True)
    stays = found.get("was_there", 0) - found.get("left", 0)
    return {
        "counted_at": _instant(found, "at"),
        "newest_at": _instant(found, "newest_at"),
        "narrower": narrower,
        "smaller": sorted((country_name(code), people) for code, people in found.get("smaller", {}).items()),
        "stays": stays if stays < found.get("people", 0) else 0,
        "expected": joint_words(campaign, expected(found)) if found.get("accounts") else None,
    }


def _instant(found: dict[str, Any], name: str) -> Any:
    return datetime.fromisoformat(found[name]) if found.get(name) else None


def approvers(campaign: Campaign) -> list[dict[str, Any]]:
    """Those who may decide about it: those on duty in the order of call, then those here now."""
    rows = escalation.eligible(campaign)
    since, shifts = timezone.now() - HERE_NOW, duty.on_duty(now())
    found = [
        {
            "person": one.person,
            "here": bool(one.person.last_seen_at and one.person.last_seen_at >= since),
            "shift": shifts.get(one.person.pk),
            "trained_at": one.at,
        }
        for one in trained(rows)
    ]
    last = max(duty.ORDERS) + 1
    return sorted(found, key=lambda row: (row["shift"].order if row["shift"] else last, not row["here"], str(row["person"])))


@require_GET
@requires("see")
def campaign_list(request: HttpRequest) -> HttpResponse:
    """All campaigns, newest first; filters in the URL."""
    form = CampaignFilter(request.GET, by=person(request))
    page = paged(request, form.rows())
    context = {"form": form, "page": page, "filtered": any(request.GET.get(name) for name in form.fields)}
    return render(request, "messaging/campaign_list.html", context)


@require_GET
@requires("see")
def campaign_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Opens the page that answers the question of the campaign's status."""
    return redirect(page_of(find(pk, person(request)), person(request)), pk)


def page_of(campaign: Campaign, user: User) -> str:
    """The name of that page."""
    if campaign.status == Status.DRAFT:
        return "campaign_draft" if not campaign.test and may(user, "campaign.write") else "campaign_preview"
    if campaign.status == Status.SUBMITTED:
        return "campaign_preview" if user.pk in campaign.author_ids() else "campaign_decision"
    if campaign.status in OPENED:
        return "campaign_live"
    return "campaign_report" if campaign.status in OVER else "campaign_preview"
