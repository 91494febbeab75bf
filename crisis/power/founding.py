"""The first people of an installation, made by a command on its machine: there is nobody yet who could confirm them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from crisis.clock import Now
from crisis.models import User

OWNER = "owner"  # the database role that owns the tables; the application itself has no way around the second person


def found(username: str, role: str, *, rested: bool = False, **values: Any) -> tuple[User, bool]:
    """The person of this name with this role, and whether they were made now. `rested`: they may approve from the first minute.

    It commits by itself, as the owner of the tables.
    """
    with transaction.atomic(using=OWNER):
        people = User.objects.using(OWNER)
        person, made = people.get_or_create(username=username, defaults=values)
        if made:
            person.groups.set(Group.objects.using(OWNER).filter(name=role))
        if made and rested:
            people.filter(pk=person.pk).update(approver_since=Now() - timedelta(days=1))
    return User.objects.get(pk=person.pk), made
