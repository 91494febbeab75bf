"""What does not work where, as the situation and the handover say it: a line each, and the page on which it is ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from audiences.models import Outage
from audiences.outages import described, is_theirs
from crisis.models import Incident, User
from crisis.permissions import may


@dataclass(frozen=True, slots=True)
class Down:
    """An outage that lasts, in words. `url` is where this person ends it; empty when they may not, or have no incident."""

    outage: Outage
    words: str
    url: str


def lasting(by: User) -> list[Down]:
    """What is down now, the newest first: for the ministry everywhere, for a mission in its own country."""
    rows = Outage.objects.filter(until_at=None).select_related("entered_by")
    theirs = [row for row in rows if is_theirs(row.country, by)]
    pages = [*_pages(by)] if theirs and may(by, "outage.write") else []
    return [Down(row, described(row), _page_of(row.country, pages)) for row in theirs]


def _pages(by: User) -> Iterable[Incident]:
    """Incidents on whose pages this person reports what is down: never a drill's, closed ones last."""
    seen = Incident.objects.seen_by(by).filter(drill=False).prefetch_related("countries")
    return sorted(seen.order_by("-opened_at", "-pk"), key=lambda row: row.status == Incident.Status.CLOSED)


def _page_of(country: str, pages: list[Incident]) -> str:
    still = (page for page in pages if page.status != Incident.Status.CLOSED)
    here = (page for page in still if country in {one.code for one in page.countries.all()})
    page = next(here, pages[0] if pages else None)
    return reverse("incident_detail", args=[page.pk]) + "#outages" if page else ""
