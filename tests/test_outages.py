"""What is down in a country: reported, ended, kept, and said to those who write and decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from audiences import outages
from audiences.models import AddressKind, Outage
from crisis.clock import now
from crisis.models import AuditEntry, Country, Incident, User
from crisis.refusal import Refused
from messaging.models import Batch, Campaign, Reached, Status
from messaging.reaching import reach_of
from tests import world
from tests.desk import Desk, url
from tests.reading import foreign

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
VK = AddressKind.VK
PROBLEM = re.compile(r"<p class=\"problem\">.*?</svg>(.*?)</p>", re.DOTALL)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def report(by: User, *codes: str, kind: int = VK, ago: timedelta = HOUR, said_by: str = "the operator") -> list[Outage]:
    countries = Country.objects.filter(pk__in=codes or ["EG"])
    return outages.report(kind, countries, now() - ago, said_by, by=by)


def refused_at(report_or_end: Callable[[], Any]) -> list[str]:
    """The fields that a refusal names; nothing may be left of what was tried."""
    before = [*Outage.objects.values_list()], AuditEntry.objects.count()
    with pytest.raises(Refused) as refused, transaction.atomic():
        report_or_end()
    assert ([*Outage.objects.values_list()], AuditEntry.objects.count()) == before
    return [problem.field for problem in refused.value.problems]


def test_it_is_noted_who_says_so_and_who_entered_it(anna: User) -> None:
    (outage,) = report(anna)
    assert (outage.kind, outage.country, outage.said_by, outage.entered_by) == (VK, "EG", "the operator", anna)
    entry = AuditEntry.objects.get(action="outage.report")
    assert (entry.by, entry.data["kind"], entry.data["country"]) == (anna, "vk", "EG")


def test_it_is_said_with_its_country_and_its_time(anna: User) -> None:
    (outage,) = report(anna)
    assert outages.described(outage).startswith("VK unreachable from Egypt since ")


def test_the_logs_of_the_incidents_there_say_it_and_no_others(anna: User) -> None:
    here, drill, elsewhere = world.incident(anna), world.incident(anna, drill=True), world.incident(anna, countries=("TR",))
    outages.end(report(anna)[0], now(), by=anna)
    told = [[line.text.partition(" ")[0] for line in row.log.all()][:-1] for row in (here, drill, elsewhere)]
    assert told == [["Over", "Reported:"], ["Over", "Reported:"], []]


def test_it_can_be_reported_for_several_countries_at_once(anna: User) -> None:
    assert {outage.country for outage in report(anna, "EG", "TR")} == {"EG", "TR"}


def test_the_same_is_not_reported_twice_and_then_no_other_country_is_either(anna: User) -> None:
    report(anna, "EG")
    assert refused_at(lambda: report(anna, "BY", "EG", "TR")) == ["kind"]


def test_another_way_and_another_country_are_other_outages(anna: User) -> None:
    report(anna)
    report(anna, "TR")
    report(anna, kind=AddressKind.PHONE)
    assert Outage.objects.count() == 3


def test_what_has_ended_can_be_reported_again(anna: User) -> None:
    (first,) = report(anna)
    outages.end(first, now(), by=anna)
    report(anna)
    assert Outage.objects.filter(until_at=None).count() == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("kind", {"kind": 99}),
        ("since_at", {"ago": -timedelta(minutes=5)}),
        ("said_by", {"said_by": "  "}),
        ("said_by", {"said_by": "a" * 201}),
        ("said_by", {"said_by": "the\noperator"}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(anna: User, field: str, wrong: dict[str, Any]) -> None:
    assert refused_at(lambda: report(anna, **wrong)) == [field]


def test_a_report_without_a_country_is_refused(anna: User) -> None:
    assert refused_at(lambda: outages.report(VK, [], now() - HOUR, "they", by=anna)) == ["countries"]


def test_it_ends_once_and_not_before_it_began_and_not_in_the_future(anna: User) -> None:
    (outage,) = report(anna)
    assert refused_at(lambda: outages.end(outage, outage.since_at - timedelta(seconds=1), by=anna)) == ["until_at"]
    assert refused_at(lambda: outages.end(outage, now() + HOUR, by=anna)) == ["until_at"]
    outages.end(outage, outage.since_at, by=anna)
    assert refused_at(lambda: outages.end(outage, now(), by=anna)) == [""]
    assert Outage.objects.get().ended_by == anna


def test_a_mission_speaks_of_its_own_country_alone(anna: User) -> None:
    (egypt,), (turkey,) = report(anna, "EG"), report(anna, "TR")
    vera = world.place(world.person("vera", "operator"), mission=world.mission("EG"))
    assert refused_at(lambda: report(vera, "EG", "TR", kind=AddressKind.PHONE)) == ["countries"]
    assert refused_at(lambda: outages.end(turkey, now(), by=vera)) == ["until_at"]
    outages.end(egypt, now(), by=vera)
    assert report(vera, "EG")


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_who_sends_nothing_reports_and_ends_nothing(anna: User, role: str) -> None:
    (outage,), other = report(anna), world.person("other", role)
    assert refused_at(lambda: report(other, "TR")) == [""]
    assert refused_at(lambda: outages.end(outage, now(), by=other)) == [""]


@pytest.mark.parametrize(
    "change", ["kind = 2", "country = 'TR'", "since_at = now()", "said_by = 'x'", "until_at = now()", "entered_by_id = 1"]
)
def test_the_database_lets_a_row_change_only_by_ending(anna: User, change: str) -> None:
    report(anna)
    with pytest.raises(IntegrityError), transaction.atomic():
        world.sql(f"UPDATE audiences_outage SET {change}")


def test_the_database_lets_no_ended_row_change_and_none_go(anna: User) -> None:
    outages.end(report(anna)[0], now(), by=anna)
    with pytest.raises(IntegrityError), transaction.atomic():
        Outage.objects.update(until_at=None, ended_by=None)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        world.sql("DELETE FROM audiences_outage")


def test_two_open_ones_of_a_kind_and_country_cannot_be_stored(anna: User) -> None:
    (outage,) = report(anna)
    outage.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        outage.save(force_insert=True)


# What becomes of a campaign.


def counted(campaign: Campaign, desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = reach_of(campaign, now(), {})["accounts"][str(desk.account.pk)]
    return found


def test_whoever_is_cut_off_is_queued_all_the_same(desk: Desk) -> None:
    report(desk.author)
    campaign = desk.sending()
    assert [batch.total for batch in Batch.objects.filter(campaign=campaign)] == [5]


def test_the_reach_of_a_campaign_counts_who_is_written_to_and_says_who_is_cut_off(desk: Desk) -> None:
    before = counted(desk.draft(), desk)
    report(desk.author)
    after = counted(desk.draft(), desk)
    assert "cut_off" not in before
    assert (before["people"], after["people"]) == (5, 5)
    assert [(row["country"], row["people"]) for row in after["cut_off"]] == [("EG", 5)]


@pytest.mark.parametrize("begins", [True, False])
def test_an_outage_that_begins_or_ends_after_submit_holds_nothing_back(desk: Desk, begins: bool) -> None:
    world.contacts([*range(100, 400)])
    earlier = [] if begins else report(desk.author)
    campaign = desk.submitted()
    if begins:
        report(desk.author)
    else:
        outages.end(earlier[0], now(), by=desk.author)
    assert world.approve(campaign, desk.chief).status == Status.SENDING


def test_a_follow_up_counts_as_cut_off_only_whom_it_writes_to(desk: Desk) -> None:
    first = desk.sending()
    Batch.objects.filter(campaign=first).update(status="done", accepted=0)
    Campaign.objects.filter(pk=first.pk).update(status=Status.SENT)
    first.refresh_from_db()
    report(desk.author)
    follow_up = desk.draft(refers_to=first, to_reached=Reached.ONLY, kind="Update")
    assert (counted(follow_up, desk)["people"], counted(follow_up, desk).get("cut_off")) == (0, None)


# On the pages.


def page(screen: Client, address: str) -> str:
    return screen.get(address).content.decode()


@pytest.mark.parametrize("which", ["preview", "decision"])
def test_who_writes_and_who_decides_read_what_is_down_and_for_how_many(desk: Desk, which: str) -> None:
    report(desk.author)
    shown = page(desk.at_chief, url(desk.submitted(), f"{which}/"))
    assert "VK unreachable from Egypt since " in shown
    assert "5 people are written to that way, but will probably not see it in time." in shown
    assert "5 of them will probably see it late" in shown


def test_the_live_page_says_what_went_down_since(desk: Desk) -> None:
    campaign = desk.sending()
    report(desk.author)
    assert "VK unreachable from Egypt" in page(desk.at_author, url(campaign, "live/"))


def test_what_has_ended_is_not_warned_of(desk: Desk) -> None:
    earlier = report(desk.author)
    campaign = desk.submitted()
    outages.end(earlier[0], now(), by=desk.author)
    assert "will probably not see it" not in page(desk.at_chief, url(campaign, "preview/"))


def test_whom_a_platform_finds_by_itself_nobody_can_count(desk: Desk) -> None:
    report(desk.author)
    sentence = "those whom a platform finds by itself, nobody can say"
    ours = desk.draft()
    desk.account = world.account("vk-geo")
    theirs = desk.draft()
    shown = [page(desk.at_author, url(campaign, "preview/")) for campaign in (ours, theirs)]
    assert [sentence in one for one in shown] == [False, True]


def test_what_is_down_elsewhere_warns_of_nothing(desk: Desk) -> None:
    report(desk.author, "TR")
    assert "unreachable" not in page(desk.at_chief, url(desk.submitted(), "preview/"))


def test_an_audience_shows_whom_an_outage_takes_from_its_reach(desk: Desk) -> None:
    report(desk.author)
    audience = world.audience(desk.author).audience
    shown = page(desk.at_author, reverse("audience_detail", args=[audience.pk]))
    assert "5 people last seen there are not counted as reached by it" in shown
    assert '<b class="num">0</b> of 5 can be reached at all' in shown


def test_the_report_says_how_many_were_cut_off_when_it_was_submitted(desk: Desk) -> None:
    report(desk.author)
    shown = desk.at_author.get(url(desk.sending(), "report.csv")).content.decode()
    assert "written to though the way was down where they were" in shown


def typed(**changes: Any) -> dict[str, Any]:
    return {"kind": "1", "countries": ["Egypt"], "since_at": "2026-01-01T09:10", "said_by": "the operator", **changes}


def at(desk: Desk, verb: str = "", *more: int, incident: Incident | None = None) -> str:
    about = incident or desk.incident
    return reverse(verb or "incident_detail", args=[about.pk, *more])


def test_the_form_knows_the_country_and_the_time(desk: Desk) -> None:
    shown = page(desk.at_author, at(desk))
    assert 'name="countries" value="Egypt"' in shown
    assert f'name="since_at" value="{localtime(now()):%Y-%m-%dT}' in shown


def test_it_is_reported_and_ended_on_the_page_of_the_incident(desk: Desk) -> None:
    desk.at_author.post(at(desk, "outage_report"), typed())
    outage = Outage.objects.get()
    assert outage.since_at == datetime(2026, 1, 1, 6, 10, tzinfo=UTC)  # typed as Moscow's
    assert "VK unreachable from Egypt since " in page(desk.at_author, at(desk))
    answer = desk.at_author.post(at(desk, "outage_end", outage.pk), {"until_at": "2026-01-01T11:00"}, follow=True)
    assert "What did not work earlier" in answer.content.decode()
    assert Outage.objects.get().until_at is not None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"countries": ["Atlantis"]}, "No country is called “Atlantis”"),
        ({"countries": []}, "Choose at least one country."),
        ({"since_at": "2098-01-01T09:10"}, "This time has not come yet"),
        ({"since_at": "at nine"}, "This is no date and time."),
        ({"since_at": ""}, "Say since when it does not work."),
        ({"kind": "99"}, "Select a valid choice"),
        ({"said_by": ""}, "Say who says so"),
    ],
)
def test_what_was_typed_wrong_comes_back_with_its_sentence_and_nothing_is_noted(
    desk: Desk, changes: dict[str, Any], sentence: str
) -> None:
    answer = desk.at_author.post(at(desk, "outage_report"), typed(**changes))
    assert (answer.status_code, Outage.objects.count()) == (422, 0)
    assert sentence in answer.content.decode()


def test_an_end_before_the_beginning_comes_back_at_its_row(desk: Desk) -> None:
    (outage,) = report(desk.author)
    answer = desk.at_author.post(at(desk, "outage_end", outage.pk), {"until_at": "2015-01-01T11:00"})
    assert answer.status_code == 422
    assert "It would end before it began" in answer.content.decode()


def test_a_drill_shows_what_is_down_and_reports_nothing(desk: Desk) -> None:
    (outage,) = report(desk.author)
    drill = world.incident(desk.author, drill=True)
    shown = page(desk.at_author, at(desk, incident=drill))
    assert "VK unreachable from Egypt" in shown
    assert "Report it" not in shown
    answers = [
        desk.at_author.post(at(desk, "outage_report", incident=drill), typed(kind="2")),
        desk.at_author.post(at(desk, "outage_end", outage.pk, incident=drill), {"until_at": "2026-01-01T11:00"}),
    ]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert Outage.objects.filter(until_at=None).count() == 1


def test_an_auditor_reads_it_and_has_no_button(desk: Desk, client_of: Callable[[User], Client]) -> None:
    report(desk.author)
    shown = page(client_of(world.person("dina", "auditor")), at(desk))
    assert "VK unreachable from Egypt" in shown
    assert "It works again" not in shown


def test_what_is_down_far_away_can_be_ended_from_any_incident(desk: Desk) -> None:
    report(desk.author, "TR")
    shown = page(desk.at_author, at(desk))
    assert "VK unreachable from Türkiye" in shown
    assert "It works again" in shown


def test_what_is_typed_wrong_is_answered_in_russian(desk: Desk, settings: Any) -> None:
    settings.LANGUAGE_CODE = desk.author.language = "ru"
    desk.author.save(update_fields=["language"])
    (outage,) = report(desk.author)
    wrong = typed(kind="9", countries=["Нигде"], since_at="вчера", said_by="")
    late = typed(countries=["Египет"], since_at="2098-01-01T09:10", said_by="а" * 201)
    again = typed(countries=["Египет"], said_by="МИД")
    answers = [desk.at_author.post(at(desk, "outage_report"), sent) for sent in (wrong, late, again)]
    for until in ("вчера", "2015-01-01T00:00", "2098-01-01T00:00"):
        answers.append(desk.at_author.post(at(desk, "outage_end", outage.pk), {"until_at": until}))
    assert {answer.status_code for answer in answers} == {422}
    sentences = [found for answer in answers for found in PROBLEM.findall(answer.content.decode())]
    assert len(sentences) == 10
    assert [foreign(sentence, known=frozenset({"VK"})) for sentence in sentences] == [[]] * 10
