"""What a notice says: nothing is released, who asks, how many people it is for, the whole text. No secret, no person."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from audiences.criteria.words import country_name
from crisis.models import User
from crisis.templatetags.console import local_time
from messaging.models import Campaign, Rendering
from messaging.phrases import places, size_of

LONGEST_SUBJECT = 150


def subject(campaign: Campaign, person: User) -> str:
    """One line in the person's language, whatever was typed into the headline."""
    with translation.override(person.language):
        words = [_("DRAFT – NOT RELEASED"), *([_("DRILL")] if campaign.drill else []), str(campaign)]
        return " ".join(" · ".join(words).split())[:LONGEST_SUBJECT]


def body(campaign: Campaign, person: User) -> str:
    """The whole notice in the person's language; the texts in theirs."""
    with translation.override(person.language):
        lines = [_("DRAFT – NOT RELEASED"), "", spoken(campaign), "", *_facts(campaign), "", _("Word for word:"), ""]
        words = [f"[{language.upper()}]\n{words}\n" for language, words in texts(campaign)]
        return "\n".join([*lines, *words, _("Nothing is sent until somebody approves it in the console.")])


def spoken(campaign: Campaign) -> str:
    """The words to be read out on the phone, and the first ones of every notice."""
    words = {
        "who": campaign.created_by,
        "kind": campaign.get_kind_display(),
        "people": size_of(campaign.reach or {}),
        "places": places(campaign),
    }
    if campaign.drill:
        return _("This is a drill. %(who)s asks for your decision: %(kind)s as if for %(people)s, %(places)s.") % words
    return _("%(who)s asks for your decision: %(kind)s to %(people)s, %(places)s.") % words


def _facts(campaign: Campaign) -> list[str]:
    where = ", ".join(country_name(code) for code in campaign.incident.country_codes)
    lines = [
        _("Incident: %(incident)s (%(where)s)") % {"incident": campaign.incident, "where": where},
        _("Waits since: %(time)s") % {"time": local_time(campaign.submitted_at)},
    ]
    if campaign.include_non_subscribers:
        lines.append(_("People who did not subscribe are included."))
    return [*lines, _("Read it and decide: %(link)s") % {"link": link(campaign)}]


def link(campaign: Campaign) -> str:
    """The decision's page, with the console's public address where it is known."""
    return str(settings.PUBLIC_URL).rstrip("/") + reverse("campaign_decision", args=[campaign.pk])


def texts(campaign: Campaign) -> list[tuple[str, str]]:
    """Each language with its text as it will be sent; accounts that send the same words are not repeated."""
    rows = Rendering.objects.filter(campaign=campaign).select_related("text").order_by("text__part", "-text__language", "pk")
    return [*dict.fromkeys((r.text.language, r.body) for r in rows)]
