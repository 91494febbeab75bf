"""How much a duty officer has to do from opening the declare page until the holding message waits for approval."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.story import withdraw

At = Callable[..., Page]
MOST_CLICKS, MOST_TYPED = 6, 2


class Hand:
    """A hand on the mouse and the keyboard, and what it has done so far. Choosing from a list is two clicks."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.typed = page, 0, 0

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.clicks += 1

    def answer(self, words: str) -> None:
        self.page.locator("label", has_text=words).first.click()
        self.clicks += 1

    def choose(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(value)
        self.clicks += 2

    def write(self, field: str, words: str) -> None:
        self.page.locator(field).click()
        self.page.keyboard.type(words)
        self.clicks, self.typed = self.clicks + 1, self.typed + 1


def test_from_declaring_to_a_submitted_holding_message_takes_few_clicks_and_few_words(at_screen: At) -> None:
    page = at_screen("anna")
    page.goto("/incidents/declare/")
    hand = Hand(page)
    hand.write("#id_countries", "Turkey")
    hand.choose("What is it?", "Geo")
    hand.answer("Lives are in danger")
    expect(page.locator("#holding-shown")).to_contain_text("Türkiye: reports of a natural disaster")
    expect(page.locator("#holding-shown")).to_contain_text("known to us in this audience")
    hand.write("#id_hotline", "+7 495 000-00-00")
    hand.click("Declare and submit the holding message")
    print(f"from declaring to submitted: {hand.clicks} clicks, {hand.typed} typed fields")  # noqa: T201
    expect(page.locator("main")).to_contain_text("waits for approval")
    expect(page.locator("main .tag").first).to_contain_text("waiting for approval")
    assert (hand.clicks <= MOST_CLICKS, hand.typed <= MOST_TYPED) == (True, True)
    found = re.search(r"/campaigns/\d+/", page.url)
    assert found, page.url
    withdraw(page, found[0])  # what the next tests see waits for nobody
