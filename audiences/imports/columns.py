"""What stands in the columns of each file, and how a row's cells become the values that are stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from math import isfinite
from typing import Any, NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from h3.api.basic_int import latlng_to_cell

from audiences import keys
from audiences.criteria.cells import RESOLUTION
from audiences.models import AddressKind
from audiences.presence import Sighting
from crisis.models import Country
from crisis.refusal import Refused

LANGUAGE = re.compile(r"[a-z]{2,3}")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_YEAR = 2100
MANY = 1_000  # addresses for which random bytes are drawn at once
KINDS = {kind.slug: kind.value for kind in AddressKind}
YES_NO = {
    **dict.fromkeys(("1", "true", "yes", "да"), True),
    **dict.fromkeys(("0", "false", "no", "нет", ""), False),
}


class FileKind(TextChoices):
    CONTACTS = "contacts", gettext_lazy("contacts")
    ADDRESSES = "addresses", gettext_lazy("addresses")
    SIGHTINGS = "sightings", gettext_lazy("sightings")
    TRIPS = "trips", gettext_lazy("stays abroad")
    LISTS = "lists", gettext_lazy("a list of people")

    @property
    def sourced(self) -> bool:
        """Whether somebody has to answer for what the file says."""
        return self in {FileKind.SIGHTINGS, FileKind.TRIPS, FileKind.LISTS}


COLUMNS: dict[FileKind, tuple[str, ...]] = {
    FileKind.CONTACTS: ("contact", "language"),
    FileKind.ADDRESSES: ("contact", "kind", "value", "subscribed", "permitted", "denied"),
    FileKind.SIGHTINGS: ("kind", "value", "country", "lat", "lon", "seen_at"),
    FileKind.TRIPS: ("contact", "kind", "value", "country", "starts_on", "ends_on"),
    FileKind.LISTS: ("contact", "kind", "value"),
}


class BadCell(Exception):
    """One cell cannot be used. `sentence` says why and what would do."""

    def __init__(self, column: str, value: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column, self.value, self.sentence = column, value, sentence


class ContactRow(NamedTuple):
    reference: str
    language: str


class AddressRow(NamedTuple):
    """`sealed` is the encrypted value: the plain one is not kept."""

    reference: str
    kind: int
    hmac: bytes
    sealed: bytes
    subscribed: bool
    permitted: bool
    denied: bool


class PersonRow(NamedTuple):
    """Somebody named by a reference, or by an address: the others are None."""

    reference: str | None
    kind: int | None
    hmac: bytes | None


class TripRow(NamedTuple):
    reference: str | None
    kind: int | None
    hmac: bytes | None
    country: str
    starts_on: date
    ends_on: date


Row = ContactRow | AddressRow | Sighting | PersonRow | TripRow


class Reader(NamedTuple):
    """How a row is made, and what makes two rows the same thing and equal. Sightings may repeat: ingest takes the newest."""

    make: Callable[..., Any]
    key: Callable[[Any], Any] | None
    rest: Callable[[Any], Any] = tuple


def reader(kind: FileKind, *, sealing: bool = True) -> Reader:
    """How rows of this kind are read. Without `sealing` no address is encrypted: they are only looked at."""
    match kind:
        case FileKind.CONTACTS:
            return Reader(_contact, lambda row: row.reference, lambda row: row.language.encode())
        case FileKind.ADDRESSES:
            ring = keys.ring()
            seal = ring.sealer(MANY) if sealing else _unsealed
            return Reader(partial(_address, ring, seal), lambda row: row.hmac, lambda row: (row.reference, *row[4:]))
        case FileKind.SIGHTINGS:
            countries = frozenset(Country.objects.values_list("code", flat=True))
            return Reader(partial(_sighting, keys.ring(), countries), None)
        case FileKind.TRIPS:
            countries = frozenset(Country.objects.values_list("code", flat=True))
            return Reader(partial(_trip, keys.ring(), countries), tuple, lambda _row: b"")
        case FileKind.LISTS:
            return Reader(partial(_person, keys.ring()), tuple, lambda _row: b"")


def _contact(contact: str, language: str) -> ContactRow:
    code = _language(language)
    return ContactRow(_reference(contact), code)


def _address(ring: keys.Ring, seal: keys.Seal, contact: str, kind: str, value: str, *flags: str) -> AddressRow:
    reference, number = _reference(contact), _kind(kind)
    plain, said = _canonical(number, value), _flags(*flags)
    return AddressRow(reference, number, ring.fingerprint(number, plain), seal(number, plain), *said)


def _unsealed(_kind: int, _value: str) -> bytes:
    return b""


def _sighting(
    ring: keys.Ring, countries: frozenset[str], kind: str, value: str, country: str, *where_and_when: str
) -> Sighting:
    number, code = _kind(kind), _country(countries, country)
    lat, lon, seen_at = where_and_when
    cell = latlng_to_cell(_degrees("lat", lat, 90), _degrees("lon", lon, 180), RESOLUTION)
    return Sighting(number, ring.fingerprint(number, _canonical(number, value)), code, cell, _instant(seen_at))


def _person(ring: keys.Ring, contact: str, kind: str, value: str) -> PersonRow:
    if bool(contact.strip()) == bool(kind.strip() or value.strip()):
        sentence = _("Name the person either by “contact” or by “kind” and “value”, and leave the other empty.")
        raise BadCell("contact", contact, sentence)
    if contact.strip():
        return PersonRow(_reference(contact), None, None)
    number = _kind(kind)
    return PersonRow(None, number, ring.fingerprint(number, _canonical(number, value)))


def _trip(
    ring: keys.Ring, countries: frozenset[str], contact: str, kind: str, value: str, country: str, starts_on: str, ends_on: str
) -> TripRow:
    person, code = _person(ring, contact, kind, value), _country(countries, country)
    first, last = _day("starts_on", starts_on), _day("ends_on", ends_on)
    if last < first:
        raise BadCell("ends_on", ends_on, _("The stay ends before it starts."))
    return TripRow(*person, code, first, last)


@lru_cache(maxsize=1_000)
def _language(language: str) -> str:
    code = language.strip().lower().partition("-")[0]
    if code and not LANGUAGE.fullmatch(code):
        raise BadCell("language", language, _("A language is a code of two or three letters, such as “ru”, or empty."))
    return code


def _country(countries: frozenset[str], country: str) -> str:
    code = country.strip().upper()
    if code not in countries:
        raise BadCell("country", country, _("A country is a code of two letters, such as “EG”."))
    return code


def _day(column: str, value: str) -> date:
    try:
        found = date.fromisoformat(value.strip())
    except ValueError:
        found = date.min
    if not EARLIEST.year <= found.year < LATEST_YEAR:
        raise BadCell(column, value, _("A date such as 2015-11-08 is expected, from the year 2000 to 2099."))
    return found


def _canonical(kind: int, value: str) -> str:
    try:
        return keys.canonical(kind, value)
    except Refused as refused:
        raise BadCell("value", value, str(refused)) from None


def _reference(contact: str) -> str:
    reference = contact.strip()
    if not 0 < len(reference) <= 64 or not reference.isprintable():
        raise BadCell("contact", contact, _("The contact's reference has 1 to 64 characters."))
    return reference


def _kind(kind: str) -> int:
    number = KINDS.get(kind) or KINDS.get(kind.strip().lower())
    if number is None:
        raise BadCell("kind", kind, _("The kind is one of: %(kinds)s.") % {"kinds": ", ".join(KINDS)})
    return number


@lru_cache(maxsize=1_000)
def _flags(subscribed: str, permitted: str, denied: str) -> tuple[bool, bool, bool]:
    return _flag("subscribed", subscribed), _flag("permitted", permitted), _flag("denied", denied)


def _flag(column: str, value: str) -> bool:
    found = YES_NO.get(value.strip().lower())
    if found is None:
        raise BadCell(column, value, _("Write yes or no here (also true, false, 1, 0; empty is no)."))
    return found


def _degrees(column: str, value: str, most: int) -> float:
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not (isfinite(found) and -most <= found <= most):
        raise BadCell(
            column, value, _("Degrees from -%(most)d to %(most)d with a decimal point are expected.") % {"most": most}
        )
    return found


def _instant(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found < EARLIEST:
        sentence = _(
            "A date, a time and a time zone are expected, such as 2015-11-08T12:00:00+03:00, not before the year 2000."
        )
        raise BadCell("seen_at", value, sentence)
    return found
