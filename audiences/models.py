"""Whom we may hold, where they were last seen, and saved audiences. Bulk writing is the part of `presence` and `imports`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crisis.clock import Now
from crisis.lines import ONE_LINE
from crisis.models import Incident, User

COUNTRY = r"^[A-Z]{2}$"


class AddressKind(models.IntegerChoices):
    """What an address is an address of. The numbers are stored in addresses and in `Presence.traits`: never change them."""

    VK = 1, _("VK")
    PHONE = 2, _("phone")
    PUSH = 3, _("push notification")
    WEBPUSH = 4, _("browser notification")
    EMAIL = 5, _("e-mail")
    TELEGRAM = 6, _("Telegram")
    MAX = 7, _("MAX")

    @classmethod
    def named(cls, slug: str) -> Self:
        """The kind a channel declares as `address_kind`, such as "vk". Raises KeyError for an unknown one."""
        return cls[slug.upper()]

    @property
    def slug(self) -> str:
        return self.name.lower()


class Source(models.Model):
    """Where sightings come from. Switched off, it leaves every reach at once."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    owner = models.CharField(_("owner of the data"), max_length=200)
    legal_basis = models.TextField(
        _("legal basis"), blank=True, help_text=_("Without it nothing can be imported from this source.")
    )
    retention_days = models.PositiveSmallIntegerField(_("kept for, days"), default=90)
    active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("source"), _("sources")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_basis(self) -> bool:
        """Without a legal basis nothing is taken in."""
        return bool(self.legal_basis.strip())


class Contact(models.Model):
    """A person we may write to. No name is needed. `language` is a code such as "ru", or empty when not known."""

    reference = models.CharField(_("reference"), max_length=64, null=True)  # noqa: DJ001 (unique where there is one)
    language = models.CharField(_("language"), max_length=3, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("contact"), _("contacts")
        # Not `unique=True`: that would make a second index for LIKE, which nobody asks.
        constraints = [models.UniqueConstraint(fields=["reference"], name="one_contact_of_a_reference")]


class Address(models.Model):
    """One way to reach a contact. Without a contact it only remembers, as a keyed hash, that somebody opted out.

    * subscribed: follows our group or channel there; this alone allows nothing
    * permitted: allowed our messages
    * denied: opted out; only the person can take that back
    * dead: the platform says nobody is there any more
    """

    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="addresses")
    kind = models.PositiveSmallIntegerField(choices=AddressKind)
    value_encrypted = models.BinaryField(default=b"")
    value_hmac = models.BinaryField()
    subscribed = models.BooleanField(default=False)
    permitted = models.BooleanField(default=False)
    denied = models.BooleanField(default=False)
    dead = models.BooleanField(default=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("address"), _("addresses")
        # With the contact in it, whose address this is needs no look at the table.
        constraints = [
            models.UniqueConstraint(fields=["kind", "value_hmac"], include=["contact"], name="one_address_of_a_value")
        ]


class Presence(models.Model):
    """Where and when a contact was last seen in a country. `traits` repeats what reach needs: see `audiences.traits`.

    `cell` is an H3 cell of resolution 7. The database checks no foreign key here: that would cost as much as the import itself,
    and `audiences.presence` is the only writer. No role of ours removes a source.
    """

    pk = models.CompositePrimaryKey("contact_id", "country")
    contact = models.ForeignKey(Contact, models.CASCADE, db_index=False, db_constraint=False, related_name="presence")
    country = models.CharField(max_length=2)
    cell = models.BigIntegerField()
    last_seen_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, db_index=False, db_constraint=False, related_name="+")
    traits = models.IntegerField(default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("presence"), _("presence")
        constraints = [models.CheckConstraint(name="presence_country_is_a_code", condition=Q(country__regex=COUNTRY))]
        indexes = [
            models.Index(fields=["country", "last_seen_at"], include=["contact", "traits", "source"], name="presence_reach"),
            models.Index(
                fields=["cell"], include=["country", "last_seen_at", "contact", "traits", "source"], name="presence_area"
            ),
        ]


class OutageQuerySet(models.QuerySet["Outage"]):
    def at(self, at: datetime) -> Self:
        """Those that lasted at an instant."""
        return self.filter(Q(until_at=None) | Q(until_at__gt=at), since_at__lte=at)


class Outage(models.Model):
    """A way of reaching people does not work in a country, as somebody says: a fact about the world, of no incident.

    Whom it cuts off is subtracted from reach and written to all the same: nothing is lost when the network comes back. A row
    changes once, when it ends: whoever mistyped one ends it and reports it again.
    """

    kind = models.PositiveSmallIntegerField(_("what does not work"), choices=AddressKind)
    country = models.CharField(_("country"), max_length=2)
    since_at = models.DateTimeField(_("since when"))
    until_at = models.DateTimeField(_("until when"), null=True)
    said_by = models.CharField(_("who says so"), max_length=200)
    entered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("entered by"))
    entered_at = models.DateTimeField(db_default=Now())
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("ended by"))

    objects = OutageQuerySet.as_manager()
    LINES = ("said_by",)

    class Meta:
        verbose_name, verbose_name_plural = _("outage"), _("outages")
        ordering = ["-since_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "country"], name="one_open_outage", condition=Q(until_at=None)),
            models.CheckConstraint(name="an_outage_is_of_a_kind", condition=Q(kind__in=AddressKind.values)),
            models.CheckConstraint(name="outage_country_is_a_code", condition=Q(country__regex=COUNTRY)),
            models.CheckConstraint(name="an_outage_ends_after_it_begins", condition=Q(until_at__gte=models.F("since_at"))),
            models.CheckConstraint(
                name="somebody_ends_an_outage",
                condition=Q(until_at=None, ended_by=None) | Q(until_at__isnull=False, ended_by__isnull=False),
            ),
            models.CheckConstraint(name="an_outage_names_who_says_so", condition=Q(said_by__regex=ONE_LINE) & ~Q(said_by="")),
        ]


class Trip(models.Model):
    """A stay abroad that a contact or a carrier told us of."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="trips")
    country = models.CharField(_("country"), max_length=2)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    source = models.ForeignKey(Source, models.PROTECT, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("trip"), _("trips")
        constraints = [
            models.CheckConstraint(name="trip_country_is_a_code", condition=Q(country__regex=COUNTRY)),
            models.CheckConstraint(name="a_trip_ends_after_it_starts", condition=Q(ends_on__gte=models.F("starts_on"))),
        ]


class ContactList(models.Model):
    """An uploaded list of contacts, such as a carrier's passengers. Its members never change once it is there.

    `made_in` is the transaction that made it, written by the database: this one alone adds members.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    source = models.ForeignKey(Source, models.PROTECT, related_name="lists")
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now())
    made_in = models.BigIntegerField(null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("list of contacts"), _("lists of contacts")
        ordering = ["-uploaded_at", "-id"]

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    pk = models.CompositePrimaryKey("list_id", "contact_id")
    list = models.ForeignKey(ContactList, models.CASCADE, related_name="members", db_index=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="lists")


class AudienceQuerySet(models.QuerySet["Audience"]):
    def seen_by(self, person: User) -> Self:
        """Those of incidents that the person sees, and those of no incident, which everybody may read."""
        return self.filter(Q(incident=None) | Q(incident__in=Incident.objects.seen_by(person))) if person.mission_id else self


class Audience(models.Model):
    """A saved rule about whom to reach, kept in versions."""

    name = models.CharField(_("name"), max_length=200)
    incident = models.ForeignKey(
        Incident, models.PROTECT, null=True, blank=True, related_name="audiences", verbose_name=_("incident")
    )

    objects = AudienceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("audience"), _("audiences")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class AudienceVersion(models.Model):
    """One wording of the rule. Written once: the database refuses every change. `criteria` is `Criteria.to_json()`."""

    audience = models.ForeignKey(Audience, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    criteria = models.JSONField()
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("audience version"), _("audience versions")
        ordering = ["audience_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["audience", "number"], name="one_version_of_a_number")]

    def __str__(self) -> str:
        return f"{self.audience}, № {self.number}"


class StaffMember(models.Model):
    """Somebody of ours who agreed to get TEST messages. Nobody else ever gets one."""

    name = models.CharField(_("who it is"), max_length=120)
    contact = models.OneToOneField(Contact, models.CASCADE, related_name="staff")
    active = models.BooleanField(_("gets tests"), default=True)
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("added by"))
    added_at = models.DateTimeField(_("added at"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("colleague for tests"), _("staff for tests")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """A file between its choosing and the end of its import: looked at part by part, stored part by part.

    * done: parts that were looked at, then parts that were stored; rows_done: the rows in them
    * found: what the look found: rows that are good, bad and repeated, and where the first ones stand
    * result: what became of it so far, from the confirmation on
    """

    class Status(models.TextChoices):
        CHECKING = "checking", _("being looked at")
        WAITING = "waiting", _("waits for confirmation")
        IMPORTING = "importing", _("being imported")
        IMPORTED = "imported", _("imported")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+")
    list_name = models.CharField(max_length=200, blank=True)  # what a list of people will be called
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    kept_until = models.DateTimeField()
    key = models.CharField(max_length=40)
    encoding = models.CharField(max_length=10)
    header = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.CHECKING)
    rows = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    found = models.JSONField(default=dict)
    result = models.JSONField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("uploaded file"), _("uploaded files")

    @property
    def outcome(self) -> dict[str, Any]:
        """What became of it so far: counts, and the first rows refused while storing."""
        return self.result or {"counts": {}, "errors": []}


class UploadPart(models.Model):
    """Some thousand rows of a file as they stand there, encrypted and bound to their place in it.

    * told: what the rows are about and say, as hashes, until the whole file was looked at
    * left_out: lines that repeat an earlier one, as many as `repeated`, or contradict it
    * people: whom these rows of a list name, until the list is made
    """

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    content = models.BinaryField()
    told = models.BinaryField(default=b"")
    left_out = ArrayField(models.IntegerField(), default=list)
    repeated = models.PositiveIntegerField(default=0)
    people = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name, verbose_name_plural = _("part of an uploaded file"), _("parts of uploaded files")
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="one_part_of_a_number")]
