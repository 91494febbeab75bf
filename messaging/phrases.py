"""Machine words as people read them: how many a reach means, why somebody is left out, why a message failed and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.criteria import Criteria
from audiences.criteria.words import country_name, locale
from crisis.models import Incident
from crisis.small import hidden, told
from crisis.templatetags.console import number, things
from messaging.models import Campaign, Reached
from messaging.standing import in_words

EXCLUDED = {
    "no_address": gettext_lazy("no address there is known to us"),
    "not_permitted": gettext_lazy("have not allowed our messages"),
    "denied": gettext_lazy("have opted out"),
    "dead": gettext_lazy("the address no longer exists"),
}

WHAT_IT_DOES = {
    "addressed": gettext_lazy(
        "Writes to each person who allowed our messages there; whether each message was accepted is known one by one."
    ),
    "delegated": gettext_lazy(
        "Finds and writes to people by itself. We name a country and a time; only totals come back, no person."
    ),
    "published": gettext_lazy("Publishes a post for everybody who follows us there."),
    "manual": gettext_lazy("Somebody carries it out by hand and types in the numbers."),
}

_OTHER_WAY = gettext_lazy("Nothing to repeat: reach these people in another way.")
_WAIT = gettext_lazy("Read the account's page; then reach these people by a new alert.")
# reason → (what it means, what to do)
FAILURES = {
    "901": (gettext_lazy("have not allowed our messages, or took that back"), _OTHER_WAY),
    "900": (gettext_lazy("have blocked our group"), _OTHER_WAY),
    "902": (gettext_lazy("their privacy settings refuse the message"), _OTHER_WAY),
    "18": (gettext_lazy("their account is deleted or banned"), _OTHER_WAY),
    "936": (gettext_lazy("no such person there"), _OTHER_WAY),
    "denied": (gettext_lazy("opted out after the sending began"), gettext_lazy("Nothing: their word is final.")),
    "dead": (gettext_lazy("the address no longer exists"), _OTHER_WAY),
    "bad_address": (gettext_lazy("the address cannot be one of this platform"), _OTHER_WAY),
    "no_address": (gettext_lazy("the address was removed after the sending began"), _OTHER_WAY),
    "not_permitted": (gettext_lazy("took back their permission after the sending began"), _OTHER_WAY),
}
UNKNOWN = gettext_lazy("If it stays unknown whether somebody got it")
UNSURE = gettext_lazy(
    "No answer came, so nobody knows whether they have it. An update to all of them is safe; a repeat could arrive twice."
)

NO_ESTIMATE = {
    "": gettext_lazy("the platform has not been asked"),
    "KeyError": gettext_lazy("not asked: the account has no secret yet; an administrator adds it"),
    "ValueError": gettext_lazy("not asked: the account's address is not set up; an administrator puts it right"),
    "timeout": gettext_lazy("the platform did not answer in time"),
}


def no_estimate(why: str) -> Any:
    """Why a platform gave no number. A sentence is quoted as it is, a word of the platform with its place."""
    if " " in why:
        return why
    return NO_ESTIMATE.get(why, _("the platform gave none: %(reason)s") % {"reason": in_words(why)})


def failure(reason: str) -> tuple[Any, Any]:
    """What a failure means and what to do. An unknown one is quoted."""
    return FAILURES.get(reason, (_("the platform's reason: %(reason)s") % {"reason": reason or "—"}, _WAIT))


@dataclass(frozen=True, slots=True)
class Size:
    """People who will get it or got it: at least `least`, at most `most`. `most` is None when nobody can say."""

    least: int
    most: int | None

    @property
    def exact(self) -> bool:
        return self.least == self.most

    @property
    def about(self) -> int:
        """The middle, to two digits; exact where it is exact."""
        middle = (self.least + (self.least if self.most is None else self.most)) // 2
        places = max(0, len(str(middle)) - 2)
        return middle if self.exact else int(round(middle, -places))

    def __str__(self) -> str:
        """ "12,400 people", "about 20,000 people", "at least 3,000 people", "an unknown number of people"."""
        if self.most is None:
            return _at_least(self.least)
        shown = {"n": number(self.about)}
        if self.exact or hidden(self.about):
            return ngettext("%(n)s person", "%(n)s people", told(self.about)) % shown
        return ngettext("about %(n)s person", "about %(n)s people", told(self.about)) % shown


def _at_least(people: int) -> str:
    if not told(people):
        return _("an unknown number of people")
    return ngettext("at least %(n)s person", "at least %(n)s people", told(people)) % {"n": number(people)}


def union(parts: Iterable[tuple[int, int | None]]) -> Size:
    """Ways that may reach the same people: together at least the largest, at most the sum."""
    given = [*parts]
    known = [most for _least, most in given if most is not None]
    most = sum(known) if len(known) == len(given) else None
    return Size(max((least for least, _most in given), default=0), most)


def size_of(reach: Mapping[str, Any]) -> Size:
    """How many people a stored reach means."""
    return union(_bounds(entry) for entry in reach.get("accounts", {}).values())


def _bounds(entry: Mapping[str, Any]) -> tuple[int, int | None]:
    if entry["basis"] == "counted":
        return entry["people"], entry["people"]
    return entry.get("lower") or 0, entry.get("upper")


def places(campaign: Campaign) -> str:
    """The countries of the audience, or of the incident while nobody is chosen: "Egypt and Sudan"."""
    if campaign.audience_version:
        codes: Iterable[str] = Criteria.from_json(campaign.audience_version.criteria).countries
    else:
        codes = campaign.incident.country_codes
    return countries(codes)


def countries(codes: Iterable[str]) -> str:
    return format_list(sorted(country_name(code) for code in codes), style="standard", locale=locale())


def share(people: int, incident: Incident) -> str:
    """ "25 %" of the nationals estimated; empty without an estimate."""
    if not incident.estimate_people:
        return ""
    return _("%(percent)s %%") % {"percent": things(round(100 * told(people) / incident.estimate_people))}


def pace(campaign: Campaign) -> str:
    """ "2,000 people in ten minutes"; empty where a campaign has no pace of its own."""
    if campaign.pace is None:
        return ""
    words = ngettext("%(n)s person in ten minutes", "%(n)s people in ten minutes", campaign.pace)
    return words % {"n": things(campaign.pace)}


def followers(campaign: Campaign) -> str:
    """What those who got the earlier message mean for who gets this one; empty where there is none."""
    if campaign.corrects_id:
        return _("They get the correction, wherever they are now. Everybody else of the audience gets the right text.")
    return str(Reached(campaign.to_reached).label) if campaign.refers_to_id else ""
