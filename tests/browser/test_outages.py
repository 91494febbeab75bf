"""What does not work where, without a mouse: reported on the page of an incident, met by whoever writes an alert, and ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import expect_no_barrier
from tests.browser.story import declare, submit, withdraw
from tests.browser.test_screen_reader import reach

At = Callable[..., Page]
DOWN = re.compile(r"VK unreachable from Egypt since \d\d:\d\d \(Moscow\)")


@pytest.fixture(scope="module")
def draft(at_screen: At) -> str:
    """The story's alert as it was before anything went down, taken back to be written further."""
    operator = at_screen("anna")
    declare(operator)
    campaign = submit(operator)
    withdraw(operator, campaign)
    return campaign


@contextmanager
def reported(page: Page) -> Iterator[None]:
    """VK is down in Egypt meanwhile, as the officer says by keys alone on the incident's page."""
    declare(page)
    reach(page, page.locator("summary", has_text="Report what does not work"))
    page.keyboard.press("Enter")
    reach(page, page.locator("#outages [name=said_by]"))
    page.keyboard.type("the operator")
    expect_no_barrier(page)
    page.keyboard.press("Enter")
    expect(page.locator("#outages")).to_contain_text(DOWN)
    yield
    page.goto("/")
    reach(page, page.get_by_role("link", name=re.compile("Note that it works again")))
    page.keyboard.press("Enter")
    reach(page, page.get_by_role("button", name="It works again"))
    page.keyboard.press("Enter")
    expect(page.locator("#outages")).to_contain_text("Nothing is reported")


def test_an_outage_is_reported_seen_in_the_preview_and_ended_without_a_mouse(at_screen: At, draft: str) -> None:
    operator = at_screen("anna")
    with reported(operator):
        operator.goto(f"{draft}preview/")
        expect(operator.locator("main")).to_contain_text(re.compile(DOWN.pattern + r": [\d,]+ people are written to that way"))
        expect(operator.locator("main")).to_contain_text(re.compile(r"[\d,]+ of them will probably see it late"))
        expect_no_barrier(operator)
        for path in ("/", "/handover/"):
            operator.goto(path)
            expect(operator.locator("main")).to_contain_text(DOWN)
            expect_no_barrier(operator)
    operator.goto(f"{draft}preview/")
    expect(operator.locator("main")).not_to_contain_text("unreachable")
