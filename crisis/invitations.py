"""How a new person gets in: a link that sets their first password once. Nobody else ever knows it."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from crisis import audit
from crisis.models import User
from crisis.permissions import ADMIN
from crisis.refusal import Refused


class _Links(PasswordResetTokenGenerator):
    """A link holds until it was used, the person logged in, or settings.PASSWORD_RESET_TIMEOUT has passed."""

    key_salt = "crisis.invitations"


def link_for(user: User) -> str:
    """The path of the page on which this person sets their first password. Whoever has it is that person."""
    return reverse("set_up", args=[user.pk, _Links().make_token(user)])


def invited(pk: int, token: str) -> User:
    """Whose link this is. Raises Refused when it is nobody's, was used, or is too old."""
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or user.has_usable_password() or not _Links().check_token(user, token):
        raise Refused(_("This link was used already or is too old. Nothing was changed. Ask for a new one."), status=404)
    return user


def begin(user: User, password: str) -> None:
    """Set the first password. It ends the link."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        audit.record("person.begin", by=user, about=user)


def found(usernames: Sequence[str]) -> list[User]:
    """Make the first two administrators, who then make everybody else together.

    Raises Refused when there are administrators already, or the two names are not two good new ones.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('crisis.founders', 0))")
        _demand_two_new(usernames)
        people = [User.objects.create_user(name, password=None, is_active=True) for name in usernames]
        for person in people:
            person.groups.set(Group.objects.filter(name=ADMIN))
        for person in people:
            audit.record("person.add", by=None, about=person, data={"role": ADMIN})
    return people


def _demand_two_new(usernames: Sequence[str]) -> None:
    if User.objects.filter(groups__name=ADMIN).exists():
        raise Refused(_("There are administrators already. They add people together, in the console. Nobody was added."))
    if len({name.lower() for name in usernames}) != 2:
        raise Refused(_("Name two different people. Nobody was added."))
    for name in usernames:
        try:
            UnicodeUsernameValidator()(name)
        except ValidationError:
            raise Refused(_("%(name)s cannot be a username: letters, digits and @/./+/-/_ only.") % {"name": name}) from None
        if User.objects.filter(username__iexact=name).exists():
            raise Refused(_("%(name)s exists already. Nobody was added.") % {"name": name})
