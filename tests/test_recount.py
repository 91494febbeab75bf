"""What presence repeats of contacts never drifts: after any edits a recount changes nothing; a planted drift is mended."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from audiences import presence, recount, retention, traits
from audiences.models import Address, Contact, Presence, Source
from crisis import daily
from crisis.models import AuditEntry
from tests.plain import AT, PHONE, VK, seen, store
from tests.test_reach_properties import COUNTRIES, DROPPED, LISTS, population

pytestmark = pytest.mark.django_db


def edit(dice: Random, contact: int, source: Source) -> None:
    """One of the things that happen to a person: an opt-out, a permission, a dead address, another language, a sighting."""
    hmacs = [bytes(row.value_hmac) for row in Address.objects.filter(contact=contact, kind=VK)]
    match dice.randrange(5):
        case 0:
            presence.deny(VK, hmacs)
        case 1:
            presence.permit(VK, hmacs)
        case 2:
            presence.bury(VK, hmacs)
        case 3:
            Contact.objects.filter(pk=contact).update(language=dice.choice(["ru", "en", "de", ""]))
            presence.refresh_traits([contact])
        case 4:
            at = AT - timedelta(hours=dice.randrange(-5, 24 * 20))
            where = presence.Sighting(VK, hmacs[0] if hmacs else b"none", dice.choice(COUNTRIES), 1, at)
            presence.ingest([where], source)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_edits_late_sightings_and_purges_a_recount_changes_nothing(seed: int) -> None:
    dice, people = Random(seed), population(seed)
    stored = store(people, LISTS, dropped=DROPPED)
    source = Source.objects.get(pk=stored.sources[0])
    for _edit in range(150):
        edit(dice, dice.choice(people).id, source)
    assert (recount.mend(), Presence.objects.exists()) == ((None, 0), True)
    retention.destroy_old()
    assert recount.mend() == (None, 0)


@pytest.mark.parametrize("bit", [traits.LATEST, traits.SUBSCRIBED, 1 << traits.shift(PHONE)])
def test_a_planted_drift_is_mended_and_written_down(bit: int) -> None:
    store([seen(), seen()])
    row = Presence.objects.order_by("contact").first()
    assert row is not None
    Presence.objects.filter(contact_id=row.contact_id).update(traits=row.traits ^ bit)
    assert recount.mend() == (None, 1)
    assert Presence.objects.get(contact_id=row.contact_id).traits == row.traits
    assert AuditEntry.objects.get(action="presence.mend").data["rows"] == 1


def test_the_sweeper_counts_again_every_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "DUTIES", {"presence.recount": daily.DUTIES["presence.recount"]})
    last = store_three()
    monkeypatch.setattr(recount, "AT_ONCE", last // 3 + 1)
    monkeypatch.setattr(recount, "SECONDS", 0.0)
    assert [daily.do_due() for _round in range(4)] == [0, 0, 1, 0]


def store_three() -> int:
    people = [seen(), seen(), seen()]
    store(people)
    return people[-1].id
