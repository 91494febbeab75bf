"""The audience builder in a real browser: countries by mouse on the map and by keyboard in its list, counted at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.story import declare

At = Callable[..., Page]
EGYPT = '[data-code="EG"]'


@pytest.mark.parametrize(("language", "name"), [("en", "Egypt"), ("ru", "Египет")])
def test_a_click_on_the_map_chooses_a_country_and_another_takes_it_back(at_screen: At, language: str, name: str) -> None:
    page = at_screen("anna", language=language)
    page.goto("/audiences/new/")
    page.locator(EGYPT).click()
    expect(page.locator("#audience-count .letter")).to_contain_text(name)
    expect(page.locator(f"{EGYPT}.chosen")).to_have_count(1)
    page.locator(EGYPT).click()
    expect(page.locator("#audience-count .letter")).to_have_count(0)
    expect(page.locator(f"{EGYPT}.chosen")).to_have_count(0)


def test_a_country_typed_is_taken_back_by_a_click(at_screen: At) -> None:
    page = at_screen("anna")
    page.goto("/audiences/new/")
    page.fill("[name=countries] >> nth=0", "Egypt")
    page.keyboard.press("Tab")
    expect(page.locator(f"{EGYPT}.chosen")).to_have_count(1)
    page.locator(EGYPT).click()
    expect(page.locator("[name=countries] >> nth=0")).to_have_value("")


def test_the_keyboard_alone_chooses_a_country_from_the_list_and_saves(at_screen: At) -> None:
    page = at_screen("anna")
    page.goto("/audiences/new/")
    page.locator(".map summary").focus()
    page.keyboard.press("Enter")
    page.locator("#pick-TR").focus()
    page.keyboard.press("Space")
    expect(page.locator("#audience-count .letter")).to_contain_text("Türkiye")
    page.locator("[name=name]").focus()
    page.keyboard.type("People in Türkiye")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("People in Türkiye")
    expect(page.locator(".map .chosen")).to_have_count(1)


def test_a_town_is_suggested_while_it_is_typed_and_its_circle_is_drawn(at_screen: At) -> None:
    page = at_screen("anna")
    page.goto("/audiences/new/")
    page.fill("[name=countries] >> nth=0", "Turkey")
    page.locator("summary", has_text="Part of the country").click()
    page.locator("[name=near]").press_sequentially("Antaky")
    expect(page.locator("#places option")).to_have_count(1, timeout=20_000)
    page.fill("[name=near]", page.locator("#places option").first.get_attribute("value") or "")
    page.fill("[name=km]", "50")
    page.keyboard.press("Tab")
    expect(page.locator("#audience-count .letter")).to_contain_text("up to 50 km from Antakya")
    page.fill("[name=name]", "Around Antakya")
    page.click("main button.primary")
    expect(page.locator(".map .area")).to_have_count(1)


def test_what_was_typed_and_comes_back_is_counted_without_a_touch(at_screen: At) -> None:
    page = at_screen("anna")
    page.goto("/audiences/new/")
    page.locator("[name=countries] >> nth=0").press_sequentially("Turkey")
    expect_counted_again(page, "/audiences/new/", "#audience-count", "Türkiye")


def test_whom_a_draft_that_comes_back_means_is_counted_without_a_touch(at_screen: At) -> None:
    page = at_screen("anna")
    declare(page)
    address = f"{page.url}campaigns/new/?template=blank"
    page.goto(address)
    page.locator('[name=audience][value="1"]').check()
    expect_counted_again(page, address, "#count", re.compile(r"14 days before \d"))


def expect_counted_again(page: Page, address: str, count: str, words: str | re.Pattern[str]) -> None:
    """Leave the page and come back; discarding what was kept counts once more."""
    page.goto("/")
    page.goto(address)
    expect(page.locator(count)).to_contain_text(words)
    page.get_by_role("button", name="Discard it").click()
    expect(page.locator(count)).not_to_contain_text(words)
