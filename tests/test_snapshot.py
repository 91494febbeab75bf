"""Who is frozen into batches when a sending begins: exactly those the preview counted, a hundred at a time, in one language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import h3
import pytest
from django.db import IntegrityError, ProgrammingError, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import presence
from audiences.keys import fingerprint
from audiences.models import AddressKind, Source
from crisis.clock import now
from crisis.refusal import Refused
from messaging.models import Batch, Campaign, Order, Text
from messaging.wording import Words
from tests import world
from tests.stages import Cast, everything, stand_still
from tests.world import sql

pytestmark = pytest.mark.usefixtures("committed")
HOURS = 336
ENGLISH = {"en": Words("Headline", "A text in English.")}


@pytest.fixture
def cast() -> Cast:
    return Cast()


def sending(cast: Cast, **changes: Any) -> Campaign:
    return world.approve(cast.submitted(**changes), cast.approver)


def sizes() -> list[int]:
    return [*Batch.objects.order_by("number").values_list("total", flat=True)]


@dataclass(frozen=True, slots=True)
class Group:
    """People alike: how they may be written to, what they speak, and how long ago they were seen where."""

    people: int
    flags: tuple[tuple[str, bool], ...]
    language: str
    ago: timedelta
    left: bool  # was seen in Turkey since, unless seen just now

    @property
    def reachable(self) -> bool:
        return self.flags == () and self.ago <= timedelta(hours=HOURS)

    def is_meant(self, mode: str) -> bool:
        return self.reachable and not (self.left and self.ago and mode == "last_seen_there")


FLAGS = [(), (("denied", True),), (("dead", True),), (("permitted", False),), (("denied", True), ("dead", True))]
EDGES = [
    timedelta(0),
    timedelta(hours=1),
    timedelta(hours=HOURS),
    timedelta(hours=HOURS, seconds=1),
    timedelta(hours=HOURS, microseconds=1),
]
GROUPS = st.builds(
    Group, st.integers(1, 130), st.sampled_from([*FLAGS, (), ()]), st.sampled_from(["ru", "en", "ar", ""]),
    st.sampled_from([*EDGES, timedelta(days=2)]), st.booleans(),
)  # fmt: skip


def settle(group: Group, at: datetime, peers: Iterator[int]) -> set[int]:
    """Bring the people of a group into the world. Returns their contacts."""
    theirs = [next(peers) for _ in range(group.people)]
    rows = world.contacts(theirs, at=at - group.ago, language=group.language, **dict(group.flags))
    if group.left:
        cell, source = h3.str_to_int(h3.latlng_to_cell(41.0, 29.0, 7)), Source.objects.get()
        since = at - group.ago / 2
        hmacs = [fingerprint(AddressKind.VK, str(peer)) for peer in theirs]
        presence.ingest([presence.Sighting(AddressKind.VK, hmac, "TR", cell, since) for hmac in hmacs], source)
    return {row.pk for row in rows}


@given(groups=st.lists(GROUPS, min_size=1, max_size=4), mode=st.sampled_from(["last_seen_there", "was_there"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_those_are_queued_whom_the_preview_counted(committed: str, groups: list[Group], mode: str) -> None:
    with transaction.atomic():
        at, peers = stand_still(), count(1)
        people = [(group, settle(group, at, peers)) for group in groups]
        expect_all_of_these_queued(
            people, {contact for group, theirs in people if group.is_meant(mode) for contact in theirs}, mode
        )
        transaction.set_rollback(True)


def expect_all_of_these_queued(people: list[tuple[Group, set[int]]], meant: set[int], mode: str) -> None:
    author, approver, account = world.person("anna", "operator"), world.person("boris", "supervisor"), world.account()
    version = world.audience(author, hours=HOURS, mode=mode)
    if not meant:
        with pytest.raises(Refused, match="reach nobody"):
            world.submitted(author, account, version=version)
        return
    campaign = world.submitted(author, account, version=version)
    world.approve(campaign, approver)
    assert (campaign.reach or {})["accounts"][str(account.pk)]["people"] == len(meant)
    judge_batches(
        [*Batch.objects.select_related("text")], meant, {c for g, theirs in people if g.language == "en" for c in theirs}
    )


def judge_batches(batches: list[Batch], meant: set[int], english: set[int]) -> None:
    queued = [contact for batch in batches for contact in batch.people]
    assert sorted(queued) == sorted(meant)
    assert all(0 < len(batch.people) == batch.total <= 100 and batch.key != 0 for batch in batches)
    for batch in batches:
        assert batch.text is not None
        assert {*batch.people} <= english if batch.text.language == "en" else not {*batch.people} & english


def test_people_are_cut_into_hundreds(cast: Cast) -> None:
    world.contacts([*range(1001, 1249)])
    sending(cast)
    assert sizes() == [100, 100, 51]


def test_a_hundred_people_are_one_batch(cast: Cast) -> None:
    world.contacts([*range(1001, 1098)])
    sending(cast)
    assert sizes() == [100]


def test_people_whose_language_has_no_text_get_the_russian_one(cast: Cast) -> None:
    world.contacts([1001], language="ar")
    world.contacts([1002], language="")
    sending(cast)
    assert {batch.text.language: batch.total for batch in Batch.objects.select_related("text") if batch.text} == {"ru": 5}


def test_everybody_gets_the_only_text_there_is(cast: Cast) -> None:
    sending(cast, texts=ENGLISH)
    assert (Batch.objects.get().text, sizes()) == (Text.objects.get(), [3])


def test_keys_are_drawn_anew_and_never_zero(cast: Cast) -> None:
    world.contacts([*range(1001, 1998)])
    sending(cast)
    sending(cast)
    keys = [*Batch.objects.values_list("key", flat=True)]
    assert len(keys) == len({*keys}) == 20
    assert all(0 < key < 2**31 for key in keys)


def test_a_batch_ranks_as_its_incident(cast: Cast) -> None:
    sending(cast, severity="Extreme")
    sending(cast, severity="Minor")
    assert [*Batch.objects.order_by("pk").values_list("rank", flat=True)] == [0, 3]


@pytest.mark.parametrize(("ago", "total"), [
    (timedelta(0), 4),
    (timedelta(hours=HOURS), 4),
    (timedelta(hours=HOURS, microseconds=1), 3),
])  # fmt: skip
def test_both_ends_of_the_window_are_inside_it(cast: Cast, ago: timedelta, total: int) -> None:
    at = stand_still()
    world.contacts([1001], at=at - ago)
    sending(cast)
    assert sizes() == [total]


def test_people_are_cut_into_as_few_batches_as_their_languages_allow(cast: Cast) -> None:
    for first, language, people in ((1001, "en", 50), (1101, "ru", 97), (1201, "en", 50)):
        world.contacts([*range(first, first + people)], language=language)
    sending(cast)
    assert sizes() == [100, 100]


def test_languages_advance_side_by_side_and_people_in_the_order_of_their_numbers(cast: Cast) -> None:
    world.contacts([*range(1001, 1151)], language="en")
    world.contacts([*range(1201, 1399)])
    sending(cast)
    batches = [*Batch.objects.select_related("text").order_by("number")]
    assert [batch.text.language for batch in batches if batch.text] == ["ru", "en", "ru", "en", "ru"]
    for language in ("ru", "en"):
        people = [contact for batch in batches if batch.text and batch.text.language == language for contact in batch.people]
        assert people == sorted(people)


def test_the_window_ends_when_the_sending_begins(cast: Cast) -> None:
    """Seen after the submit and before the approval: neither too new nor missed."""
    campaign = cast.submitted()
    world.contacts([1001], at=now())
    world.approve(campaign, cast.approver)
    assert sizes() == [4]


def test_who_left_before_the_sending_began_is_not_queued(cast: Cast) -> None:
    campaign = cast.submitted()
    settle_in_turkey = [presence.Sighting(AddressKind.VK, fingerprint(AddressKind.VK, "1"), "TR", 1, now())]
    presence.ingest(settle_in_turkey, Source.objects.get())
    world.approve(campaign, cast.approver)
    assert sizes() == [2]


def test_a_source_that_was_switched_off_reaches_nobody(cast: Cast) -> None:
    campaign = cast.submitted()
    Source.objects.update(active=False)
    with pytest.raises(Refused, match="reach nobody"):
        world.approve(campaign, cast.approver)
    assert Batch.objects.count() == 0


def test_a_platform_that_sends_by_itself_gets_an_order_and_no_people(cast: Cast) -> None:
    sending(cast, accounts=[cast.account, world.account("vk-geo")])
    order = Order.objects.select_related("batch").get()
    assert (order.batch.people, order.batch.total, order.status, order.asked_at) == ([], 0, "queued", None)
    assert sorted(sizes()) == [0, 3]


def test_a_start_that_fails_leaves_no_trace(cast: Cast) -> None:
    """As the owner could spoil it: the role of the application may write no orders, after batches were written."""
    campaign = cast.submitted(accounts=[cast.account, world.account("vk-geo")])
    with connections["owner"].cursor() as cursor:
        cursor.execute("REVOKE INSERT ON messaging_order FROM crisis_app")
    before = everything()
    with pytest.raises(ProgrammingError):
        world.approve(campaign, cast.approver)
    assert everything() == before


@pytest.mark.parametrize("change", [
    "people = people || 77::bigint",
    "people = people[1:2]",
    "total = total + 1",
    "key = key + 1",
    "number = number + 1",
    "text_id = NULL",
    "account_id = (SELECT id FROM messaging_account ORDER BY id DESC LIMIT 1)",
])  # fmt: skip
def test_who_gets_what_cannot_be_changed_any_more(cast: Cast, change: str) -> None:
    world.account("vk-geo")
    sending(cast)
    with pytest.raises(IntegrityError, match="frozen when the sending began"):
        sql(f"UPDATE messaging_batch SET {change}")


COPY = """
    INSERT INTO messaging_batch (campaign_id, account_id, text_id, number, rank, people, total, status, key, fence, attempt,
                                 in_doubt, reason, accepted, failed, uncertain, delivered, read)
    SELECT campaign_id, %s, text_id, number + 9, rank, %s, 0, 'queued', key, 0, 0, false, '', 0, 0, 0, 0, 0 FROM messaging_batch
"""


def test_a_batch_of_more_than_a_hundred_is_refused(cast: Cast) -> None:
    sending(cast)
    with pytest.raises(IntegrityError, match="at most 100 people"):
        sql(COPY, cast.account.pk, [*range(101)])


def test_one_batch_too_large_among_others_is_refused_with_all(cast: Cast) -> None:
    world.contacts([*range(1001, 1099)])
    sending(cast)
    one_too_large = "CASE number WHEN 2 THEN array_fill(1::bigint, ARRAY[101]) ELSE people END"
    with pytest.raises(IntegrityError, match="at most 100 people"):
        sql(COPY.replace("rank, %s", f"rank, {one_too_large}"), cast.account.pk)


def test_a_batch_of_a_live_campaign_by_a_drill_account_is_refused(cast: Cast) -> None:
    sending(cast)
    with pytest.raises(IntegrityError, match="drill accounts are for drills only"):
        sql(COPY, world.account(drill=True).pk, [])


@pytest.mark.parametrize("strange", ["b.campaign_id + 1, b.account_id, b.id", "b.campaign_id, b.account_id + 1, b.id",
                                     "b.campaign_id, b.account_id, b.id + 1"])  # fmt: skip
def test_nothing_is_written_of_a_person_but_of_a_batch_of_the_same_campaign_and_account(cast: Cast, strange: str) -> None:
    sending(cast)
    with pytest.raises(IntegrityError, match="of a batch, with its campaign and its account"):
        sql(f"""INSERT INTO messaging_delivery (campaign_id, account_id, batch_id, contact, status, reason, people, at)
                SELECT {strange}, contact, 'accepted', '', 1, now() FROM messaging_batch b, unnest(b.people) AS p (contact)""")
