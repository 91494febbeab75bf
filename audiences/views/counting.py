"""What a page shows of an audience's reach: plain values for the template `audiences/_reach.html`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_date
from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.criteria import Criteria
from audiences.criteria.words import language_name
from audiences.history import by_day
from audiences.models import AddressKind, Source
from audiences.outages import described
from audiences.reach import KindReach, Reach, reach
from audiences.sources import silenced
from audiences.traits import Reason
from crisis.language import readers_locale
from crisis.small import told
from crisis.templatetags.console import number

REASONS: Mapping[Reason, tuple[Any, str]] = {  # words and tone
    "not_permitted": (gettext_lazy("did not allow our messages"), "wait"),
    "denied": (gettext_lazy("opted out"), "bad"),
    "dead": (gettext_lazy("address no longer works"), "unsure"),
    "no_address": (gettext_lazy("no address"), ""),
}


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of address: who can be reached and who cannot, by reason, as parts of a bar; languages of the first."""

    label: str
    segments: list[dict[str, Any]]
    languages: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class DayBar:
    """One day as a bar of a drawing that is a hundred units high."""

    day: date
    people: int
    x: int
    height: int

    @property
    def y(self) -> int:
        return 100 - self.height

    @property
    def label(self) -> str:
        """Such as "8 Nov", in the reader's language."""
        return format_date(self.day, "d MMM", locale=readers_locale())


@dataclass(frozen=True, slots=True)
class Added:
    """Whom one kind of address reaches beside those before it. `x` and `width` are thousandths of all who can be reached."""

    sentence: str
    label: str
    people: int
    before: int
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Narrower:
    """A narrower choice: what it is, whom it would mean, and the query that prefills the form with it."""

    label: str
    people: int
    query: str


def counted(criteria: Criteria, at: datetime) -> dict[str, Any]:
    """The sentence, the reach at an instant, and what stands beside it: who has probably left, narrower choices, sources."""
    found = reach(criteria, AddressKind.values, at=at)
    kinds = [_row(AddressKind(kind), kind_reach) for kind, kind_reach in found.by_kind.items() if _held(kind_reach)]
    held = {row.label for row in kinds}
    return {
        "at": at,
        "sentence": criteria.sentence(),
        "reach": found,
        "place": criteria.place,
        "mode": criteria.place.mode if criteria.place else "",
        "kinds": kinds,
        "cut_off": [(described(o), people) for row in found.by_kind.values() for o, people in row.cut_off.items()],
        "added": _added(found),
        "not_held": [str(kind.label) for kind in AddressKind if str(kind.label) not in held],
        "narrower": list(_narrower(criteria, found)),
        "silenced": silenced(criteria, at),
        "sources": list(Source.objects.filter(active=True)),
    }


def _held(found: KindReach) -> bool:
    return bool(found.writable or any(people for reason, people in found.excluded.items() if reason != "no_address"))


def _row(kind: AddressKind, found: KindReach) -> KindRow:
    segments: list[dict[str, Any]] = [{"label": _("can be reached"), "people": found.reachable, "tone": "ok"}]
    for outage, people in found.cut_off.items():
        segments.append({"label": described(outage), "people": people, "tone": "bad"})
    for reason, (words, tone) in REASONS.items():
        segments.append({"label": words, "people": found.excluded.get(reason, 0), "tone": tone})
    return KindRow(str(kind.label), segments, [(language_name(code), people) for code, people in found.languages.items()])


def _added(found: Reach) -> list[Added]:
    """The kinds that reach anybody, the widest first; a single one adds nothing to another."""
    order = sorted((kind for kind, row in found.by_kind.items() if row.reachable), key=lambda k: -found.by_kind[k].reachable)
    rows, before, labels, whole = [], 0, list[str](), told(found.reachable_at_all) or 1
    for kind, people in found.added(order) if len(order) > 1 else []:
        label = str(AddressKind(kind).label)
        values = {"kind": label, "people": number(people), "others": format_list(labels, style="or", locale=readers_locale())}
        words = _("%(kind)s adds %(people)s whom %(others)s does not reach") if labels else _("%(kind)s reaches %(people)s")
        x, width = (1000 * told(part) / whole for part in (before, people))
        rows.append(Added(words % values, label, people, before, f"{x:.2f}", f"{width:.2f}"))
        before, labels = before + people, [*labels, label]
    return rows


def day_bars(criteria: Criteria, at: datetime) -> list[DayBar]:
    """The last days by the last sighting, the tallest a hundred units high."""
    days = by_day(criteria, at)
    most = told(max((people for _day, people in days), default=0)) or 1
    return [DayBar(day, people, 40 * n, round(100 * told(people) / most)) for n, (day, people) in enumerate(days)]


def _narrower(criteria: Criteria, found: Reach) -> Iterator[Narrower]:
    if criteria.place and criteria.place.mode == "was_there":
        yield Narrower(_("only those last seen there"), found.was_there - found.left, urlencode({"mode": "last_seen_there"}))
    for hours, people in found.narrower.items():
        label = ngettext("only the last %(n)d hour", "only the last %(n)d hours", hours) % {"n": hours}
        yield Narrower(label, people, urlencode({"hours": hours}))
