"""Spreading a post: one address however it is written, compared by the platform itself, and nothing ordered that differs."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.refusal import Refused
from messaging import amplifying, checking, workflow
from messaging.channels import channel_class
from messaging.models import Account, Campaign, Order
from tests import visits, world
from tests.test_orders import Desk, desk, for_everybody, fresh, platform  # noqa: F401

VK = channel_class("vk-geo")
POST = "https://vk.com/wall-123_456"


@pytest.mark.parametrize("typed", [
    POST, "https://m.vk.com/wall-123_456", "https://vk.ru/wall-123_456?utm_source=mail", "https://www.vk.com/mid?w=wall-123_456",
    "https://vk.com/mid?z=photo-1_2&w=wall-123_456%2Fall", "https://vk.com/wall-123_456/", "https://vk.com/wall-123_456#reply",
])  # fmt: skip
def test_every_way_of_writing_the_address_of_a_post_is_one_address(typed: str) -> None:
    assert VK.post_address(typed) == POST
    assert VK.post_address(VK.post_address(typed)) == POST


@pytest.mark.parametrize("typed", [
    "http://vk.com/wall-123_456", "https://vk.com.example.org/wall-123_456", "https://vk.com@example.org/wall-123_456",
    "https://vk.com:8443/wall-123_456", "https://example.org/?to=https://vk.com/wall-123_456", "https://vk.com/mid",
    "https://vk.com/wall-123", "https://vk.com/wall-1٢3_456", "https://[vk.com/wall-1_2", "wall-123_456", "",
])  # fmt: skip
def test_nothing_else_is_the_address_of_a_post(typed: str) -> None:
    assert VK.post_address(typed) == ""


@given(st.text(max_size=60))
def test_no_text_breaks_it_and_whatever_it_finds_stands_in_vk(typed: str) -> None:
    for url in (typed, f"https://vk.com/{typed}", f"https://vk.com/?w={typed}"):
        found = VK.post_address(url)
        assert found == "" or (found.startswith("https://vk.com/wall") and VK.post_address(found) == found)


def drafted(desk: Desk, url: str = "https://m.vk.com/wall-123_456") -> Campaign:  # noqa: F811
    """A draft that spreads the post, as the platform knows it from here on."""
    return desk.draft(post_url=url, **for_everybody())


def publish(desk: Desk, campaign: Campaign, *, words: str = "", url: str = POST) -> None:  # noqa: F811
    said = words or rendered(campaign)
    desk.platform.control(post={"url": url, "text": said})


def rendered(campaign: Campaign) -> str:
    return checking.render(campaign.texts.get(language="ru"), campaign.accounts.get(), drill=False)


def sentences(campaign: Campaign) -> list[str]:
    return [str(problem.sentence) for problem in amplifying.problems(campaign, amplifying.asked(campaign))]


def test_a_draft_keeps_the_one_address(desk: Desk) -> None:  # noqa: F811
    assert drafted(desk).post_url == POST


def test_what_is_no_address_is_kept_as_typed_and_named(desk: Desk) -> None:  # noqa: F811
    campaign = drafted(desk, "https://example.org/post/1")
    assert campaign.post_url == "https://example.org/post/1"
    assert sentences(campaign) == [f"This is not the address of a post that {desk.account.label} can spread. "
                                   "Copy it from the post itself."]  # fmt: skip


def test_the_same_post_passes_and_is_shown_to_whoever_decides(desk: Desk) -> None:  # noqa: F811
    campaign = drafted(desk)
    publish(desk, campaign)
    assert sentences(campaign) == []
    submitted = workflow.submit(campaign, by=desk.author, posts=amplifying.asked(campaign))
    page = unescape(visits.page(desk.approver, "campaign_decision", submitted.pk))
    assert f"{desk.account.label} says: word for word the same as the text in Russian" in page
    assert POST in page


def silence(desk: Desk, campaign: Campaign) -> None:  # noqa: F811
    desk.platform.control(fail={"status": 503, "method": "posts", "calls": -1})


def edited(desk: Desk, campaign: Campaign) -> None:  # noqa: F811
    publish(desk, campaign, words=f"{rendered(campaign)}!")


def unpublished(desk: Desk, campaign: Campaign) -> None:  # noqa: F811
    publish(desk, campaign, url="https://vk.com/wall-9_9")


@pytest.mark.parametrize(("state", "why"), [
    (silence, "did not say whether the post is the same"), (edited, "says something else than this message"),
    (unpublished, "finds no such post"),
])  # fmt: skip
def test_nothing_is_submitted_while_the_post_is_not_the_message(
    desk: Desk, state: Callable[[Desk, Campaign], None], why: str  # noqa: F811
) -> None:  # fmt: skip
    campaign = drafted(desk)
    state(desk, campaign)
    with pytest.raises(Refused, match=why):
        workflow.submit(campaign, by=desk.author, posts=amplifying.asked(campaign))
    assert Campaign.objects.get().status == "draft"


def test_nothing_is_submitted_when_nobody_was_asked_about_the_post(desk: Desk) -> None:  # noqa: F811
    campaign = drafted(desk)
    publish(desk, campaign)
    with pytest.raises(Refused, match="did not say whether"):
        workflow.submit(campaign, by=desk.author)


def test_a_post_needs_a_way_that_spreads_posts(desk: Desk) -> None:  # noqa: F811
    content = world.content(Account.objects.get(slug="vk-direct"), version=world.audience(desk.author), post_url=POST)
    campaign = workflow.draft(world.incident(desk.author), content, by=desk.author)
    assert sentences(campaign) == ["None of the ways chosen can spread a post. Add one that can, or drop the post."]


def ordered(desk: Desk) -> Order:  # noqa: F811
    campaign = drafted(desk)
    publish(desk, campaign)
    submitted = workflow.submit(campaign, by=desk.author, posts=amplifying.asked(campaign))
    return Order.objects.select_related("batch").get(batch__campaign=world.approve(submitted, desk.approver))


def test_the_platform_is_asked_to_spread_the_one_address(desk: Desk) -> None:  # noqa: F811
    order = ordered(desk)
    desk.pump()
    (line,) = [line for line in desk.platform.lines("order") if line["order_id"] == str(order.pk)]
    assert line["post"] == {"url": POST}


def test_a_post_that_was_edited_after_the_approval_is_not_spread(desk: Desk) -> None:  # noqa: F811
    order = ordered(desk)
    edited(desk, order.batch.campaign)
    desk.pump()
    refused = fresh(order)
    assert (refused.status, refused.reason) == (Order.Status.REFUSED, "post_differs")


def test_another_post_is_shown_to_whoever_read_the_first_one(desk: Desk) -> None:  # noqa: F811
    campaign = drafted(desk)
    publish(desk, campaign)
    submitted = workflow.submit(campaign, by=desk.author, posts=amplifying.asked(campaign))
    workflow.send_back(submitted, "Another post.", by=desk.approver)
    again: Any = Campaign.objects.get()
    other = "https://vk.com/wall-123_789"
    publish(desk, again, url=other)
    content = world.content(desk.account, version=again.audience_version, post_url=other, **for_everybody())
    again = workflow.edit(again, content, seen_at=again.updated_at, by=desk.author)
    workflow.submit(again, by=desk.author, posts=amplifying.asked(again))
    page = visits.page(desk.approver, "campaign_decision", again.pk)
    assert POST in page
    assert other in page
