"""The conditions of an audience, frozen values that check themselves. A new one is a class here and stands in LEAVES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audiences import traits
from audiences.criteria.checks import instant_of, keys_of, kinds, known_countries, list_of, shown, words_of, yes_or_no
from audiences.criteria.words import country_name, instant, language_name, listed
from audiences.models import AddressKind
from crisis.refusal import Refused

Mode = Literal["was_there", "last_seen_there"]
MODES: tuple[Mode, ...] = ("was_there", "last_seen_there")
SHORTEST, LONGEST = 1, 90 * 24  # hours a window may have
ACTIVE = "{t}.source_id = ANY (ARRAY(SELECT id FROM audiences_source WHERE active))"


@dataclass(frozen=True, slots=True)
class Clause:
    """SQL over `audiences_presence p` with named parameters; the names are unique enough to stand inside another query."""

    text: str
    params: Mapping[str, Any]


class Leaf(Protocol):
    """One condition. It checks itself when it is made and raises Refused."""

    op: ClassVar[str]

    def clause(self, at: datetime, name: str) -> Clause: ...
    def sentence(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...
    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Leaf: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """Seen in one of the countries from `until` minus `hours` to `until`, both included. `until=None`: the instant of sending.

    * was_there: any sighting there in the window counts
    * last_seen_there: and the person was seen nowhere else since
    """

    op: ClassVar[str] = "seen"
    countries: tuple[str, ...]
    hours: int
    until: datetime | None = None
    mode: Mode = "was_there"

    def __post_init__(self) -> None:
        words_of(
            self.countries, "countries", known_countries(), _("Choose at least one country."), _("“%(value)s” is no country.")
        )
        if type(self.hours) is not int or not SHORTEST <= self.hours <= LONGEST:
            raise Refused(_("A window lasts from 1 hour to 90 days."), field="hours")
        if self.until is not None and (not isinstance(self.until, datetime) or self.until.utcoffset() is None):
            raise Refused(_("The end of the window needs a date, a time and a time zone."), field="until")
        if self.mode not in MODES:
            raise Refused(_("Choose whether people were there or were last seen there."), field="mode")
        object.__setattr__(self, "countries", tuple(sorted(set(self.countries))))

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """First and last instant of the window when it is looked at `at`."""
        until = self.until or at
        return until - timedelta(hours=self.hours), until

    def scope(self, at: datetime, name: str, table: str = "p") -> Clause:
        """Country and window and a source in use, whatever the mode."""
        since, until = self.window(at)
        one = len(self.countries) == 1
        text = (
            f"{table}.country = {'%' if one else 'ANY (%'}({name}_country)s{'' if one else ')'} AND {ACTIVE.format(t=table)}"
            f" AND {table}.last_seen_at >= %({name}_since)s AND {table}.last_seen_at <= %({name}_until)s"
        )
        country = self.countries[0] if one else [*self.countries]
        return Clause(text, {f"{name}_country": country, f"{name}_since": since, f"{name}_until": until})

    def mode_text(self, table: str = "p") -> str:
        return f" AND {table}.traits & {traits.LATEST} <> 0" if self.mode == "last_seen_there" else ""

    def clause(self, at: datetime, name: str) -> Clause:
        """The condition for a second place: the row scanned belongs to the first."""
        inner = self.scope(at, name, "q")
        text = (
            f"EXISTS (SELECT FROM audiences_presence q WHERE q.contact_id = p.contact_id AND {inner.text}{self.mode_text('q')})"
        )
        return Clause(text, inner.params)

    def platform(self, at: datetime) -> dict[str, Any]:
        """What a platform is asked to look for. Raises Refused for several countries: an order names one."""
        if len(self.countries) != 1:
            raise Refused(_("A platform takes one country an order. Make one audience for each country."), field="countries")
        until = self.window(at)[1].isoformat()
        return {"country": self.countries[0], "mode": self.mode, "last_seen_within_hours": self.hours, "until": until}

    def sentence(self) -> str:
        values = {"countries": listed(country_name(code) for code in self.countries), "window": self._window_words()}
        if self.mode == "last_seen_there":
            # Translators: in Russian keep the countries in the nominative: «…видели здесь: Египет; за 14 дней до …»
            return _("People last seen in %(countries)s %(window)s") % values
        return _("People who were in %(countries)s %(window)s") % values

    def _window_words(self) -> str:
        until = instant(self.until) if self.until else _("the moment of sending")
        days, rest = divmod(self.hours, 24)
        if rest:
            return ngettext("within %(n)d hour before %(until)s", "within %(n)d hours before %(until)s", self.hours) % {
                "n": self.hours,
                "until": until,
            }
        return ngettext("within %(n)d day before %(until)s", "within %(n)d days before %(until)s", days) % {
            "n": days,
            "until": until,
        }

    def to_json(self) -> dict[str, Any]:
        until = self.until.isoformat() if self.until else "now"
        return {"op": self.op, "countries": [*self.countries], "hours": self.hours, "until": until, "mode": self.mode}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "countries", "hours", "until", "mode")
        return cls(tuple(list_of(data, "countries")), data["hours"], instant_of(data["until"]), data["mode"])


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Follows our group, or does not. Only VK tells us."""

    op: ClassVar[str] = "subscribed"
    kind: str
    yes: bool

    def __post_init__(self) -> None:
        if self.kind != AddressKind.VK.slug:
            raise Refused(_("Only VK tells us who follows our group."), field="kind")
        yes_or_no(self.yes, "yes")

    def clause(self, at: datetime, name: str) -> Clause:
        return Clause(f"p.traits & {traits.SUBSCRIBED} {'<>' if self.yes else '='} 0", {})

    def sentence(self) -> str:
        return _("only those who follow our group in VK") if self.yes else _("only those who do not follow our group in VK")

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "kind": self.kind, "yes": self.yes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "kind", "yes")
        return cls(data["kind"], data["yes"])


@dataclass(frozen=True, slots=True)
class Permitted:
    """Can be written to at an address of this kind, or cannot."""

    op: ClassVar[str] = "permitted"
    kind: str
    yes: bool

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in kinds():
            raise Refused(_("“%(value)s” is no kind of address.") % {"value": shown(self.kind)}, field="kind")
        yes_or_no(self.yes, "yes")

    def clause(self, at: datetime, name: str) -> Clause:
        shift = traits.shift(AddressKind.named(self.kind))
        return Clause(f"p.traits >> {shift} & 7 {'=' if self.yes else '<>'} {traits.LIVE}", {})

    def sentence(self) -> str:
        sentence = (
            _("only those who allow our messages: %(kind)s")
            if self.yes
            else _("only those who do not allow our messages: %(kind)s")
        )
        return sentence % {"kind": AddressKind.named(self.kind).label}

    to_json = Subscribed.to_json

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "kind", "yes")
        return cls(data["kind"], data["yes"])


@dataclass(frozen=True, slots=True)
class Speaks:
    """Has one of these languages. "unknown" and "other" can be asked for by name."""

    op: ClassVar[str] = "speaks"
    languages: tuple[str, ...]

    def __post_init__(self) -> None:
        words_of(
            self.languages,
            "languages",
            traits.LANGUAGES,
            _("Choose at least one language."),
            _("“%(value)s” is not a language kept here."),
        )
        object.__setattr__(self, "languages", tuple(sorted(set(self.languages))))

    def clause(self, at: datetime, name: str) -> Clause:
        numbers = [traits.LANGUAGES[code] for code in self.languages]
        return Clause(f"p.traits >> {traits.LANGUAGE_SHIFT} & 7 = ANY (%({name}_languages)s)", {f"{name}_languages": numbers})

    def sentence(self) -> str:
        return _("language: %(languages)s") % {"languages": listed(language_name(code) for code in self.languages)}

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "languages": [*self.languages]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "languages")
        return cls(tuple(list_of(data, "languages")))


LEAVES: dict[str, type[Leaf]] = {leaf.op: leaf for leaf in (Seen, Subscribed, Permitted, Speaks)}
