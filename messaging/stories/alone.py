"""Break-glass rehearsed: one person sends an unchanged playbook alone, and every page says so until another has reviewed it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.urls import reverse
from django.utils.translation import override

from audiences import definitions
from audiences.criteria import Criteria, Seen
from audiences.criteria.words import instant
from crisis.clock import now
from crisis.models import Incident, User
from messaging import workflow
from messaging.models import Account, Campaign, GlassBreak, Kind, PlaybookVersion
from messaging.playbooks import filled_words
from messaging.wording import Words
from messaging.workflow.breaking_glass import break_glass, review
from messaging.workflow.preparing import Prepared, approve_playbook, prepare

PAGES = ("situation", "incident_list", "campaign_list", "account_list", "coverage", "roster", "shift_handover")
TEXTS = {
    "ru": Words("Внимание: [страна]", "Сбор здесь: [место сбора]. Время: [время].", "Оставайтесь на связи."),
    "en": Words("Attention: [country]", "Gather at: [meeting point]. Time: [time].", "Stay in contact."),
}
VALUES = {
    "ru": {"страна": "Египет", "место сбора": "посольство"},
    "en": {"country": "Egypt", "meeting point": "the embassy"},
}
REASON = "A rehearsal: nobody else answers, and people have to know now."


def send(incident: Incident) -> Campaign:
    """The supervisor on duty writes from a playbook that two have approved, and sends it alone."""
    anna, boris, vera = (User.objects.get(username=name) for name in ("anna", "boris", "vera"))
    version = prepare("Сбор", [incident.category], Prepared(texts=TEXTS, ways=["vk-direct"]), by=anna).versions.get()
    for approver in (boris, vera):
        approve_playbook(version, by=approver)
    draft = workflow.draft(incident, _content(version, incident, boris), by=boris)
    campaign = workflow.submit(draft, by=boris)
    return break_glass(campaign, REASON, fingerprint=campaign.fingerprint(), reach=campaign.reach or {}, by=boris)


def _content(version: PlaybookVersion, incident: Incident, by: User) -> workflow.Draft:
    rule = Criteria(Seen(tuple(incident.country_codes), version.hours, None, "last_seen_there"))
    values = {language: {**known, **_time(language)} for language, known in VALUES.items()}
    return workflow.Draft(
        kind=Kind(version.kind),
        texts=filled_words(version, values),
        accounts=[*Account.objects.filter(slug="vk-direct", drill=False)],
        audience_version=definitions.define("Сбор", rule, by=by),
        not_after=now() + timedelta(hours=6),
        playbook_version=version,
        values=values,
    )


def _time(language: str) -> dict[str, str]:
    with override(language):
        return {"время" if language == "ru" else "time": instant(now() + timedelta(hours=3))}


def reviewed(campaign: Campaign) -> None:
    """Another supervisor's word on it."""
    glass = GlassBreak.objects.get(approval__campaign=campaign)
    review(glass, GlassBreak.Review.values[0], "Read it: it was right.", by=User.objects.get(username="vera"))


def barred(campaign: Campaign, page: Callable[[str], str]) -> int:
    """On how many of the pages the bar stands."""
    mark = reverse("campaign_review", args=[campaign.pk])
    return sum(mark in page(reverse(name)) for name in PAGES)
