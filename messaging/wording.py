"""Templates to begin a text from, in Russian and English, each with its correction: the words that put it right.

Blanks are written [like this]; a text that still holds one cannot be submitted. The holding message has none that the console
cannot fill by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.models import Kind, Text

LANGUAGES = ("ru", "en")
BLANK = re.compile(r"\[[^\]\n]{2,80}\]")


class Words(NamedTuple):
    """The public words in one language, by the names that a text has for them."""

    headline: str
    body: str
    instruction: str = ""

    @classmethod
    def of(cls, text: Text) -> Self:
        return cls(*(getattr(text, name) for name in cls._fields))

    def stripped(self) -> Self:
        return type(self)(*map(str.strip, self))


@dataclass(frozen=True, slots=True)
class Template:
    """`corrected_by` is the slug of the template that puts right what this one said."""

    slug: str
    label: Promise
    kind: Kind
    corrected_by: str
    words: dict[str, Words]

    @property
    def correction(self) -> Template:
        """The template whose words put this one's right."""
        return TEMPLATES[self.corrected_by]


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
            "correction",
            {
                "ru": Words(
                    "МИД России. [Что произошло]",
                    "Ситуационно-кризисный центр МИД России знает об этом и собирает сведения. Сообщение предназначено "
                    "гражданам России, находящимся в стране: [страна]. [Когда следующее сообщение] "
                    "Сообщение действует до: [действует до].",
                    "[Что делать сейчас] Сообщите близким, где вы. [Горячая линия]",
                ),
                "en": Words(
                    "Russian Foreign Ministry. [What happened]",
                    "The Situational Crisis Center of the Ministry of Foreign Affairs of Russia knows of this and is gathering "
                    "facts. This message is for citizens of Russia who are in: [country]. [When the next message comes] "
                    "This message is valid until: [valid until].",
                    "[What to do now] Tell your family where you are. [Hotline]",
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
            "correction",
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
            "correction",
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
            "drill-correction",
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
        Template(
            "drill-correction",
            _("Correction of a drill"),
            Kind.UPDATE,
            "drill-correction",
            {
                "ru": Words(
                    "УЧЕНИЕ: исправление",
                    "УЧЕНИЕ. В учебном сообщении Ситуационно-кризисного центра МИД России от [дата, время, часовой пояс] была "
                    "ошибка. Неверно: [что было сказано]. Верно: [как на самом деле]. Ничего не произошло.",
                    "Делать ничего не нужно.",
                ),
                "en": Words(
                    "EXERCISE: correction",
                    "EXERCISE. The exercise message of the Situational Crisis Center of the Ministry of Foreign Affairs "
                    "of Russia of [date, time, time zone] contained an error. Wrong: [what was said]. Right: [what is true]. "
                    "Nothing has happened.",
                    "You do not need to do anything.",
                ),
            },
        ),
    )
}
