"""Our presence on channels: accounts, and the lanes by which each is pumped."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Self, cast

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from audiences.models import AddressKind
from crisis.language import readers_language
from crisis.lines import ONE_LINE
from crisis.models import Mission
from messaging.channels import CHANNELS, Channel, ChannelError, DelegatedChannel, Setup, channel_class

LABELS = (  # for the catalogue
    gettext_noop("VK: messages"),
    gettext_noop("VK: sends by itself by country"),
    gettext_noop("Mobile operator: writes to its subscribers abroad"),
    gettext_noop("By hand: a duty desk, by phone or letter"),
)

NOWHERE = "http://localhost"  # where nobody is spoken to by a machine


def channel_choices() -> list[tuple[str, str]]:
    """The registered channels. Callable, so that a new channel needs no migration."""
    return [(slug, channel_label(slug)) for slug in CHANNELS]


def channel_label(slug: str) -> str:
    """What a channel is called, in the reader's language: the channel itself knows none."""
    return gettext(channel_class(slug).label)


def by_hand() -> list[str]:
    """The channels that no machine speaks by."""
    return [slug for slug in CHANNELS if not channel_class(slug).networked]


def address_kind_of(slug: str) -> int | None:
    """The number of the address kind a channel writes to, or None where no person is held."""
    kind = channel_class(slug).address_kind
    return AddressKind.named(kind).value if kind else None


def label(in_russian: str, in_english: str) -> str:
    """An account's name in the reader's language."""
    return in_russian if readers_language() == "ru" else in_english or in_russian


@lru_cache(maxsize=1)
def _secrets_file(stamp: float) -> dict[str, str]:
    return cast("dict[str, str]", json.loads(settings.SECRETS_FILE.read_text()))


def secret(name: str) -> str:
    """The value of a named secret: the environment first, then the secrets file. Raises KeyError when there is none."""
    if name in os.environ:
        return os.environ[name]
    if not settings.SECRETS_FILE.is_file():
        raise KeyError(name)
    return _secrets_file(settings.SECRETS_FILE.stat().st_mtime)[name]


class AccountQuerySet(models.QuerySet["Account"]):
    def in_trouble(self) -> Self:
        """Those by which nothing is sent now: paused by somebody, or resting because nobody answers."""
        return self.filter(Q(paused_at__isnull=False) | Q(rests_until__isnull=False))


class Account(models.Model):
    """One account on one channel. The ministry's own (no mission) writes to people; missions only publish."""

    slug = models.CharField(_("channel"), max_length=30, choices=channel_choices)
    label_ru = models.CharField(_("name in Russian"), max_length=100)
    label_en = models.CharField(_("name in English"), max_length=100, blank=True)
    mission = models.ForeignKey(Mission, models.PROTECT, null=True, blank=True, verbose_name=_("mission"))
    handle = models.CharField(_("handle there"), max_length=200)
    secret_name = models.CharField(_("name of its secret"), max_length=60)
    rate = models.PositiveIntegerField(_("requests a second"), null=True, blank=True, validators=[MinValueValidator(1)])
    drill = models.BooleanField(_("for drills"), default=False)
    address_kind = models.PositiveSmallIntegerField(null=True, editable=False)
    answer_minutes = models.PositiveSmallIntegerField(
        _("minutes in which it decides on an order"), default=60, validators=[MinValueValidator(1)]
    )
    follows = models.BooleanField(_("writes to people who follow us"), default=True)  # of a duty desk: only to them
    paused_at = models.DateTimeField(_("paused at"), null=True, editable=False)
    paused_reason = models.CharField(_("why it is paused"), max_length=300, blank=True, editable=False)

    failures = models.PositiveIntegerField(_("unanswered in a row"), default=0, editable=False)  # claims of batches
    rests_until = models.DateTimeField(_("rests until"), null=True, editable=False)  # after too many of these
    rest_reason = models.CharField(_("why it rests"), max_length=60, blank=True, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("account"), _("accounts")
        ordering = ["drill", "slug", "id"]
        constraints = [
            models.UniqueConstraint(
                name="one_sender_of_an_address_kind", fields=["address_kind", "drill"], condition=Q(address_kind__isnull=False)
            ),
            models.UniqueConstraint(name="one_account_a_handle", fields=["slug", "handle"]),
            models.CheckConstraint(
                name="drill_accounts_have_drill_secrets",
                condition=Q(drill=True, secret_name__startswith="DRILL_")  # noqa: S106 (the prefix of a name, no secret)
                | Q(drill=False) & ~Q(secret_name__startswith="DRILL_"),  # noqa: S106 (the prefix of a name, no secret)
            ),
            models.CheckConstraint(
                name="an_accounts_names_are_lines",
                condition=Q(label_ru__regex=ONE_LINE, label_en__regex=ONE_LINE, handle__regex=ONE_LINE),
            ),
            models.CheckConstraint(name="missions_only_publish", condition=Q(mission=None) | Q(address_kind__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Its name for the reader."""
        return label(self.label_ru, self.label_en)

    @property
    def channel(self) -> type[Channel]:
        return channel_class(self.slug)

    @property
    def needs_nothing_else(self) -> bool:
        """Whether it can be chosen for people: it needs no exception, and nobody who telephones."""
        return self.channel.follows and self.channel.networked

    @property
    def networked(self) -> bool:
        """Whether a machine speaks by it; else people do."""
        return self.channel.networked

    @property
    def addressed(self) -> bool:
        return self.address_kind is not None

    def connect(self) -> Channel:
        """The channel, ready to enter. Raises ChannelError where it may not speak: no_secret, bad_address, drill_not_local."""
        if not self.networked:
            return self.channel(Setup(base_url=NOWHERE, sender=self.handle, drill=self.drill))
        setup = self._setup()
        try:
            return self.channel(setup)
        except ValueError:
            raise ChannelError("pause", "drill_not_local") from None

    def _setup(self) -> Setup:
        urls = settings.DRILL_CHANNEL_URLS if self.drill else settings.CHANNEL_URLS
        if not (spoken := self._secret()):
            raise ChannelError("pause", "no_secret")
        if not (url := urls.get(self.slug)):
            raise ChannelError("pause", "bad_address")
        return Setup(
            base_url=url,
            sender=self.handle,
            secret=spoken,
            webhook_secret=self._secret("_WEBHOOK"),
            confirmation=self._secret("_CONFIRMATION"),
            drill=self.drill,
            total_timeout=settings.REQUEST_SECONDS,
        )

    def connect_delegated(self) -> DelegatedChannel:
        return cast("DelegatedChannel", self.connect())

    @property
    def has_secret(self) -> bool:
        """Whether the secret that it names is in place. Its value is never shown."""
        return bool(self._secret())

    def _secret(self, suffix: str = "") -> str:
        try:
            return secret(self.secret_name + suffix)
        except KeyError:
            return ""


class Lane(models.Model):
    """One of an account's parallel ways to the platform. Whoever holds its lease pumps it; `fence` tells holders apart."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="lanes", verbose_name=_("account"))
    number = models.PositiveSmallIntegerField(_("number"))
    lease_until = models.DateTimeField(_("lease until"), null=True)
    fence = models.BigIntegerField(_("fence"), default=0)
    next_at = models.DateTimeField(_("next request not before"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("lane"), _("lanes")
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="one_lane_a_number")]

    def __str__(self) -> str:
        return f"№ {self.number}"
