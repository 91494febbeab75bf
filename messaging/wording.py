"""Six templates to begin a text from, in Russian and English, each with its pair: the words that correct or end it.

Blanks are written [like this]; a text that still holds one cannot be submitted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.models import Kind

BLANK = re.compile(r"\[[^\]\n]{2,80}\]")


@dataclass(frozen=True, slots=True)
class Words:
    """The public words in one language."""

    headline: str
    body: str
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """`pair` is the slug of the template that corrects or ends what this one says."""

    slug: str
    label: Promise
    kind: Kind
    pair: str
    words: dict[str, Words]


def blanks(text: str) -> list[str]:
    """The blanks nobody has filled yet."""
    return BLANK.findall(text)


TEMPLATES = {
    template.slug: template
    for template in (
        Template(
            "holding",
            _("Holding message"),
            Kind.ALERT,
            "update",
            {
                "ru": Words(
                    "[Что произошло]: МИД России проверяет сведения",
                    "Ситуационно-кризисный центр МИД России знает о происшедшем и собирает сведения. "
                    "Сообщение предназначено гражданам России, находящимся в стране: [страна]. "
                    "Следующее сообщение — [время, часовой пояс].",
                    "Оставайтесь в безопасном месте, следуйте указаниям местных властей и сообщите близким, где вы.",
                ),
                "en": Words(
                    "[What happened]: the Ministry is checking the reports",
                    "The Situational Crisis Center of the Ministry of Foreign Affairs of Russia knows of what happened "
                    "and is gathering facts. This message is for citizens of Russia who are in [country]. "
                    "The next message follows: [time, time zone].",
                    "Stay in a safe place, follow the instructions of the local authorities "
                    "and tell your family where you are.",
                ),
            },
        ),
        Template(
            "update",
            _("Update"),
            Kind.UPDATE,
            "correction",
            {
                "ru": Words(
                    "Уточнение: [что изменилось]",
                    "Это сообщение дополняет то, что Ситуационно-кризисный центр МИД России сообщил "
                    "[дата, время, часовой пояс]. [Что известно теперь].",
                    "[Что делать]. Следующее сообщение — [время, часовой пояс].",
                ),
                "en": Words(
                    "Update: [what has changed]",
                    "This message adds to what the Situational Crisis Center of the Ministry of Foreign Affairs of Russia "
                    "said on [date, time, time zone]. [What is known now].",
                    "[What to do]. The next message follows: [time, time zone].",
                ),
            },
        ),
        Template(
            "correction",
            _("Correction"),
            Kind.UPDATE,
            "cancel",
            {
                "ru": Words(
                    "Исправление: в прошлом сообщении была ошибка",
                    "В сообщении Ситуационно-кризисного центра МИД России от [дата, время, часовой пояс] была ошибка. "
                    "Неверно: [что было сказано]. Верно: [как на самом деле].",
                    "Руководствуйтесь этим сообщением: [что делать].",
                ),
                "en": Words(
                    "Correction: our last message contained an error",
                    "The message of the Situational Crisis Center of the Ministry of Foreign Affairs of Russia "
                    "of [date, time, time zone] contained an error. Wrong: [what was said]. Right: [what is true].",
                    "Go by this message: [what to do].",
                ),
            },
        ),
        Template(
            "cancel",
            _("Cancel"),
            Kind.CANCEL,
            "holding",
            {
                "ru": Words(
                    "Сообщение от [дата, время] отменяется",
                    "Сообщение Ситуационно-кризисного центра МИД России от [дата, время, часовой пояс] отменяется: [почему].",
                    "Не выполняйте то, о чём в нём говорилось. [Что делать вместо этого].",
                ),
                "en": Words(
                    "The message of [date, time] is cancelled",
                    "The message of the Situational Crisis Center of the Ministry of Foreign Affairs of Russia "
                    "of [date, time, time zone] is cancelled: [why].",
                    "Do not do what it said. [What to do instead].",
                ),
            },
        ),
        Template(
            "all-clear",
            _("All-clear"),
            Kind.ALL_CLEAR,
            "correction",
            {
                "ru": Words(
                    "Отбой: [опасность] миновала",
                    "По сведениям [источник], [опасность] миновала [дата, время, часовой пояс]. Сообщения "
                    "Ситуационно-кризисного центра МИД России об этом происшествии больше не действуют.",
                    "[Что можно делать снова].",
                ),
                "en": Words(
                    "All clear: [the danger] is over",
                    "According to [source], [the danger] was over on [date, time, time zone]. The messages of the Situational "
                    "Crisis Center of the Ministry of Foreign Affairs of Russia about this incident are no longer valid.",
                    "[What can be done again].",
                ),
            },
        ),
        Template(
            "drill",
            _("Drill"),
            Kind.ALERT,
            "drill",
            {
                "ru": Words(
                    "УЧЕНИЕ: [название учения]",
                    "УЧЕНИЕ. Это проверка связи Ситуационно-кризисного центра МИД России. Ничего не произошло.",
                    "Делать ничего не нужно.",
                ),
                "en": Words(
                    "EXERCISE: [name of the exercise]",
                    "EXERCISE. This is a check of communications by the Situational Crisis Center "
                    "of the Ministry of Foreign Affairs of Russia. Nothing has happened.",
                    "You do not need to do anything.",
                ),
            },
        ),
    )
}
