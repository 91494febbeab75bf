"""No page says anything else to those who send nothing when other people hide behind the same rounded numbers.

The whole console is opened twice, and in between numbers of people become others of the same ten. A page that differs told
something: a number, a noun's ending, the width of a bar, or what is left when the parts it tells are taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import h3
import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone, translation

from audiences import presence
from audiences.keys import fingerprint
from audiences.models import AddressKind, Source
from audiences.presence import Sighting
from crisis.models import Destruction
from messaging.models import Batch, Delivery, Order, Receipt, Reply, Status
from tests import world
from tests.stages import stand_still, unguarded
from tests.test_russian import TABLES, browser
from tests.watch import Watch

pytestmark = pytest.mark.usefixtures("committed")
CHANGING = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce-[\w=+/-]+|nonce="[^"]+"')
# Pages that say another number to a supervisor, so that the walk is known to look where numbers of people stand.
SHOWING = {
    "audience_compare", "audience_detail", "campaign_decision", "campaign_preview", "campaign_progress", "campaign_report",
    "campaign_data",    "campaign_replies", "incident_detail", "situation", "source_detail",
}  # fmt: skip
MOST = 4  # pages of one route: of campaigns those of as many statuses
OWN = ("mfa_", "session_", "user_", "admin:crisis_user")  # a person's own log-in changes what stands there


@pytest.fixture
def house(quiet: None, settings: Any, time_machine: Any) -> Watch:
    settings.LANGUAGE_CODE = "ru"
    time_machine.move_to(timezone.now(), tick=False)
    stand_still()
    with translation.override("ru"):
        watch = Watch()
    for who in ("boris", "dina", "gleb"):  # from here on they are known to have been here
        browser(who).get("/")
    world.contacts([401])
    _left(range(201, 203))
    Destruction.objects.create(kind=Destruction.Kind.RETENTION, counts={"deliveries": 3, "replies": 21})
    return watch


def _left(peers: range) -> None:
    """People who were in Egypt and have been in Turkey since."""
    world.contacts([*peers])
    there = h3.str_to_int(h3.latlng_to_cell(41.0, 28.9, 7))
    peers_of = [fingerprint(AddressKind.VK, str(peer)) for peer in peers]
    rows = [Sighting(AddressKind.VK, hmac, "TR", there, timezone.now() - timedelta(minutes=9)) for hmac in peers_of]
    presence.ingest(rows, Source.objects.get(name="Story"))


def _other_numbers(watch: Watch) -> None:
    """Every number of people becomes another one of the same ten."""
    _left(range(203, 204))
    world.contacts([301], permitted=False)
    world.contacts([302], denied=True)
    batches = Batch.objects.filter(order=None, accepted=80)
    batches.update(accepted=81, failed=11, uncertain=2, delivered=77, read=5)
    Order.objects.filter(matched=180).update(matched=184, sent=123, delivered=94, read=34, failed=3)
    for batch in batches:
        Delivery.objects.filter(batch=batch, status="accepted").update(status="uncertain", reason="timeout")
    receipt = Receipt.objects.create(account=watch.vk, event_id="one more", kind="reply", at=timezone.now())
    Reply.objects.create(account=watch.vk, receipt=receipt, campaign=watch.campaigns[Status.SENDING], text="Где?", key=1)
    Destruction.objects.update(counts={"deliveries": 7, "replies": 28})
    for name in ("people", "was_there"):
        unguarded(f"UPDATE messaging_campaign SET reach = jsonb_set(reach, '{{{name}}}', '117') WHERE reach ? '{name}'")
    one = f"'{{accounts,{watch.vk.pk}"
    unguarded(f"UPDATE messaging_campaign SET reach = jsonb_set(reach, {one},people}}', '109') WHERE reach IS NOT NULL")
    unguarded(f"UPDATE messaging_campaign SET reach = jsonb_set(reach, {one},excluded,denied}}', '7') WHERE reach IS NOT NULL")


Pages = dict[tuple[str, tuple[Any, ...], str], str]


def _opened(watch: Watch, who: str, names: Iterable[str] = (), but: Iterable[Any] = ()) -> Pages:
    """The pages that anybody can open, or those of these names, as this person reads them."""
    screen, found, left_out = browser(who), {}, {*but}
    for name, visits in (row for table in TABLES for row in table(watch).items() if row[0] in names or not names):
        for page in [*dict.fromkeys((name, visit.args, visit.query) for visit in visits)][:MOST]:
            if page in left_out or name.startswith(OWN):
                continue
            cache.clear()
            answer = screen.get(reverse(name, args=page[1]) + page[2])
            if answer.status_code == 200:
                found[page] = CHANGING.sub("", answer.content.decode())
    return found


def _read(watch: Watch) -> tuple[Pages, Pages]:
    """What an auditor and, where an auditor may not, an administrator reads; and what a supervisor reads."""
    auditor = _opened(watch, "dina")
    return auditor | _opened(watch, "gleb", but=auditor), _opened(watch, "boris", SHOWING)


def _changes(before: Pages, after: Pages) -> dict[str, str]:
    """The pages that differ, each with the first line that does."""
    return {f"{page}": _first(said, after.get(page, "")) for page, said in before.items() if said != after.get(page)}


def _first(before: str, after: str) -> str:
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((f"{one.strip()} → {other.strip()}" for one, other in lines if one != other), "")


def test_nobody_who_sends_nothing_learns_a_small_number_from_any_page(house: Watch) -> None:
    before = _read(house)
    _other_numbers(house)
    coarse, exact = map(_changes, before, _read(house))
    assert coarse == {}
    assert {name for name in SHOWING if not any(f"'{name}'" in page for page in exact)} == set()
