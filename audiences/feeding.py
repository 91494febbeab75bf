"""People, sightings and stays that programs send: rows of JSON, each judged by the rules for a row of a file.

A call is taken whole or not at all where a row is wrong in itself. What is wrong with it only beside what we hold (a contact
nobody knows, an address of somebody else) is told by its index, and the others are stored. No answer repeats what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audiences.imports.applying import Imported, apply, demand_source
from audiences.imports.columns import COLUMNS, BadCell, FileKind, Reader, reader
from audiences.imports.reading import SHOWN, Parsed, look_at_cell
from audiences.models import Source
from crisis.clients import BadKey
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused

MOST_ROWS = 5_000
MOST_ADDRESSES = 20  # of one contact
ACTIONS = {FileKind.CONTACTS: "contacts.feed", FileKind.SIGHTINGS: "sightings.feed", FileKind.TRIPS: "trips.feed"}
NUMBERS, FLAGS = frozenset({"lat", "lon"}), frozenset({"subscribed", "permitted", "denied"})
OPTIONAL = {
    FileKind.CONTACTS: frozenset({"language"}),
    FileKind.ADDRESSES: FLAGS,
    FileKind.SIGHTINGS: frozenset[str](),
    FileKind.TRIPS: frozenset({"contact", "kind", "value"}),
}


@dataclass(frozen=True, slots=True)
class _Item:
    """A contact, an address, a sighting or a stay as it was sent. `where` is its place, such as "3.addresses.0"."""

    kind: FileKind
    index: int
    where: str
    cells: object
    contact: object = None  # whose address it is


@dataclass(frozen=True, slots=True)
class _Table:
    """The good rows of one kind so far; `lines` of what is parsed are indices."""

    parsed: Parsed
    rules: Reader
    seen: dict[Any, Any] = field(default_factory=dict)

    def take(self, item: _Item) -> None:
        """Raises BadCell."""
        made = self.rules.make(*_values(item))
        self.parsed.total += 1
        if self.rules.key and self._told_before(self.rules.key(made), self.rules.rest(made)):
            self.parsed.repeated += 1
        else:
            self.parsed.rows.append(made)
            self.parsed.lines.append(item.index)

    def _told_before(self, key: Any, rest: Any) -> bool:
        if key not in self.seen:
            self.seen[key] = rest
            return False
        if self.seen[key] != rest:
            raise BadCell("", "", _("An earlier row says something else about the same contact or address."))
        return True


@transaction.atomic
def feed(kind: FileKind, rows: object, number: int, *, by: User) -> dict[str, Any]:
    """Store what a program sends: contacts with their addresses, sightings, or stays. Returns counts, and errors by index.

    Raises Refused, and stores nothing, when a row is wrong in itself, or when the source of this number may not be used or is
    not one that the program's key may feed.
    """
    demand(by, ACTIONS[kind])
    source = demand_source(kind, _fed(number, by))
    items = _items(kind, rows)
    tables = {one: _Table(Parsed(one, "utf-8", ""), reader(one)) for one in FileKind if one == kind or one == items[-1].kind}
    problems: list[Problem] = []
    for item in items:
        try:
            tables[item.kind].take(item)
        except BadCell as bad:
            problems.append(Problem(f"{item.where}.{bad.column}".rstrip("."), bad.sentence))
            if len(problems) == SHOWN:
                break
    if problems:
        raise Refused(problems=problems, status=422)
    done = [apply(table.parsed, source, by, action=ACTIONS[kind]) for table in tables.values()]
    return {**{one.kind.value: dict(one.counts) for one in done}, "errors": [error for one in done for error in _errors(one)]}


def fed_by(by: User) -> QuerySet[Source]:
    """The sources that the key may feed which a program came with."""
    return Source.objects.filter(pk__in=by.feeds)


def _fed(number: int, by: User) -> Source:
    """Of a source that is not the key's own nothing is told, not even whether there is one of this number."""
    source = fed_by(by).filter(pk=number).first()
    if source is None:
        sentence = _("This key may not feed a source of this number. Nothing was stored. See /sources for those it may.")
        raise BadKey(sentence, "source", field="source", status=403)
    return source


def _items(kind: FileKind, rows: object) -> list[_Item]:
    if not isinstance(rows, list) or not rows:
        raise Refused(_("Send a list of rows, at least one. Nothing was stored."), status=422)
    if len(rows) > MOST_ROWS:
        sentence = _("A call takes at most %(n)d rows. Nothing was stored. Send them in several calls.")
        raise Refused(sentence % {"n": MOST_ROWS}, status=413)
    if kind != FileKind.CONTACTS:
        return [_Item(kind, index, str(index), row) for index, row in enumerate(rows)]
    parts = [part for index, row in enumerate(rows) for part in _contact_parts(index, row)]
    return sorted(parts, key=lambda item: item.kind == FileKind.ADDRESSES)  # so that the last one says whether there are any


def _contact_parts(index: int, row: object) -> Iterator[_Item]:
    """A contact, then its addresses."""
    cells: dict[str, Any] = {**row} if isinstance(row, dict) else {}
    addresses = cells.pop("addresses", [])
    yield _Item(FileKind.CONTACTS, index, str(index), cells if isinstance(row, dict) else row)
    if not isinstance(addresses, list) or len(addresses) > MOST_ADDRESSES:
        sentence = _("The addresses of a contact are a list of at most %(n)d.") % {"n": MOST_ADDRESSES}
        raise Refused(sentence, field=f"{index}.addresses", status=422)
    for place, address in enumerate(addresses):
        yield _Item(FileKind.ADDRESSES, index, f"{index}.addresses.{place}", address, cells.get("contact"))


def _values(item: _Item) -> Iterator[str]:
    """The cells in the order of a file's columns, as they would be typed there. Raises BadCell."""
    if not isinstance(item.cells, dict):
        raise BadCell("", "", _("A row is an object in braces."))
    cells: Mapping[str, object] = item.cells
    of_contact = item.kind == FileKind.ADDRESSES
    columns = COLUMNS[item.kind]
    for name in cells:
        if name not in columns or (of_contact and name == "contact"):
            raise BadCell(_safe(name), "", _("“%(field)s” is not known here. Leave it out.") % {"field": _safe(name)})
    for column in columns:
        if of_contact and column == "contact":
            yield item.contact if isinstance(item.contact, str) else ""
        elif column in cells:
            yield _typed(column, cells[column])
        elif column in OPTIONAL[item.kind]:
            yield ""
        else:
            raise BadCell(column, "", _("“%(field)s” is missing. Add it.") % {"field": column})


def _safe(name: str) -> str:
    return "".join(sign if sign.isprintable() else "·" for sign in name[:40])


def _typed(column: str, value: object) -> str:
    if column in FLAGS:
        if not isinstance(value, bool):
            raise BadCell(column, "", _("“%(field)s” has to be true or false.") % {"field": column})
        return "yes" if value else "no"
    if column in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadCell(column, "", _("“%(field)s” has to be a number, written without quotes.") % {"field": column})
        return repr(value)
    if not isinstance(value, str):
        raise BadCell(column, "", _("“%(field)s” has to be a text in quotes.") % {"field": column})
    look_at_cell(column, value)
    return value


def _errors(done: Imported) -> Iterator[dict[str, Any]]:
    return ({"index": error.line, "field": error.column, "sentence": error.sentence} for error in done.errors)
