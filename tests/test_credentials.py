"""By which name and which secret an account speaks: two administrators say it, and the database holds to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from crisis.models import AdminAction, AuditEntry, User
from crisis.power import changing
from crisis.refusal import Forbidden, Refused
from messaging import credentials
from messaging.models import Account, Lane, Status
from tests import visits, world
from tests.stages import Cast

pytestmark = pytest.mark.django_db


class House:
    """Two administrators and an account."""

    def __init__(self) -> None:
        self.gleb, self.inna, self.account = world.person("gleb", "admin"), world.person("inna", "admin"), world.account()

    def propose(self, handle: str = "100000009", secret_name: str = "VK_NEW", *, by: User | None = None) -> AdminAction:
        data = {**credentials.about(self.account), "handle": handle, "secret_name": secret_name}
        return changing.propose("account.credential", data=data, why="the group moved", by=by or self.gleb)

    def now(self) -> tuple[str, str]:
        row = Account.objects.get(pk=self.account.pk)
        return row.handle, row.secret_name


@pytest.fixture
def house() -> House:
    return House()


def test_nothing_changes_before_another_administrator_confirms(house: House) -> None:
    change = house.propose()
    assert house.now() == ("100000001", "VK_MINISTRY")
    with pytest.raises(Refused, match="You proposed this"):
        changing.confirm(change, by=house.gleb)
    changing.confirm(change, by=house.inna)
    assert house.now() == ("100000009", "VK_NEW")
    row = AuditEntry.objects.get(action="account.credential")
    assert (row.by, row.data["proposed_by"], row.data["old_handle"]) == (house.inna, house.gleb.pk, "100000001")


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
def test_nobody_but_an_administrator_proposes_or_confirms_it(house: House, role: str) -> None:
    other = world.person("other", role)
    with pytest.raises(Forbidden):
        house.propose(by=other)
    with pytest.raises(Forbidden):
        changing.confirm(house.propose(), by=other)


@pytest.mark.parametrize(("handle", "name", "words"), [
    ("", "VK_NEW", "at most 200"), ("x" * 201, "VK_NEW", "at most 200"), ("a\0b", "VK_NEW", "at most 200"),
    ("1", "", "in capitals"), ("1", "vk", "in capitals"), ("1", "VK NEW", "in capitals"), ("1", "V" * 61, "in capitals"),
    ("1", "DRILL_VK", "named DRILL_"), ("100000001", "VK_MINISTRY", "speaks so already"),
    ("100000002", "VK_NEW", "has this name already"),
])  # fmt: skip
def test_it_refuses_what_cannot_be(house: House, handle: str, name: str, words: str) -> None:
    world.account(drill=True)
    with pytest.raises(Refused, match=words):
        house.propose(handle, name)


def test_it_refuses_to_confirm_what_was_changed_meanwhile(house: House) -> None:
    first, second = house.propose(), house.propose("100000010")
    changing.confirm(first, by=house.inna)
    with pytest.raises(Refused, match="changed since this was proposed"):
        changing.confirm(second, by=house.inna)
    assert house.now() == ("100000009", "VK_NEW")


def test_a_sender_is_not_changed_while_it_sends() -> None:
    cast = Cast()
    campaign = cast.at("sending")
    assert campaign.status == Status.SENDING
    with pytest.raises(Refused, match="This account is sending"):
        world.rename(cast.account, "100000009")


@pytest.mark.parametrize("change", ["handle = '100000009'", "secret_name = 'VK_NEW'", "slug = 'vk-geo'"])
def test_the_database_lets_nobody_change_it_alone(house: House, change: str) -> None:
    with pytest.raises(IntegrityError, match="Two persons say how an account logs in"), transaction.atomic():
        world.sql(f"UPDATE messaging_account SET {change} WHERE id = %s", house.account.pk)


def test_a_confirmation_opens_no_other_account_and_no_other_name(house: House) -> None:
    other = world.account("vk-geo")
    changing.confirm(house.propose(), by=house.inna)
    for pk, handle in ((house.account.pk, "666"), (other.pk, "100000009")):
        with pytest.raises(IntegrityError, match="Two persons say"), transaction.atomic():
            world.sql("UPDATE messaging_account SET handle = %s WHERE id = %s", handle, pk)


def test_the_admin_site_changes_neither_and_says_where_to_propose_it(house: House) -> None:
    said = {"label_ru": "ВК", "rate": "10", "answer_minutes": "60", "handle": "666", "secret_name": "EVIL"}
    lanes = {"lanes-TOTAL_FORMS": "0", "lanes-INITIAL_FORMS": "0"}
    where = f"/accounts/{house.account.pk}/credential/"
    assert where in visits.page(house.gleb, "admin:messaging_account_change", house.account.pk)
    visits.post(house.gleb, "admin:messaging_account_change", house.account.pk, **said, **lanes)
    assert (house.now(), Account.objects.get(pk=house.account.pk).label_ru) == (("100000001", "VK_MINISTRY"), "ВК")


def test_it_is_proposed_on_the_page_of_the_account(house: House) -> None:
    assert "/credential/" in visits.page(house.gleb, "account_detail", house.account.pk)
    said: dict[str, Any] = {"handle": "100000009", "secret_name": "VK_NEW", "why": "the group moved"}
    page = visits.post(house.gleb, "account_credential", house.account.pk, **said).content.decode()
    assert ("will speak as 100000009 (before: 100000001)" in page, house.now()) == (True, ("100000001", "VK_MINISTRY"))
    visits.post(house.inna, "adminaction_confirm", AdminAction.objects.get().pk)
    assert house.now() == ("100000009", "VK_NEW")


def test_what_cannot_be_proposed_is_said_beside_its_field(house: House) -> None:
    said = {"handle": "100000009", "secret_name": "DRILL_X", "why": "so"}
    answer = visits.post(house.gleb, "account_credential", house.account.pk, **said)
    assert (answer.status_code, "named DRILL_" in answer.content.decode(), AdminAction.objects.count()) == (422, True, 0)


def test_nobody_removes_an_account_to_make_it_anew(house: House) -> None:
    Lane.objects.all().delete()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        house.account.delete()
    visits.expect_status(403, house.gleb, "admin:messaging_account_delete", house.account.pk)
