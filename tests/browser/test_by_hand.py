"""An order run by telephone, as people do it: from the contact card to the report, and the sheet that is printed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, expect_no_barrier, speak
from tests.browser.story import approve, declare

At = Callable[..., Page]
DESK = "Hotel association: by phone"


def expect_readable(page: Page, path: str) -> None:
    """In both languages, without a barrier."""
    for language in ("ru", "en"):
        speak(page, language)
        page.goto(path)
        expect_no_barrier(page)


@pytest.fixture(scope="module")
def campaign(at_screen: At) -> str:
    """A supervisor adds a card and approves what an operator orders of that desk, with the number it expects."""
    operator, supervisor = at_screen("anna"), at_screen("boris")
    supervisor.goto("/accounts/")
    supervisor.get_by_role("link", name=DESK, exact=True).click()
    supervisor.get_by_role("link", name="Contact cards").click()
    supervisor.get_by_label("Position").fill("Night porter of the Giftun")
    supervisor.locator("[name=phone]").fill("+20 65 000 00 99")
    supervisor.get_by_role("button", name="Add the card").click()
    expect(supervisor.locator("main table")).to_contain_text("Night porter of the Giftun")
    expect_no_barrier(supervisor)
    declare(operator)
    operator.get_by_role("link", name=re.compile("^(New campaign|Write the first one)$")).first.click()
    operator.get_by_role("link", name="The alert of 8 November 2015").click()
    for way in operator.locator("[name=accounts]").all():
        way.set_checked(False)
    operator.get_by_label(DESK).check()
    for exception in ("reason", "expires_at"):
        operator.locator(f"[name=exception_{exception}]").fill("")
    operator.get_by_role("button", name="Preview").first.click()
    operator.get_by_role("link", name="Type in what they tell").click()
    operator.get_by_label("At least").fill("4 000")
    operator.get_by_label("At most").fill("6 000")
    operator.get_by_label("Who told it").fill("the duty manager")
    expect_no_barrier(operator)
    operator.get_by_role("button", name="Note it").click()
    expect(operator.locator("main")).to_contain_text(re.compile("4,000–6,000 people, told by the duty manager"))
    operator.get_by_role("button", name="Submit for approval").first.click()
    found = re.search(r"/campaigns/\d+/", operator.url)
    assert found, operator.url
    approve(supervisor, found[0])
    return found[0]


def test_the_sheet_is_printed_with_the_words_in_both_languages(at_screen: At, campaign: str) -> None:
    page = at_screen("anna")
    page.goto(f"{campaign}report/")
    page.get_by_role("link", name="Everything that was said").first.click()
    page.get_by_role("link", name="Work this order").click()
    work = page.url
    page.get_by_role("link", name="Call sheet").click()
    expect(page.locator(".sheet [lang=ru]")).to_contain_text("МИД")
    expect(page.locator(".sheet [lang=en]")).to_contain_text("Egypt")
    assert page.locator(".callee .box").count() >= 7
    page.emulate_media(media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    expect(page.locator(".rail")).to_be_hidden()
    page.emulate_media(media="screen")
    sheet = page.url
    for path in (work, sheet):
        expect_readable(page, path)
    narrow = at_screen("anna", viewport=NARROW, dark=True)
    for path in (work, sheet, "/accounts/"):
        narrow.goto(path)
        expect_no_barrier(narrow)


def test_an_order_is_run_by_telephone_from_the_card_to_the_report(at_screen: At, campaign: str) -> None:
    page = at_screen("anna")
    page.goto("/")
    page.locator(".waiting").get_by_role("link", name=re.compile(f"^Ask {DESK}")).first.click()
    expect(page.locator("main table")).to_contain_text("+20 65 000 00 99")
    page.get_by_label("What else was said").first.fill("He calls back")
    page.get_by_role("button", name="Nobody answered").click()
    expect(page.locator("main")).to_contain_text("Noted: no answer. Call the next one.")
    page.get_by_role("button", name="Asked", exact=True).click()
    page.get_by_label("Accepted in part").check()
    page.get_by_label("to fewer people").check()
    page.get_by_role("button", name="Note the answer").click()
    page.get_by_label("People they found").fill("5 000")
    page.get_by_label("People they wrote to or called").fill("5 100")
    page.get_by_label("Who told it").fill("Letter No 12")
    page.get_by_role("button", name="Note the numbers").click()
    expect(page.locator(".error-summary")).to_contain_text(
        "They cannot have sent to more people than they found. (5,100 > 5,000)"
    )
    expect_no_barrier(page)
    page.get_by_label("People they wrote to or called").fill("4 900")
    page.get_by_label("They have finished").check()
    page.get_by_role("button", name="Note the numbers").click()
    expect(page.locator("main")).to_contain_text("Noted: what they told.")
    page.goto(f"{campaign}report/")
    expect(page.locator("main")).to_contain_text("As told by Letter No 12")
    expect(page.locator("main")).to_contain_text(re.compile("the decision took"))
    expect(page.locator("main")).to_contain_text("4,900")
