"""The approval without a mouse and by ear, and the Stop without scripts: names, order, focus, and what speaks by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import NARROW, Demo
from tests.browser.story import approve, declare, submit

At = Callable[..., Page]
# The levels of the headings that somebody who jumps from one to the next meets.
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])"
MOST_STEPS = 60


def reach(page: Page, target: Locator) -> None:
    """Press Tab until this has the focus, as somebody without a mouse does."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} is not reached within {MOST_STEPS} steps")


@pytest.fixture(scope="module")
def waiting(at_screen: At) -> str:
    operator = at_screen("anna")
    declare(operator)
    return submit(operator)


def test_the_first_step_leads_past_the_frame_to_the_content(at_screen: At, waiting: str) -> None:
    supervisor = at_screen("boris")
    supervisor.goto(f"{waiting}decision/")
    supervisor.keyboard.press("Tab")
    supervisor.keyboard.press("Enter")
    expect(supervisor.locator("main")).to_be_focused()


@pytest.mark.parametrize("page", ["decision/", "preview/", ""])
def test_no_heading_is_skipped_and_one_comes_first(at_screen: At, waiting: str, page: str) -> None:
    supervisor = at_screen("boris")
    supervisor.goto(f"{waiting}{page}")
    levels: list[int] = supervisor.evaluate(HEADINGS)
    assert (levels[0], levels.count(1), [b for a, b in pairwise(levels) if b > a + 1]) == (1, 1, [])


def test_the_decision_is_read_in_the_order_it_is_made(at_screen: At, waiting: str) -> None:
    supervisor = at_screen("boris")
    supervisor.goto(f"{waiting}decision/")
    expect(supervisor.locator("main")).to_match_aria_snapshot("""
      - heading /wants to send/ [level=1]
      - region "Word for word"
      - region "Who gets it"
      - region "Shall it go?":
        - heading "Shall it go?" [level=2]
        - checkbox /I understand/
        - paragraph:
          - button /Send now to about .* people in Egypt/
    """)


def test_what_waits_is_said_without_being_asked_for(at_screen: At, waiting: str) -> None:
    supervisor = at_screen("boris")
    supervisor.goto("/")
    expect(supervisor.locator("[aria-live=polite]", has_text=re.compile("waits? for your approval"))).to_have_count(1)


def test_what_is_wrong_is_said_at_once_and_each_line_leads_to_its_field(at_screen: At, waiting: str) -> None:
    operator = at_screen("anna")
    operator.goto("/incidents/declare/")
    operator.get_by_role("button", name="Declare the incident").click()
    summary = operator.get_by_role("alert")
    expect(summary).to_be_focused()
    link = summary.get_by_role("link").first
    link.click()
    named = (link.get_attribute("href") or "#none").removeprefix("#")
    expect(operator.locator(f"#{named}")).to_have_count(1)


def test_the_decision_is_made_by_keyboard_on_a_phone(at_screen: At, waiting: str) -> None:
    supervisor = at_screen("boris", viewport=NARROW)
    supervisor.goto(f"{waiting}decision/")
    for doubt in supervisor.locator("#id_overrides fieldset").all():
        reach(supervisor, doubt.get_by_role("checkbox"))
        supervisor.keyboard.press("Space")
        reach(supervisor, doubt.get_by_role("textbox"))
        supervisor.keyboard.type("The story is told more than once.")
    reach(supervisor, supervisor.get_by_role("checkbox", name=re.compile("I understand")))
    supervisor.keyboard.press("Space")
    reach(supervisor, supervisor.get_by_role("button", name=re.compile("^Send now to about")))
    supervisor.keyboard.press("Enter")
    expect(supervisor).to_have_url(re.compile("live"))
    expect(supervisor.locator("#progress").get_by_role("status")).to_contain_text(re.compile("sending|sent"))


@pytest.fixture
def plain(browser: Browser, demo: Demo, at_screen: At) -> Iterator[Page]:
    """Anna's screen in a browser without scripts."""
    context = browser.new_context(base_url=demo.url, java_script_enabled=False)
    context.add_cookies([{**cookie} for cookie in at_screen("anna").context.cookies()])  # type: ignore[typeddict-item]
    yield context.new_page()
    context.close()


def test_it_is_stopped_without_scripts_from_a_page_that_is_too_old(at_screen: At, plain: Page) -> None:
    operator = at_screen("anna")
    declare(operator)
    campaign = submit(operator)
    approve(at_screen("boris"), campaign)
    plain.goto(f"{campaign}stop/")
    plain.context.clear_cookies(name="csrftoken")
    plain.get_by_role("button", name="Stop sending to Egypt").click()
    expect(plain.locator("main")).to_contain_text("press the button once more")
    plain.get_by_role("button", name="Stop sending to Egypt").click()
    expect(plain.locator("main .tag").first).to_contain_text("stopped")
