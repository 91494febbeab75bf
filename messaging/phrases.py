"""Machine words as people read them: how many a reach means, why somebody is left out, why a message failed and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.criteria import Criteria
from crisis.language import country_name, readers_locale
from crisis.models import Incident
from crisis.small import hidden, is_exact, told, told_up
from crisis.templatetags.console import number, things
from messaging.joint import Bounds, Joint, Overlap, Part, join, percent_at_least, percent_at_most
from messaging.models import Campaign, Reached
from messaging.standing import UNASKED, in_words

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
_WAIT = gettext_lazy("Read the account's page; then reach these people by a new campaign.")
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
    "timeout": gettext_lazy("the platform did not answer in time"),
    "http_429": gettext_lazy("the platform was asked too often; it answers again in a minute"),
    "too_soon": gettext_lazy("the platform was asked too often; it answers again in a minute"),
    "untold": gettext_lazy("the duty desk has told no number yet"),
}
WITHHELD = {"below_threshold": gettext_lazy("withheld: too few people for the platform to say")}


def no_estimate(why: str) -> Any:
    """Why a platform gave no number. A sentence is quoted as it is, a word of the platform with its place."""
    if " " in why:
        return why
    if why in UNASKED:
        return _("not asked: %(reason)s") % {"reason": in_words(why)}
    return NO_ESTIMATE.get(why, _("the platform gave none: %(reason)s") % {"reason": in_words(why)})


def withheld(why: str) -> Any:
    """Why a platform keeps its estimate to itself; empty where it does not."""
    return why and WITHHELD.get(why, _("the platform withholds its estimate: %(reason)s") % {"reason": in_words(why)})


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


def size_of(reach: Mapping[str, Any]) -> Size:
    """How many people a stored reach means."""
    joint = join([Part(account, *bounds) for account, bounds in _bounds_of(reach)], _overlap(reach))
    return Size(joint.least, joint.most)


def expected(reach: Mapping[str, Any]) -> Joint:
    """What the ways of a stored reach are expected to reach together, as whoever reads it may know."""
    parts = [Part(account, *as_told(bounds)) for account, bounds in _bounds_of(reach)]
    return join(parts, _overlap(reach) if is_exact() else None)


def as_told(bounds: Bounds) -> Bounds:
    """Bounds as whoever reads them may know them; whatever is made of these tells no more."""
    least, most = bounds
    return told(least), None if most is None else told_up(most)


def _bounds_of(reach: Mapping[str, Any]) -> Iterator[tuple[int, Bounds]]:
    for account, entry in reach.get("accounts", {}).items():
        if entry["basis"] == "counted":
            yield int(account), (entry["people"], entry["people"])
        else:
            yield int(account), (entry.get("lower") or 0, entry.get("upper"))


def _overlap(reach: Mapping[str, Any]) -> Overlap:
    return {frozenset(row["accounts"]): row["people"] for row in reach.get("overlap", ())}


def in_bounds(joint: Joint) -> str:
    """ "12,400 people", "at least 24,800 and at most 46,300 people"."""
    if joint.most is None:
        return _at_least(joint.least)
    shown = {"n": number(joint.most), "least": number(joint.least), "most": number(joint.most)}
    if joint.least == joint.most:
        return ngettext("%(n)s person", "%(n)s people", joint.most) % shown
    if not joint.least:
        return ngettext("at most %(most)s person", "at most %(most)s people", joint.most) % shown
    words = ngettext(
        "at least %(least)s and at most %(most)s person", "at least %(least)s and at most %(most)s people", joint.most
    )
    return words % shown


def numbers_of(least: int, most: int | None) -> str:
    """The same as a cell of a table: "12,400", "24,800–46,300", "at most 46,300", "at least 24,800", "not known"."""
    shown = {"least": number(least), "most": number(most)}
    if most is None:
        return _("at least %(least)s") % shown if told(least) else _("not known")
    if least == most:
        return shown["least"]
    return _("%(least)s–%(most)s") % shown if least else _("at most %(most)s") % shown


def of_nationals(joint: Joint, incident: Incident) -> str:
    """ "That is at least 31 %, at most 58 % of about 80,000 nationals estimated there (Rostourism, 07.11.2015)."."""
    nationals = incident.estimate_people
    if not nationals:
        return _("How many nationals are there is not known.")
    shown = {"all": number(nationals), "source": incident.estimate_source, "date": f"{incident.estimate_at:%d.%m.%Y}"}
    if joint.least > nationals:
        return (
            _("That is more than the %(all)s nationals estimated there (%(source)s, %(date)s): not only nationals are counted.")
            % shown
        )
    least = percent_at_least(joint.least, nationals)
    most = None if joint.most is None else percent_at_most(joint.most, nationals)
    return _part_of(least, most) % {**shown, "least": things(least), "most": things(most)}


def _part_of(least: int, most: int | None) -> str:
    if most is None or most >= 100:
        if not least:
            return _(
                "How large a part that is of about %(all)s nationals estimated there nobody can say (%(source)s, %(date)s)."
            )
        return _("That is at least %(least)s %% of about %(all)s nationals estimated there (%(source)s, %(date)s).")
    if least == most:
        return _("That is %(least)s %% of about %(all)s nationals estimated there (%(source)s, %(date)s).")
    if not least:
        return _("That is at most %(most)s %% of about %(all)s nationals estimated there (%(source)s, %(date)s).")
    return _(
        "That is at least %(least)s %%, at most %(most)s %% of about %(all)s nationals estimated there (%(source)s, %(date)s)."
    )


def untold(joint: Joint, labels: Mapping[int, str]) -> str:
    """Which ways leave open how many people it is at most; empty where none does."""
    if not joint.untold:
        return ""
    names = format_list([labels[account] for account in joint.untold], style="standard", locale=readers_locale())
    if not joint.most_told:
        return _("Nobody can say at most how many: no number from %(names)s.") % {"names": names}
    words = ngettext(
        "Nobody can say at most how many: no number from %(names)s. Without it: at most %(most)s person.",
        "Nobody can say at most how many: no number from %(names)s. Without it: at most %(most)s people.",
        joint.most_told,
    )
    return words % {"names": names, "most": number(joint.most_told)}


def places(campaign: Campaign) -> str:
    """The countries of the audience, or of the incident while nobody is chosen: "Egypt and Sudan"."""
    if campaign.audience_version:
        codes: Iterable[str] = Criteria.from_json(campaign.audience_version.criteria).countries
    else:
        codes = campaign.incident.country_codes
    return countries(codes)


def countries(codes: Iterable[str]) -> str:
    return format_list(sorted(country_name(code) for code in codes), style="standard", locale=readers_locale())


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
