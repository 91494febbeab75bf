"""Countries, missions abroad, and the people who work in the console."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from crisis.language import readers_language


class Country(models.Model):
    """An ISO 3166-1 country or territory. Names come from the Unicode CLDR, in the reader's language."""

    code = models.CharField(_("code"), primary_key=True, max_length=2)

    class Meta:
        verbose_name, verbose_name_plural = _("country"), _("countries")

    def __str__(self) -> str:
        return self.name_in(readers_language())

    def name_in(self, language: str) -> str:
        return str(Locale.parse(language.split("-")[0]).territories.get(self.code, self.code))

    @property
    def zone(self) -> ZoneInfo:
        """The country's only time zone, or UTC where it has several or none."""
        names = get_global("territory_zones").get(self.code, [])
        return ZoneInfo(names[0] if len(names) == 1 else "UTC")


class Mission(models.Model):
    """A mission abroad. Facts that have no noted source stay empty."""

    class Kind(models.TextChoices):
        EMBASSY = "embassy", _("embassy")
        CONSULAR_SECTION = "consular_section", _("consular section")
        CONSULATE_GENERAL = "consulate_general", _("consulate-general")

    country = models.ForeignKey(Country, models.PROTECT, related_name="missions", verbose_name=_("country"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name_ru = models.CharField(_("name in Russian"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    city_ru = models.CharField(_("city in Russian"), max_length=100)
    city_en = models.CharField(_("city in English"), max_length=100)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    source = models.CharField(_("source of these facts"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("mission"), _("missions")
        constraints = [models.UniqueConstraint(fields=["country", "kind", "city_en"], name="one_mission_of_a_kind_in_a_city")]

    def __str__(self) -> str:
        return self.name_in(readers_language())

    def name_in(self, language: str) -> str:
        return self.name_ru if language.startswith("ru") else self.name_en

    @property
    def city(self) -> str:
        return self.city_ru if readers_language() == "ru" else self.city_en


class User(AbstractUser):
    """A person who works in the console. What they may do comes from their groups alone."""

    language = models.CharField(_("language"), max_length=2, default="ru", choices=[("ru", "Русский"), ("en", "English")])
    mission = models.ForeignKey(Mission, models.PROTECT, null=True, blank=True, verbose_name=_("mission"))
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, editable=False)
    approver_since = models.DateTimeField(
        _("approves since"), null=True, editable=False
    )  # stamped with the role, by the database

    # What the key opens that a call of the API came with, and which sources it may feed: set by the API's door on this very
    # instance, stored nowhere.
    scopes: Collection[str] = ()
    feeds: Collection[int] = ()

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(self.groups.values_list("name", flat=True))

    def __str__(self) -> str:
        return self.get_full_name() or self.username
