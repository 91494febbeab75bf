"""Doubts about a message, each a small question to it: worst first, in sentences that quote the words they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from babel.lists import format_list
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.criteria.words import language_name
from crisis import facts as incident_facts
from crisis import incidents
from crisis.forms import SHORT_NAMES
from crisis.language import readers_locale
from crisis.models import Mission
from crisis.refusal import Problem, Refused
from crisis.templatetags.console import things
from messaging.filling import filled
from messaging.fuses import traffic
from messaging.fuses.figures import Figure, figures, phone_digits
from messaging.fuses.links import links, shortened, unlisted
from messaging.fuses.wording import begins_any, relative_words, states_a_time, stems
from messaging.limits import AN_HOUR, OVERRIDABLE, REPEAT_HOURS, SENDERS, USUAL_TIMES
from messaging.models import Campaign, Part
from messaging.phrases import size_of

LONGEST_REASON = 500
SHOWN = 3  # of a kind are quoted
MISSING = {
    "place": gettext_lazy("the place"),
    "time": gettext_lazy("a date or a time of day"),
    "sender": gettext_lazy("the sender"),
}


@dataclass(frozen=True, slots=True)
class Blown:
    """One doubt. `quote` is what it is about: whoever overrides it has read exactly this."""

    code: str
    sentence: str
    quote: str

    @property
    def key(self) -> str:
        """What the approver's tick names: another quote is another doubt."""
        return f"{self.code}:{sha256(self.quote.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Case:
    """A message as the fuses see it. `texts`: language → the words that will be sent."""

    campaign: Campaign
    texts: Mapping[str, str]
    reach: Mapping[str, Any]
    at: datetime


def blown(campaign: Campaign, reach: Mapping[str, Any], at: datetime) -> list[Blown]:
    """Every doubt about a campaign as it stands, worst first. The words of a TEST are ours and the same for every one."""
    if campaign.test:
        return []
    texts = {t.language: filled(t) for t in campaign.texts.all() if t.part == Part.MAIN and t.body.strip()}
    case = Case(campaign, texts, reach, at)
    return [found for fuse in FUSES for found in [fuse(case)] if found]


def overridden(campaign: Campaign, reach: Mapping[str, Any], at: datetime, reasons: Mapping[str, str]) -> list[dict[str, str]]:
    """What the approver sends in spite of, as it is stored with the approval. `reasons`: a doubt's key → why.

    Raises Refused when a doubt has no reason, or when there are more of them than can be overridden.
    """
    found = blown(campaign, reach, at)
    if len(found) > OVERRIDABLE:
        raise Refused(too_many(found))
    given = {doubt.code: reasons.get(doubt.key, "").strip()[:LONGEST_REASON] for doubt in found}
    if missing := [Problem("overrides", _unanswered(doubt)) for doubt in found if not given[doubt.code]]:
        raise Refused(problems=missing)
    with incidents.our_language():
        ours = blown(campaign, reach, at) if found else []
    return [{"code": d.code, "sentence": d.sentence, "reason": given.get(d.code, "")} for d in ours]


def _unanswered(doubt: Blown) -> str:
    ask = _("Tick it and say why this is sent all the same, or return it for editing.")
    return f"{doubt.sentence} {ask}"


def too_many(doubts: list[Blown]) -> str:
    """Why a message with more doubts than can be overridden goes back."""
    sentence = ngettext(
        "%(n)s warning: at most %(most)s can be overridden on one campaign. It has to go back to its author to be put right.",
        "%(n)s warnings: at most %(most)s can be overridden on one campaign. It has to go back to its author to be put right.",
        len(doubts),
    )
    return sentence % {"n": things(len(doubts)), "most": things(OVERRIDABLE)}


def _repeats(case: Case) -> Blown | None:
    earlier = traffic.repeated(case.campaign, dict(case.texts), case.at)
    if earlier is None:
        return None
    sentence = _("Nearly the same text about this country was sent within the last %(hours)s hours: “%(headline)s” (№ %(pk)s).")
    return Blown(
        "repeats", sentence % {"hours": things(REPEAT_HOURS), "headline": earlier, "pk": earlier.pk}, f"№ {earlier.pk}"
    )


def _languages_differ(case: Case) -> Blown | None:
    read = {language: {(f.kind, f.value): f for f in figures(text)} for language, text in case.texts.items()}
    common = set.intersection(*map(set, read.values())) if len(read) > 1 else None
    if common is None:
        return None
    apart = {language: [f for key, f in found.items() if key not in common] for language, found in read.items()}
    if not any(apart.values()):
        return None
    said = "; ".join(f"{language_name(language)}: {_typed(found)}" for language, found in apart.items())
    sentence = _("The languages do not say the same: %(said)s. Compare them.")
    return Blown("languages_differ", sentence % {"said": said}, str({code: _values(f) for code, f in apart.items()}))


def _sheet_differs(case: Case) -> Blown | None:
    """Phones and flights that a text says otherwise than the incident's fact sheet, where the sheet has any of that kind."""
    facts = [fact for fact in incident_facts.sheet(case.campaign.incident) if fact.kind in ("phone", "flight")]
    said_by = [(fact.kind, said) for fact in facts for said in (fact.value_ru, fact.value_en)]
    known = {(f.kind, f.value) for _kind, said in said_by for f in figures(said)}
    known |= {(kind, phone_digits(said)) for kind, said in said_by if kind == "phone"}
    kinds = {fact.kind for fact in facts}
    typed = [f for text in case.texts.values() for f in figures(text) if f.kind in kinds and (f.kind, f.value) not in known]
    if not typed:
        return None
    differ = {figure.kind for figure in typed}
    said = "; ".join(f"{fact}: {fact.value}" for fact in facts if fact.kind in differ)
    sentence = _("The text says %(typed)s, which is not among the incident's facts (%(said)s). Compare them.")
    return Blown("sheet_differs", sentence % {"typed": _typed(typed), "said": said}, str([_values(typed), sorted(known)]))


def _values(found: list[Figure]) -> list[str]:
    return [figure.value for figure in found]


def _typed(found: list[Figure]) -> str:
    typed = list(dict.fromkeys(figure.typed for figure in found))
    more = ["…"] if len(typed) > SHOWN else []
    return ", ".join(f"“{one}”" for one in [*typed[:SHOWN], *more]) or _("nothing of the kind")


def _unlisted_links(case: Case) -> Blown | None:
    allowed = allowed_links(case.campaign)
    found = {link.typed: link for text in case.texts.values() for link in unlisted(links(text), allowed)}
    if not found:
        return None
    quote = ", ".join(found)
    if any(shortened(link) for link in found.values()):
        sentence = _("“%(quote)s” goes through a link shortener, so nobody sees where it leads. Write the site's own address.")
    else:
        sentence = _("“%(quote)s” leads to a site that is not on our list. On the list: %(allowed)s.")
    return Blown("link", sentence % {"quote": quote, "allowed": ", ".join(allowed)}, quote)


def allowed_links(campaign: Campaign) -> list[str]:
    """The domains of the installation's list, and the pages of our own groups."""
    handles = campaign.accounts.filter(slug__startswith="vk").values_list("handle", flat=True)
    pages = [f"{host}/club{handle}" for handle in sorted(set(handles)) for host in ("vk.com", "vk.ru")]
    return [*settings.LINK_DOMAINS, *pages]


def _unusual_size(case: Case) -> Blown | None:
    size, usual = size_of(case.reach), traffic.usual_of(case.campaign)
    if not traffic.unusual(size.about, usual):
        return None
    if usual is None:
        sentence = _("%(people)s would get this, and %(author)s has never sent a campaign before.")
    else:
        sentence = _("%(people)s would get this: over %(times)s times as many as %(author)s usually writes to (%(usual)s).")
    values = {"people": size, "author": case.campaign.created_by, "times": USUAL_TIMES, "usual": things(round(usual or 0))}
    return Blown("unusual_size", sentence % values, "")


def _too_often(case: Case) -> Blown | None:
    if not (sent := traffic.in_the_hour(case.campaign, case.at)):
        return None
    sentence = _("This would be campaign %(next)s within an hour by one author or about one incident; %(limit)s are usual.")
    return Blown("too_often", sentence % {"next": things(sent + 1), "limit": things(AN_HOUR)}, "")


def _incomplete(case: Case) -> Blown | None:
    lacking = {language: [*_lacks(case, language, text)] for language, text in case.texts.items()}
    named = {language: _and([str(MISSING[name]) for name in names]) for language, names in lacking.items() if names}
    if not named:
        return None
    said = "; ".join(f"{language_name(language)}: {names}" for language, names in named.items())
    sentence = _("A text does not name what every alert names. Missing: %(said)s.")
    return Blown("incomplete", sentence % {"said": said}, str(lacking))


def _lacks(case: Case, language: str, text: str) -> Iterator[str]:
    if not case.campaign.refers_to_id and not begins_any(text, places_of(case.campaign, language)):
        yield "place"
    if not states_a_time(text):
        yield "time"
    if not begins_any(text, senders_of(case.campaign, language)):
        yield "sender"


def places_of(campaign: Campaign, language: str) -> set[str]:
    """The beginnings by which a text may name where it happens: the incident's countries, and cities with a mission there."""
    countries = [*campaign.incident.countries.all()]
    cities = Mission.objects.filter(country__in=countries).values_list("city_ru" if language == "ru" else "city_en", flat=True)
    short = [name for name, code in SHORT_NAMES.items() if code in {country.pk for country in countries}]
    return stems([*(country.name_in(language) for country in countries), *short, *cities])


def senders_of(campaign: Campaign, language: str) -> list[str]:
    """The beginnings by which a text may say who speaks."""
    labels = [account.label_ru if language == "ru" else account.label_en for account in campaign.accounts.all()]
    return [*SENDERS.get(language, ()), *settings.SENDERS, *filter(None, labels)]


def _and(names: list[str]) -> str:
    return format_list(names, style="standard", locale=readers_locale())


def _relative_time(case: Case) -> Blown | None:
    found = list(dict.fromkeys(word for text in case.texts.values() for word in relative_words(text)))
    if not found:
        return None
    quote = ", ".join(f"“{word}”" for word in found[:SHOWN])
    sentence = _("%(quote)s means something else to whoever reads it late. Write the date or the time itself.")
    return Blown("relative_time", sentence % {"quote": quote}, quote)


Fuse = Callable[[Case], Blown | None]
FUSES: tuple[Fuse, ...] = (
    _repeats, _languages_differ, _sheet_differs, _unlisted_links, _unusual_size, _too_often, _incomplete,
    _relative_time,
)  # fmt: skip
