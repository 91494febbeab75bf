"""What stands behind the words where others find the people: why you, who writes, until when, how to verify."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from messaging import checking, explaining
from messaging.channels import WORDING
from messaging.delivery.orders.asking import request_of
from messaging.models import Order, Text
from tests import world
from tests.stages import Cast

pytestmark = pytest.mark.django_db
END = datetime(2015, 11, 10, 9, tzinfo=UTC)
RUSSIAN = [
    "Почему вы это получили: платформа сама нашла вас (Египет); министерство ваших данных не получало.",
    "Пишет Ситуационно-кризисный центр МИД России.",
    "Действует до: 10 ноября 2015, 12:00 (Москва).",
    "Как проверить: наберите www.mid.ru сами.",
]


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast()


def text(cast: Cast, language: str = "ru", body: str = "Уезжайте.") -> Text:
    """A text of a draft that ends on 10 November 2015."""
    campaign = cast.draft(accounts=[cast.account])
    campaign.not_after = END
    return Text(campaign=campaign, language=language, body=body)


def test_a_platform_s_text_says_why_who_until_when_and_how_to_verify(cast: Cast) -> None:
    assert [*explaining.wording(text(cast), world.account("vk-geo")).values()] == RUSSIAN
    english = explaining.wording(text(cast, "en"), world.account("operator-roaming"))
    assert english["valid_until"] == "Valid until: 10 November 2015, 12:00 (Moscow)."
    assert tuple(english) == WORDING


def test_it_stands_behind_the_words_and_once(cast: Cast) -> None:
    geo = world.account("vk-geo")
    assert checking.render(text(cast), geo, drill=False) == "Уезжайте.\n\n" + "\n".join(RUSSIAN)
    typed = text(cast, body=f"{RUSSIAN[3]} Уезжайте.")
    assert checking.render(typed, geo, drill=False).count(RUSSIAN[3]) == 1


def test_we_do_not_explain_what_we_send_ourselves(cast: Cast) -> None:
    assert checking.render(text(cast), cast.account, drill=False) == "Уезжайте."


def test_room_is_kept_for_it_while_a_text_is_typed() -> None:
    geo: Any = SimpleNamespace(channel=SimpleNamespace(kind="delegated"))
    assert set(explaining.wording(Text(language="ru", body="·"), geo)) == {*WORDING}


def test_an_order_names_what_the_platform_has_to_keep(cast: Cast) -> None:
    campaign = world.approve(cast.submitted(accounts=[world.account("vk-geo")]), cast.approver)
    request = request_of(Order.objects.get(batch__campaign=campaign))
    assert set(request.wording) == set(request.texts)
    for language, parts in request.wording.items():
        assert all(sentence in request.texts[language] for sentence in parts.values())


def test_an_order_names_no_wording_that_its_words_do_not_hold(cast: Cast) -> None:
    assert explaining.kept({"ru": (text(cast), "Уезжайте.")}, world.account("vk-geo")) == {}
