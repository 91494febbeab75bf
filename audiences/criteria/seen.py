"""Where people were seen: the condition that nearly every audience begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audiences import traits
from audiences.criteria.areas import Area, Circle, Polygon, area_from_json
from audiences.criteria.checks import ids_of, instant_of, keys_of, known_countries, list_of, missing, words_of
from audiences.criteria.clauses import Beginning, Clause
from audiences.criteria.words import instant, listed
from audiences.models import Source
from crisis.language import country_name
from crisis.models import User
from crisis.refusal import Problem, Refused

Mode = Literal["was_there", "last_seen_there"]
MODES: tuple[Mode, ...] = ("was_there", "last_seen_there")
SHORTEST, LONGEST = 1, 90 * 24  # hours a window may have
# Mostly every source is in use: that is asked once, and no row is looked at for it.
ACTIVE = (
    "(NOT EXISTS (SELECT FROM audiences_source WHERE NOT active)"
    " OR {t}.source_id = ANY (ARRAY(SELECT id FROM audiences_source WHERE active)))"
)
SILENT = "SELECT s.name FROM audiences_source s WHERE NOT s.active"
OPTIONAL = ("area", "sources")


@dataclass(frozen=True, slots=True)
class Seen(Beginning):
    """Seen in one of the countries from `until` minus `hours` to `until`, both included. `until=None`: the instant of sending.

    * was_there: any sighting there in the window counts
    * last_seen_there: and the person was seen nowhere else since
    * area: the last position in the country is in this part of it
    * sources: only sightings of these sources, by their ids; empty for every source in use
    """

    op: ClassVar[str] = "seen"
    countries: tuple[str, ...]
    hours: int
    until: datetime | None = None
    mode: Mode = "was_there"
    area: Area | None = None
    sources: tuple[int, ...] = ()

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
        if self.area is not None and not isinstance(self.area, Circle | Polygon):
            raise Refused(_("An area is a circle or a polygon."), field="area")
        ids_of(self.sources, "sources")
        object.__setattr__(self, "countries", tuple(sorted(set(self.countries))))
        object.__setattr__(self, "sources", tuple(sorted(set(self.sources))))

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """First and last instant of the window when it is looked at `at`."""
        until = self.until or at
        return until - timedelta(hours=self.hours), until

    def rows(self, name: str, table: str = "p") -> str:
        """What to read in the FROM of a query. No row comes twice: the runs of an area's cells have none in common.

        OFFSET 0 has the cells looked up: PostgreSQL would rather read the whole country again for every run.
        """
        if self.area is None:
            return f"audiences_presence {table}"
        rows = f"SELECT * FROM audiences_presence WHERE cell BETWEEN {name}_area.first AND {name}_area.last OFFSET 0"
        return f"{_runs(name)} JOIN LATERAL ({rows}) {table} ON true"

    def scope(self, at: datetime, name: str, table: str = "p", *, all_in_use: bool = False) -> Clause:
        """Country, window, area and a source in use, whatever the mode. Holds for the rows of `rows`.

        `all_in_use`: the caller has just seen that every source is in use, so no row is asked whether its own is.
        """
        inner = self._there(at, name, table)
        chosen, params = "" if all_in_use else f" AND {ACTIVE.format(t=table)}", {}
        if self.sources:
            chosen += f" AND {table}.source_id = ANY (%({name}_sources)s)"
            params = {f"{name}_sources": [*self.sources]}
        return Clause(inner.text + chosen, {**inner.params, **params})

    def _there(self, at: datetime, name: str, table: str) -> Clause:
        since, until = self.window(at)
        one = len(self.countries) == 1
        text = (
            f"{table}.country = {'%' if one else 'ANY (%'}({name}_country)s{'' if one else ')'}"
            f" AND {table}.last_seen_at >= %({name}_since)s AND {table}.last_seen_at <= %({name}_until)s"
        )
        country = self.countries[0] if one else [*self.countries]
        params: dict[str, Any] = {f"{name}_country": country, f"{name}_since": since, f"{name}_until": until}
        if self.area:
            params[f"{name}_first"], params[f"{name}_last"] = map(list, self.area.ranges())
        return Clause(text, params)

    def mode_text(self, table: str = "p") -> str:
        return f" AND {table}.traits & {traits.LATEST} <> 0" if self.mode == "last_seen_there" else ""

    def clause(self, at: datetime, name: str) -> Clause:
        inner = self.scope(at, name, "q")
        text = f"SELECT FROM audiences_presence q WHERE q.contact_id = p.contact_id AND {inner.text}{self.mode_text('q')}"
        if self.area:
            text += f" AND EXISTS (SELECT FROM {_runs(name)} WHERE q.cell BETWEEN {name}_area.first AND {name}_area.last)"
        known = f"NOT EXISTS ({self.silent(at, name).text})"
        if self.sources:
            there = "SELECT FROM audiences_source WHERE id = given.id"
            gone = f"SELECT FROM unnest(%({name}_sources)s::bigint[]) AS given (id) WHERE NOT EXISTS ({there})"
            known += f" AND NOT EXISTS ({gone})"
        return Clause(f"EXISTS ({text})", inner.params, known)

    def silent(self, at: datetime, name: str) -> Clause:
        if self.sources:
            return Clause(f"{SILENT} AND s.id = ANY (%({name}_sources)s)", {f"{name}_sources": [*self.sources]})
        inner = self._there(at, name, "q")
        seen = f"SELECT FROM {self.rows(name, 'q')} WHERE {inner.text} AND q.source_id = s.id{self.mode_text('q')}"
        return Clause(f"{SILENT} AND EXISTS ({seen})", inner.params)

    def people(self, at: datetime, name: str) -> Clause:
        inner = self.scope(at, name, "q")
        return Clause(f"SELECT q.contact_id FROM {self.rows(name, 'q')} WHERE {inner.text}{self.mode_text('q')}", inner.params)

    def problems(self, by: User) -> list[Problem]:
        return missing(
            Source.objects.all(), self.sources, "sources", _("There is no source No. %(n)d. Choose one of the sources.")
        )

    def platform(self, at: datetime) -> dict[str, Any]:
        """What a platform is asked to look for. Raises Refused for several countries: an order names one."""
        if len(self.countries) != 1:
            raise Refused(_("A platform takes one country an order. Make one audience for each country."), field="countries")
        until = self.window(at)[1].isoformat()
        return {"country": self.countries[0], "mode": self.mode, "last_seen_within_hours": self.hours, "until": until}

    def sentence(self) -> str:
        values = {"countries": listed(country_name(code) for code in self.countries), "window": self._window_words()}
        # Translators: in Russian keep the countries in the nominative: «…видели здесь: Египет; за 14 дней до …»
        last, was = _("People last seen in %(countries)s %(window)s"), _("People who were in %(countries)s %(window)s")
        words = [(last if self.mode == "last_seen_there" else was) % values]
        if self.area:
            words.append(self.area.sentence())
        if self.sources:
            names = Source.objects.filter(pk__in=self.sources).values_list("name", flat=True)
            words.append(_("by these sources alone: %(sources)s") % {"sources": listed(names)})
        return ", ".join(words)

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
        said = {"op": self.op, "countries": [*self.countries], "hours": self.hours, "until": until, "mode": self.mode}
        area = {"area": self.area.to_json()} if self.area else {}
        return said | area | ({"sources": [*self.sources]} if self.sources else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        keys_of(data, "countries", "hours", "until", "mode", *(key for key in OPTIONAL if key in data))
        area = area_from_json(data["area"]) if "area" in data else None
        sources = tuple(list_of(data, "sources")) if "sources" in data else ()
        return cls(tuple(list_of(data, "countries")), data["hours"], instant_of(data["until"]), data["mode"], area, sources)


def _runs(name: str) -> str:
    """The runs of an area's cells as rows of two numbers."""
    return f"unnest(%({name}_first)s::bigint[], %({name}_last)s::bigint[]) AS {name}_area (first, last)"
