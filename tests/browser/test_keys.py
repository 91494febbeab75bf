"""A program and its key, as two administrators make them: which sources it feeds is chosen by one and read by the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, expect_no_barrier

At = Callable[..., Page]
SOURCE = "История о Египте (вымысел)"


def confirm(page: Page, change: str) -> None:
    page.goto(change)
    button = page.get_by_role("button", name=re.compile("^(Confirm this change|Подтвердить это изменение)$"))
    button.click()
    expect(button).to_have_count(0)


def test_two_administrators_make_a_key_that_feeds_one_source(at_screen: At) -> None:
    gleb, inna = at_screen("gleb"), at_screen("inna", language="ru", viewport=NARROW, dark=True)
    gleb.goto("/clients/new/")
    gleb.get_by_label("What it is called").fill("Carrier")
    gleb.get_by_label("Why").fill("It knows who is on board.")
    gleb.get_by_role("button", name="Propose this client").click()
    expect(gleb.locator("main")).to_contain_text("You proposed this")
    confirm(inna, gleb.url)
    gleb.goto("/clients/")
    gleb.get_by_role("link", name=re.compile("^Propose a key")).click()
    expect_no_barrier(gleb)
    gleb.get_by_label("say who will travel where").check()
    gleb.get_by_label("Last day on which it opens").fill(f"{date.today() + timedelta(days=30)}")
    gleb.get_by_label("Why").fill("Lists of passengers.")
    gleb.get_by_role("button", name="Propose this key").click()
    expect(gleb.locator(".error-summary")).to_contain_text("Choose the sources that the key may feed.")
    gleb.get_by_label(SOURCE).check()
    gleb.get_by_role("button", name="Propose this key").click()
    expect(gleb.locator("main")).to_contain_text(f"It feeds these sources alone: {SOURCE}.")
    inna.goto(gleb.url)
    expect(inna.locator("main")).to_contain_text(f"Сведения принимаются только от этих источников: {SOURCE}.")
    expect_no_barrier(inna)
    confirm(inna, gleb.url)
    expect(inna.locator("main")).to_contain_text(re.compile(r"crisis_[0-9a-f]{8}_"))
    inna.goto("/clients/")
    expect(inna.locator("main")).to_contain_text(f"Источники: {SOURCE}")
    expect_no_barrier(inna)
