"""What a notice says: what is asked and by whom, how many people it is for, the whole text. No secret, no person."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crisis.language import country_name
from crisis.templatetags.console import local_time
from messaging.models import Campaign, GlassBreak, Notice, Rendering
from messaging.phrases import places, size_of

LONGEST_SUBJECT = 150
_DECISION_LAST = gettext_lazy("Nothing is sent until somebody approves it in the console.")
_REVIEW_LAST = gettext_lazy("It is being sent, or was sent already. If it is wrong, stop it or correct it in the console.")


def subject(notice: Notice) -> str:
    """One line in the person's language, whatever was typed into the headline."""
    campaign = notice.campaign
    with translation.override(notice.person.language):
        words = [_mark(notice), *_kind(campaign), str(campaign)]
        return " ".join(" · ".join(words).split())[:LONGEST_SUBJECT]


def body(notice: Notice) -> str:
    """The whole notice in the person's language; the texts in theirs."""
    campaign, review = notice.campaign, notice.about == Notice.About.REVIEW
    with translation.override(notice.person.language):
        told = _review(campaign) if review else [spoken(campaign), "", *_facts(campaign)]
        words = [f"[{language.upper()}]\n{words}\n" for language, words in texts(campaign)]
        last = _REVIEW_LAST if review else _DECISION_LAST
        return "\n".join([_mark(notice), "", *told, "", _("Word for word:"), "", *words, str(last)])


def _kind(campaign: Campaign) -> list[str]:
    return [_("DRILL")] if campaign.drill else [_("TEST")] if campaign.test else []


def _mark(notice: Notice) -> str:
    return _("RELEASED – REVIEW NEEDED") if notice.about == Notice.About.REVIEW else _("DRAFT – NOT RELEASED")


def spoken(campaign: Campaign) -> str:
    """The words to be read out on the phone, and the first ones of every notice."""
    words = {
        "who": campaign.created_by,
        "kind": campaign.get_kind_display(),
        "people": size_of(campaign.reach or {}),
        "places": places(campaign),
    }
    if campaign.test:
        return _("This is a TEST. %(who)s asks for your decision: a few words to %(people)s of our own staff.") % words
    if campaign.drill:
        return _("This is a drill. %(who)s asks for your decision: %(kind)s as if for %(people)s, %(places)s.") % words
    return _("%(who)s asks for your decision: %(kind)s to %(people)s, %(places)s.") % words


def _review(campaign: Campaign) -> list[str]:
    """What one person sent alone, why, and until when another has to say whether it was right."""
    glass = GlassBreak.objects.select_related("by").get(approval__campaign=campaign, approval__round=campaign.round)
    words = {"who": glass.by, "kind": campaign.get_kind_display(), "people": size_of(campaign.reach or {}),
             "places": places(campaign)}  # fmt: skip
    if campaign.drill:
        said = _("This is a drill. %(who)s released this alone: %(kind)s as if for %(people)s, %(places)s.") % words
    else:
        said = _("%(who)s released this alone: %(kind)s to %(people)s, %(places)s.") % words
    return [
        said,
        "",
        _("Why nobody else was asked: %(reason)s") % {"reason": glass.reason},
        _incident(campaign),
        _("Released at: %(time)s") % {"time": local_time(glass.at)},
        _("The review is due by: %(time)s") % {"time": local_time(glass.review_due_at)},
        _("Read it and review it: %(link)s") % {"link": link(campaign, "campaign_review")},
    ]


def _incident(campaign: Campaign) -> str:
    where = ", ".join(country_name(code) for code in campaign.incident.country_codes)
    return _("Incident: %(incident)s (%(where)s)") % {"incident": campaign.incident, "where": where}


def _facts(campaign: Campaign) -> list[str]:
    lines = [
        _incident(campaign),
        _("Waits since: %(time)s") % {"time": local_time(campaign.submitted_at)},
    ]
    if campaign.include_non_subscribers:
        lines.append(_("People who did not subscribe are included."))
    return [*lines, _("Read it and decide: %(link)s") % {"link": link(campaign)}]


def link(campaign: Campaign, page: str = "campaign_decision") -> str:
    """The decision's page, or another of the campaign's, with the console's public address where it is known."""
    return str(settings.PUBLIC_URL).rstrip("/") + reverse(page, args=[campaign.pk])


def texts(campaign: Campaign) -> list[tuple[str, str]]:
    """Each language with its text as it will be sent; accounts that send the same words are not repeated."""
    rows = Rendering.objects.filter(campaign=campaign).select_related("text").order_by("text__part", "-text__language", "pk")
    return [*dict.fromkeys((r.text.language, r.body) for r in rows)]
