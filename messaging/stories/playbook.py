"""The playbook that a demonstration begins with: written by Anna, approved by Boris and Vera, one blank left a language."""

from __future__ import annotations

from crisis.models import Category, User
from messaging.models import Playbook
from messaging.wording import Words
from messaging.workflow.preparing import Prepared, approve_playbook, prepare

NAME = "Вывоз граждан: место сбора"
TEXTS = {
    "ru": Words(
        "МИД России. [страна]: место сбора для вывоза",
        "Сообщение предназначено гражданам России, находящимся в стране: [страна]. Готовится вывоз. "
        "Место и время сбора: [место и время сбора]. Сообщение действует до: [действует до].",
        "Возьмите документы и одну сумку ручной клади. Если не можете прийти, позвоните. [Горячая линия]",
    ),
    "en": Words(
        "Russian Foreign Ministry. [country]: where to gather to be brought home",
        "This message is for citizens of Russia who are in: [country]. They will be brought home. "
        "Place and time to gather: [place and time]. This message is valid until: [valid until].",
        "Bring your documents and one cabin bag. If you cannot come, call. [Hotline]",
    ),
}


def bring(writer: User, approvers: list[User]) -> None:
    """Once: whoever opens the story again changes nothing."""
    if Playbook.objects.exists():
        return
    made = prepare(NAME, [Category.TRANSPORT, Category.SECURITY], Prepared(TEXTS, ["vk-direct"]), by=writer)
    for approver in approvers:
        approve_playbook(made.versions.get(), by=approver)
