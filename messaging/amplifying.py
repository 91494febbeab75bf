"""Spreading a post that is published already: one address for every way of writing it, and the platform's own word whether it
says what is to be approved. A post may be edited at any time, so the platform compares again when it is asked to spread it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audiences.criteria.words import language_name
from crisis.refusal import Problem
from crisis.templatetags.console import local_time
from messaging import checking
from messaging.channels import ChannelError, PostCheck, text_sha256
from messaging.models import Account, Campaign, Part

Posts = Mapping[int, PostCheck | str]  # account → the platform's word on the post, or why there is none
PATIENCE = 6.0  # seconds; a person waits for the page


def canonical(url: str, accounts: Iterable[Account]) -> str:
    """The one address of the post at the first of these ways that knows it; what nobody knows stays as it was typed."""
    typed = url.strip()
    known = (account.channel.post_address(typed) for account in accounts)
    return next((address for address in known if address), typed)


def problems(campaign: Campaign, posts: Posts) -> list[Problem]:
    """Why the post may not be spread as this message."""
    if not campaign.post_url:
        return []
    spreading = _spreading(campaign)
    if not spreading:
        sentence = _("None of the ways chosen can spread a post. Add one that can, or drop the post.")
        return [Problem("post_url", sentence)]
    found = ((account, _strange(account, campaign.post_url) or _verdict(posts.get(account.pk, ""))) for account in spreading)
    return [Problem("post_url", sentence % {"account": account.label}) for account, sentence in found if sentence]


def _spreading(campaign: Campaign) -> list[Account]:
    return [account for account in campaign.accounts.order_by("pk") if account.channel.amplifies]


def _strange(account: Account, url: str) -> str:
    if account.channel.post_address(url) == url:
        return ""
    return _("This is not the address of a post that %(account)s can spread. Copy it from the post itself.")


def _verdict(word: PostCheck | str) -> str:
    """A platform that said nothing has not said that it is the same."""
    if isinstance(word, str):
        return _("%(account)s did not say whether the post is the same as this message. Try again, or drop the post.")
    if not word.found:
        return _("%(account)s finds no such post. Publish it first, or drop the post.")
    if not word.same:
        return _("%(account)s: the post says something else than this message. Make them the same, or drop the post.")
    return ""


def asked(campaign: Campaign) -> Posts:
    """Have each platform that is to spread the post compare it, all at once. Never in a transaction; nothing is published."""
    url = campaign.post_url
    accounts = [account for account in _spreading(campaign) if not _strange(account, url)] if url else []
    if not accounts:
        return {}
    hashes = [_hashes(campaign, account) for account in accounts]
    found = asyncio.run(_ask(url, accounts, hashes))
    return {account.pk: word for account, word in zip(accounts, found, strict=True)}


def _hashes(campaign: Campaign, account: Account) -> dict[str, str]:
    """Language → digest of what this account would say, word for word."""
    texts = [text for text in campaign.texts.all() if text.part == Part.MAIN]
    said = {text.language: checking.render(text, account, drill=campaign.drill, test=campaign.test) for text in texts}
    return {language: text_sha256({language: words}) for language, words in said.items()}


async def _ask(url: str, accounts: list[Account], hashes: list[dict[str, str]]) -> list[PostCheck | str]:
    return await asyncio.gather(*(_compare(url, *each) for each in zip(accounts, hashes, strict=True)))


async def _compare(url: str, account: Account, hashes: dict[str, str]) -> PostCheck | str:
    try:
        async with asyncio.timeout(PATIENCE), account.connect_delegated() as channel:
            return await channel.check_post(url, hashes)
    except ChannelError as error:
        return error.reason
    except TimeoutError:
        return "timeout"


def kept(posts: Posts) -> dict[str, Any]:
    """What the platforms said, as it is stored with the reach and shown to whoever decides."""
    return {
        str(pk): {"language": word.language, "at": word.at.isoformat()}
        for pk, word in posts.items()
        if isinstance(word, PostCheck) and word.same
    }


def in_words(campaign: Campaign, reach: Mapping[str, Any]) -> str:
    """The address, and which platform said when that it is the same; empty where no post is to be spread."""
    known = reach.get("posts", {})
    if not campaign.post_url:
        return ""
    sentence = _("%(account)s says: word for word the same as the text in %(language)s, %(time)s")
    words = [
        sentence
        % {
            "account": account.label,
            "language": language_name(said["language"]),
            "time": local_time(datetime.fromisoformat(said["at"])),
        }
        for account in campaign.accounts.order_by("pk")
        if (said := known.get(str(account.pk)))
    ]
    return "\n".join([campaign.post_url, *words])
