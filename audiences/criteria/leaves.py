"""The conditions beside the place, frozen values that check themselves. A new one is a class here and stands in LEAVES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Self

from django.utils.translation import gettext as _

from audiences import traits
from audiences.criteria.checks import (
    day_of,
    ids_of,
    keys_of,
    kinds,
    known_countries,
    list_of,
    missing,
    shown,
    words_of,
    yes_or_no,
)
from audiences.criteria.clauses import Beginning, Clause, Narrowing, Node
from audiences.criteria.seen import ACTIVE, SILENT, Seen
from audiences.criteria.words import day, language_name, listed
from audiences.models import AddressKind, ContactList
from crisis.language import country_name
from crisis.models import User
from crisis.refusal import Problem, Refused

LONGEST_STAY = 366  # days between the ends of a stay asked for


@dataclass(frozen=True, slots=True)
class Subscribed(Narrowing):
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
class Permitted(Narrowing):
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
class Speaks(Narrowing):
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


@dataclass(frozen=True, slots=True)
class Travelling(Beginning):
    """Registered a trip to one of the countries that has a day in common with these, both included."""

    op: ClassVar[str] = "travelling"
    countries: tuple[str, ...]
    starts_on: date
    ends_on: date

    def __post_init__(self) -> None:
        words_of(
            self.countries, "countries", known_countries(), _("Choose at least one country."), _("“%(value)s” is no country.")
        )
        if type(self.starts_on) is not date or type(self.ends_on) is not date:
            raise Refused(_("Say from which day to which day people are there."), field="starts_on")
        if not 0 <= (self.ends_on - self.starts_on).days <= LONGEST_STAY:
            raise Refused(_("The last day comes after the first, by at most a year."), field="ends_on")
        object.__setattr__(self, "countries", tuple(sorted(set(self.countries))))

    def clause(self, at: datetime, name: str) -> Clause:
        inner = self.people(at, name)
        known = f"NOT EXISTS ({self.silent(at, name).text})"
        return Clause(f"EXISTS ({inner.text} AND t.contact_id = p.contact_id)", inner.params, known)

    def silent(self, at: datetime, name: str) -> Clause:
        inner = self._there(name)
        return Clause(f"{SILENT} AND EXISTS (SELECT {inner.text} AND t.source_id = s.id)", inner.params)

    def people(self, at: datetime, name: str) -> Clause:
        inner = self._there(name)
        return Clause(f"SELECT t.contact_id {inner.text} AND {ACTIVE.format(t='t')}", inner.params)

    def _there(self, name: str) -> Clause:
        text = (
            f"FROM audiences_trip t WHERE t.country = ANY (%({name}_country)s)"
            f" AND t.starts_on <= %({name}_ends)s AND t.ends_on >= %({name}_starts)s"
        )
        days = {f"{name}_starts": self.starts_on, f"{name}_ends": self.ends_on}
        return Clause(text, {f"{name}_country": [*self.countries], **days})

    def sentence(self) -> str:
        words = _("People with a registered trip to %(countries)s between %(start)s and %(end)s")
        countries = listed(country_name(code) for code in self.countries)
        return words % {"countries": countries, "start": day(self.starts_on), "end": day(self.ends_on)}

    def to_json(self) -> dict[str, Any]:
        days = {"starts_on": self.starts_on.isoformat(), "ends_on": self.ends_on.isoformat()}
        return {"op": self.op, "countries": [*self.countries], **days}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "countries", "starts_on", "ends_on")
        return cls(tuple(list_of(data, "countries")), day_of(data, "starts_on"), day_of(data, "ends_on"))


@dataclass(frozen=True, slots=True)
class Listed(Beginning):
    """On one of the uploaded lists, by their ids."""

    op: ClassVar[str] = "listed"
    lists: tuple[int, ...]

    def __post_init__(self) -> None:
        ids_of(self.lists, "lists")
        if not self.lists:
            raise Refused(_("Choose at least one list."), field="lists")
        object.__setattr__(self, "lists", tuple(sorted(set(self.lists))))

    def clause(self, at: datetime, name: str) -> Clause:
        inner = self.people(at, name)
        there = f"SELECT FROM audiences_contactlist l WHERE l.id = given.id AND {ACTIVE.format(t='l')}"
        known = f"NOT EXISTS (SELECT FROM unnest(%({name}_lists)s::bigint[]) AS given (id) WHERE NOT EXISTS ({there}))"
        return Clause(f"EXISTS ({inner.text} AND m.contact_id = p.contact_id)", inner.params, known)

    def silent(self, at: datetime, name: str) -> Clause:
        lists = f"SELECT l.source_id FROM audiences_contactlist l WHERE l.id = ANY (%({name}_lists)s)"
        return Clause(f"{SILENT} AND s.id IN ({lists})", {f"{name}_lists": [*self.lists]})

    def problems(self, by: User) -> list[Problem]:
        sentence = _("There is no list of contacts No. %(n)d. Choose one of the lists.")
        return missing(ContactList.objects.all(), self.lists, "lists", sentence)

    def people(self, at: datetime, name: str) -> Clause:
        text = (
            "SELECT m.contact_id FROM audiences_listmember m JOIN audiences_contactlist l ON l.id = m.list_id"
            f" WHERE m.list_id = ANY (%({name}_lists)s) AND {ACTIVE.format(t='l')}"
        )
        return Clause(text, {f"{name}_lists": [*self.lists]})

    def sentence(self) -> str:
        names = ContactList.objects.filter(pk__in=self.lists).values_list("name", flat=True)
        return _("People on the list %(lists)s") % {"lists": listed(f"“{name}”" for name in names)}

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "lists": [*self.lists]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "lists")
        return cls(tuple(list_of(data, "lists")))


# Leaves about what a campaign did are added by `messaging`: it knows them, audiences does not.
LEAVES: dict[str, type[Node]] = {leaf.op: leaf for leaf in (Seen, Subscribed, Permitted, Speaks, Travelling, Listed)}
