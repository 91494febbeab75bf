"""November 2015 by hand: an operator and a supervisor in two browsers, against real processes and simulated platforms."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.story import approve, declare, submit

At = Callable[..., Page]
ACCEPTED = re.compile("5,820 of (5,820|6,000) people accepted by VK")  # who refused an earlier message is not asked again


def test_an_operator_drafts_a_supervisor_approves_and_both_watch_it_arrive(at_screen: At) -> None:
    operator, supervisor = at_screen("anna"), at_screen("boris")
    declare(operator)
    campaign = submit(operator)
    supervisor.goto("/")
    expect(supervisor.locator(".waiting")).to_contain_text("waits for your approval")
    approve(supervisor, campaign)
    operator.goto(f"{campaign}live/")
    for page in (operator, supervisor):  # without a click: the page asks by itself
        expect(page.locator("main")).to_contain_text(ACCEPTED, timeout=60_000)
        expect(page.locator("main")).to_contain_text("19,400 sent of 20,000 people", timeout=60_000)
    operator.goto(f"{campaign}report/")
    expect(operator.locator("main")).to_contain_text("of an estimated 80,000 nationals")


def test_an_operator_stops_a_second_campaign_and_the_page_says_how_many_will_not_get_it(at_screen: At) -> None:
    operator, supervisor = at_screen("anna"), at_screen("boris")
    declare(operator)
    campaign = submit(operator)
    approve(supervisor, campaign)
    operator.goto(f"{campaign}live/")
    operator.get_by_role("button", name="Stop sending").click()
    operator.get_by_role("button", name="Stop sending to Egypt").click()
    expect(operator.locator("main")).to_contain_text(re.compile(r"[\d,]+ (people )?(had|will not)"))
    expect(operator.locator("main .tag").first).to_contain_text("stopped")


def test_the_author_is_not_offered_the_decision(at_screen: At) -> None:
    operator = at_screen("anna")
    declare(operator)
    operator.goto(f"{submit(operator)}decision/")
    expect(operator.locator("main")).to_contain_text("another person has to approve it")
    expect(operator.get_by_role("button", name=re.compile("^Send now"))).to_have_count(0)
