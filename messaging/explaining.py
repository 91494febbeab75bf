"""What a person who expected no message has to find in it: why they got it, who writes, until when it holds, how to verify it.

Where others find the people, a platform or a duty desk, these sentences go with the words, and are approved and kept with them.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import override

from audiences.criteria import Criteria
from audiences.criteria.words import instant
from crisis.clock import now
from crisis.language import country_name
from messaging.channels import WORDING
from messaging.models import Account, Campaign, Text

WHY_YOU = {
    "ru": "Почему вы это получили: {found}{place}; министерство ваших данных не получало.",
    "en": "Why you got this: {found}{place}; the ministry did not receive your data.",
}
FOUND = {
    "delegated": {"ru": "платформа сама нашла вас", "en": "the platform found you by itself"},
    "manual": {"ru": "вас нашли те, кто это передаёт", "en": "those who pass this on found you"},
}
WHO = {
    "ru": "Пишет Ситуационно-кризисный центр МИД России.",
    "en": "This is the Crisis Center of the Ministry of Foreign Affairs of Russia.",
}
VALID_UNTIL = {"ru": "Действует до: {until}.", "en": "Valid until: {until}."}
VERIFY = {"ru": "Как проверить: наберите www.{site} сами.", "en": "How to verify: type www.{site} yourself."}


def wording(text: Text, account: Account) -> dict[str, str]:
    """The sentences in the text's language by their names of WORDING; none where we find the people ourselves."""
    found_by, language = FOUND.get(account.channel.kind), text.language if text.language in WHO else "en"
    if found_by is None:
        return {}
    campaign = text.campaign if text.campaign_id else None
    ends_at = campaign.not_after if campaign else now()  # a text that is only being typed needs the room already
    with override(language):
        until = instant(ends_at) if ends_at else ""
        found = {
            "why_you": WHY_YOU[language].format(found=found_by[language], place=_place(campaign)),
            "who": WHO[language],
            "valid_until": VALID_UNTIL[language].format(until=until) if until else "",
            "verify": VERIFY[language].format(site=settings.LINK_DOMAINS[0]),
        }
    return {part: found[part] for part in WORDING if found[part]}


def explained(whole: str, text: Text, account: Account) -> str:
    """The words with those of the sentences behind them that do not stand in them already."""
    missing = [sentence for sentence in wording(text, account).values() if sentence not in whole]
    return "\n\n".join([whole, "\n".join(missing)]) if missing else whole


def kept(texts: Mapping[str, tuple[Text, str]], account: Account) -> dict[str, dict[str, str]]:
    """Language → the sentences its approved body holds. None at all when one does not hold them all."""
    found = {language: wording(text, account) for language, (text, _body) in texts.items()}
    whole = all(
        set(parts) == {*WORDING} and all(sentence in texts[language][1] for sentence in parts.values())
        for language, parts in found.items()
    )
    return found if whole else {}


def _place(campaign: Campaign | None) -> str:
    version = campaign.audience_version if campaign else None
    countries = Criteria.from_json(version.criteria).countries if version else ()
    return f" ({', '.join(country_name(code) for code in countries)})" if countries else ""
