"""Which data about people a campaign used: of what a platform finds and sends by itself none, and everybody can see why."""

from __future__ import annotations

import hashlib
import json
from html import unescape
from typing import Any
from urllib.request import urlopen

import pytest
from django.core.management import call_command
from django.test import override_settings

from crisis.models import Incident
from messaging import touched
from messaging.channels.delegated import saying
from messaging.models import Campaign, Order
from messaging.stories import scanning
from tests import visits, world
from tests.test_orders import Desk, desk, for_everybody, platform  # noqa: F401
from tests.test_purge import Closed


@pytest.fixture
def made() -> Closed:
    return Closed()


@pytest.mark.django_db
def test_of_people_written_to_one_by_one_it_says_how_many_and_what_is_kept(made: Closed) -> None:
    (use,) = touched.uses(made.campaign)
    assert (use.people, use.held, use.orders, use.none) == (3, {"deliveries": 3, "refs": 3, "replies": 0}, (), False)
    page = visits.page(made.author, "campaign_data", made.campaign.pk)
    assert "3 people were chosen from our own register" in page
    assert "until the incident is closed and two administrators destroy it" in page


@pytest.mark.django_db
def test_after_the_purge_it_says_when_that_was(made: Closed) -> None:
    made.purged()
    page = visits.page(made.author, "campaign_data", made.campaign.pk)
    assert "What was held about people of this incident was destroyed" in page
    assert "two administrators destroy it" not in page


@pytest.mark.django_db
def test_who_sends_nothing_reads_no_small_number_on_the_page_or_in_the_file(made: Closed) -> None:
    dina = world.person("dina", "auditor")
    assert "fewer than 10" in visits.page(dina, "campaign_data", made.campaign.pk)
    (way,) = json.loads(visits.page(dina, "campaign_data_json", made.campaign.pk))["ways"]
    assert (way["people"], {*way["held"].values()}) == ("fewer than 10", {"fewer than 10"})


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["draft", "submitted"])
def test_what_was_never_sent_used_nothing_yet(made: Closed, status: str) -> None:
    Incident.objects.update(status="open")
    campaign = made.at(status)
    answer = visits.screen_of(made.author).get(f"/campaigns/{campaign.pk}/data/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/campaigns/{campaign.pk}/")


def carried_out(desk: Desk) -> Order:  # noqa: F811
    order = desk.asked(**for_everybody())
    desk.done(order)
    desk.pump(later=5)
    return Order.objects.get(pk=order.pk)


@pytest.mark.usefixtures("committed")
def test_of_an_order_it_shows_word_for_word_what_was_asked_and_says_that_nobody_was_in_it(desk: Desk) -> None:  # noqa: F811
    order = carried_out(desk)
    campaign = Campaign.objects.get()
    (use,) = touched.uses(campaign)
    (asked,) = use.orders
    assert use.none
    assert asked.body
    assert hashlib.sha256(saying.canonical(asked.body)).hexdigest() == order.body_sha256
    page = unescape(visits.page(desk.author, "campaign_data", campaign.pk))
    assert "None. Nobody's address, phone or whereabouts were used" in page
    assert json.dumps(asked.body, ensure_ascii=False, indent=2) in page


@pytest.mark.usefixtures("committed")
def test_what_would_be_said_otherwise_today_is_shown_as_it_was_said(desk: Desk) -> None:  # noqa: F811
    order = carried_out(desk)
    with override_settings(SENDER_NAME="Somebody else"):
        body = touched.uses(Campaign.objects.get())[0].orders[0].body
    assert body == order.body
    assert body
    assert body["sender_name"] != "Somebody else"


@pytest.mark.usefixtures("committed")
def test_what_is_not_what_was_sent_is_not_shown(desk: Desk) -> None:  # noqa: F811
    order = carried_out(desk)
    Order.objects.update(body_sha256="0" * 64)
    assert touched.uses(Campaign.objects.get())[0].orders[0].body is None
    page = unescape(visits.page(desk.author, "campaign_data", order.batch.campaign_id))
    assert "what is kept of it is not what was sent" in page
    assert "0" * 64 in page


@pytest.mark.usefixtures("committed")
def test_a_campaign_by_an_order_leaves_nobody_of_the_platform_anywhere(desk: Desk, tmp_path: Any) -> None:  # noqa: F811
    """Database, Redis, every export, and the webhooks as they came: they stand in the database."""
    order = carried_out(desk)
    campaign = order.batch.campaign_id
    exports = [
        visits.screen_of(desk.author).get(f"/campaigns/{campaign}/{name}").content
        for name in ("data/", "data.json", "report/", "report.json", "report.csv", "record/")
    ]
    exports.append(visits.post(desk.author, "campaign_record_sign", campaign).content)
    call_command("audit_export", out=tmp_path)
    with urlopen(f"{desk.platform.url}/control/identifiers", timeout=10) as answer:
        told = json.load(answer)
    pattern = f"{told['prefix']}[0-9a-f]{{{len(told['identifiers'][0]) - len(told['prefix'])}}}"
    assert all(exports)
    assert scanning.leaks(pattern, [path for path in tmp_path.rglob("*") if path.is_file()], exports) == {}
    assert scanning.leaks(pattern, [], [told["identifiers"][0].encode()]) == {"exports": 1}
