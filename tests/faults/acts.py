"""What people, workers, the sweeper and platforms do in the stories: each act a function of the way by which is sent.

An act that was interrupted is done again, so each goes on from where the database says that things stand.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.db import transaction

from audiences import staff
from audiences.keys import decrypt
from audiences.models import Address, AddressKind, StaffMember
from crisis import incidents
from crisis.clock import now
from crisis.models import AdminAction, Duty, Incident, User
from crisis.power import changing
from crisis.refusal import Refused
from messaging import delivery, hooks, jobs, standing, workflow
from messaging.channels import Report
from messaging.delivery import restoring, sending
from messaging.models import (
    Account,
    Campaign,
    GlassBreak,
    Lane,
    Playbook,
    PlaybookVersion,
    ReachException,
    Status,
    WhenUncertain,
)
from messaging.models.accounts import address_kind_of
from messaging.reaching import reach_of
from messaging.workflow.breaking_glass import break_glass, review
from messaging.workflow.preparing import approve_playbook, prepare, retire, revise
from tests import prepared, world
from tests.correcting import RIGHT, written
from tests.faults import naive
from tests.faults.order_acts import (
    ask_the_desk as ask_the_desk,
)
from tests.faults.order_acts import (
    cancel_the_order as cancel_the_order,
)
from tests.faults.order_acts import (
    expect_people as expect_people,
)
from tests.faults.order_acts import (
    go_on_without_it as go_on_without_it,
)
from tests.faults.order_acts import (
    hear_the_desk as hear_the_desk,
)
from tests.faults.order_acts import (
    remind_of_the_order as remind_of_the_order,
)
from tests.faults.order_acts import (
    say_what_cannot_be as say_what_cannot_be,
)
from tests.faults.order_acts import (
    stop_the_desk as stop_the_desk,
)
from tests.faults.order_acts import (
    write_to_a_desk as write_to_a_desk,
)
from tests.faults.stories import ARRIVED

REASON = "People may die within the next hours."
GEO = "vk-geo"


def who(name: str) -> User:
    return User.objects.get(username=name)


def account(slug: str, *, drill: bool = False) -> Account:
    return Account.objects.get(slug=slug, drill=drill)


def newest() -> Campaign:
    return Campaign.objects.order_by("-pk")[0]


# Writing and deciding


def _write(*ways: Account, drill: bool = False, **changes: Any) -> None:
    """A draft, unless there is one."""
    if Campaign.objects.filter(drill=drill).exists():
        return
    anna = who("anna")
    about = Incident.objects.filter(drill=drill).first() or world.incident(anna, drill=drill)
    workflow.draft(about, world.content(*ways, version=world.audience(anna), **changes), by=anna)


def write(slug: str) -> None:
    _write(account(slug))


def write_to_resend(slug: str) -> None:
    _write(account(slug), when_uncertain=WhenUncertain.RESEND)


def write_to_hold(slug: str) -> None:
    _write(account(slug), when_uncertain=WhenUncertain.HOLD)


def write_for_later(slug: str) -> None:
    _write(account(slug), starts_at=now() + timedelta(minutes=10))


def write_at_a_pace(slug: str) -> None:
    """Four people in a turn, a turn every five minutes."""
    _write(account(slug), pace=8)


def write_with_an_exception(slug: str) -> None:
    _write(account(slug), account(GEO), exception_reason=REASON, exception_expires_at=now() + timedelta(hours=24))


def write_a_drill(slug: str) -> None:
    _write(account("vk-direct", drill=True), drill=True)


def edit(slug: str) -> None:
    campaign = newest()
    right = {lang: words._replace(body=f"{words.body} No. {campaign.pk}.") for lang, words in world.WORDS.items()}
    if campaign.corrects_id:
        right = {lang: words._replace(body=f"{words.body} No. {campaign.pk}.") for lang, words in RIGHT.items()}
    content = replace(written(campaign), texts=right, pace=None, when_uncertain=WhenUncertain(campaign.when_uncertain))
    workflow.edit(campaign, content, seen_at=campaign.updated_at, by=who("anna"))


def reword(slug: str) -> None:
    workflow.reword(newest(), RIGHT, "", seen_at=newest().updated_at, by=who("anna"))


def submit(slug: str) -> None:
    workflow.submit(newest(), by=who("anna"))


def withdraw(slug: str) -> None:
    workflow.withdraw(newest(), by=who("anna"))


def send_back(slug: str) -> None:
    workflow.send_back(newest(), "Say where to go.", by=who("boris"))


def reject(slug: str) -> None:
    workflow.reject(newest(), "Not needed any more.", by=who("boris"))


def take(slug: str) -> None:
    workflow.take(newest(), by=who("boris"))


def called(slug: str) -> None:
    workflow.called(newest(), who("boris"), reached=True, by=who("anna"))


def approve(slug: str) -> None:
    world.approve(newest(), who("boris"))


def approve_having_seen_fewer(slug: str) -> None:
    """Refused: more people would get it than the page said."""
    campaign = newest()
    seen = {str(one.pk): {"basis": "counted", "people": 2} for one in campaign.accounts.all()}
    reach = {**reach_of(campaign, now(), {}), "accounts": seen}
    fingerprint, overrides = campaign.fingerprint(), world.overrides(campaign)
    workflow.approve(campaign, fingerprint=fingerprint, reach=reach, by=who("boris"), overrides=overrides)


# While it is sent, and after it


def pause(slug: str) -> None:
    workflow.pause(newest(), by=who("anna"))


def resume(slug: str) -> None:
    workflow.resume(newest(), by=who("boris"))


def stop(slug: str) -> None:
    workflow.stop(newest(), by=who("anna"))


def correct(slug: str) -> None:
    workflow.correct(Campaign.objects.order_by("pk")[0], by=who("anna"))


def arrive(slug: str) -> None:
    """Two people who were not there before."""
    kind = AddressKind(address_kind_of(slug) or 0)
    if Address.objects.filter(kind=kind).count() < 14:
        world.contacts([*ARRIVED], kind=kind)


def top_up(slug: str) -> None:
    workflow.newcomers(newest())
    delivery.asked_again(newest())
    workflow.top_up(newest(), by=who("anna"))


def resend(slug: str) -> None:
    workflow.resend(newest(), by=who("anna"))


def leave(slug: str) -> None:
    workflow.leave(newest(), by=who("anna"))


def resume_account(slug: str) -> None:
    standing.resume_account(account(slug), by=who("boris"))


# Machines and platforms


def send(slug: str) -> None:
    """What RQ does with a ring."""
    for lane in account(slug).lanes.order_by("pk"):
        jobs.pump(lane.pk)


def send_slowly(slug: str) -> None:
    """Every request takes so long that it has to be asked anew whether the next may begin."""
    with patch.object(sending, "FRESH", 0.05):
        send(slug)


def order(slug: str) -> None:
    send(GEO)


def sweep(slug: str) -> None:
    delivery.sweep_alone()


def write_back(slug: str) -> None:
    """Somebody asks, somebody takes back what they allowed."""
    one = account(slug)
    rows = Address.objects.filter(kind=one.address_kind or 0).order_by("pk")[:2]
    asks, leaves = (decrypt(row.kind, bytes(row.value_encrypted)) for row in rows)
    reports = [
        Report("event-1", "reply", now(), address=asks, text="help"),
        Report("event-2", "denied", now(), address=leaves),
    ]
    hooks.receive(one, reports)


def restored(slug: str) -> None:
    """What a restore does with what stands in the backup."""
    with transaction.atomic():
        restoring.hold(now())


def mend(slug: str) -> None:
    """What people and machines do once everything works again."""
    for one in Account.objects.exclude(paused_at=None):
        standing.resume_account(one, by=who("boris"))
    for campaign in Campaign.objects.filter(status=Status.PAUSED):
        workflow.resume(campaign, by=who("boris"))
    delivery.sweep_alone()
    for lane in Lane.objects.order_by("pk"):
        jobs.pump(lane.pk)


# Alone, with an exception, with a playbook, in a drill, to colleagues


def prepare_a_playbook(slug: str) -> None:
    if not Playbook.objects.exists():
        prepare("Leaving", ["Transport"], prepared.content(ways=[slug]), by=who("anna"))


def revise_it(slug: str) -> None:
    book = Playbook.objects.get()
    if book.versions.count() == 1:
        revise(book, "Leaving now", ["Transport"], prepared.content(ways=[slug]), by=who("anna"))


def _version() -> PlaybookVersion:
    return PlaybookVersion.objects.order_by("-number")[0]


def approve_it_first(slug: str) -> None:
    approve_playbook(_version(), by=who("vera"))


def approve_it_second(slug: str) -> None:
    approve_playbook(_version(), by=who("zoya"))


def retire_it(slug: str) -> None:
    retire(Playbook.objects.get(), by=who("vera"))


def write_from_it(slug: str) -> None:
    boris = who("boris")
    Duty.objects.get_or_create(
        person=boris, defaults={"from_at": now() - timedelta(hours=1), "until_at": now() + timedelta(hours=8)}
    )
    if not Campaign.objects.exists():
        made = prepared.draft(_version(), world.incident(boris), account(slug), by=boris)
        workflow.submit(made, by=boris)
    elif newest().status == Status.DRAFT:
        workflow.submit(newest(), by=boris)


def send_alone(slug: str) -> None:
    campaign = newest()
    reach, spite = reach_of(campaign, now(), {}), world.overrides(campaign)
    why = "Nobody else answers the phone."
    break_glass(campaign, why, fingerprint=campaign.fingerprint(), reach=reach, by=who("boris"), overrides=spite)


def review_it(slug: str) -> None:
    review(GlassBreak.objects.get(), "right", "It was the only way.", by=who("vera"))


def renew_exception(slug: str) -> None:
    workflow.renew_exception(ReachException.objects.get(), 48, "The danger goes on as it was.", by=who("vera"))


def note_exception(slug: str) -> None:
    workflow.note_exception(ReachException.objects.get(), by=who("dina"))


def revoke_exception(slug: str) -> None:
    workflow.revoke_exception(ReachException.objects.get(), "The danger is over.", by=who("anna"))


def copy_as_live(slug: str) -> None:
    anna = who("anna")
    live = Incident.objects.filter(drill=False).first() or world.incident(anna)
    if not Campaign.objects.filter(drill=False).exists():
        workflow.copy_as_live(newest(), live, by=anna)


def complete_the_copy(slug: str) -> None:
    anna, copy = who("anna"), newest()
    words = {"ru": world.WORDS["ru"]}
    content = world.content(account(slug), version=world.audience(anna), texts=words)
    workflow.edit(copy, content, seen_at=copy.updated_at, by=anna)


def send_a_test(slug: str) -> None:
    kind = AddressKind(address_kind_of(slug) or 0)
    if not StaffMember.objects.exists():
        staff.add("Engineer", kind, "1000", by=who("boris"))
    if not Campaign.objects.exists():
        about = Incident.objects.first() or world.incident(who("anna"))
        workflow.send_test(about, [account(slug)], by=who("anna"))


def take_over(slug: str) -> None:
    workflow.take_over(by=who("boris"))


# The end


def close(slug: str) -> None:
    for about in Incident.objects.exclude(status=Incident.Status.CLOSED):
        incidents.move(about, Incident.Status.CLOSED, by=who("boris"))


def purge(slug: str) -> None:
    """Two administrators want it; who presses again finds it wanted already."""
    known = AdminAction.objects.filter(kind="incident.purge").first()
    about = Incident.objects.get()
    asked = known or changing.propose("incident.purge", data={"incident": about.pk}, why="It is over.", by=who("gleb"))
    with suppress(Refused):
        changing.confirm(asked, by=who("inna"))


# The same by what is often built first


def naive_launch(slug: str) -> None:
    rows = Address.objects.filter(kind=address_kind_of(slug) or 0)
    naive.launch(0, slug, [decrypt(row.kind, bytes(row.value_encrypted)) for row in rows])


def naive_work(slug: str) -> None:
    naive.work()


def naive_mend(slug: str) -> None:
    naive.recover()
