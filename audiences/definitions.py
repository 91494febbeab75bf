"""Every verb of a person on a saved audience: define it, and write its next version. A version is never changed."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from audiences.criteria import Criteria
from audiences.criteria.clauses import Pointing
from audiences.models import Audience, AudienceVersion
from crisis import audit
from crisis.models import Incident, User
from crisis.permissions import demand
from crisis.refusal import Refused


@transaction.atomic
def define(name: str, criteria: Criteria, *, by: User, incident: Incident | None = None) -> AudienceVersion:
    """Save a new audience and its first version. Raises Refused without a name, or when it names what is not there for `by`."""
    demand(by, "audience.write")
    if not name.strip():
        raise Refused(_("Give the audience a name."), field="name")
    if len(name.strip()) > 200:
        raise Refused(_("The name is longer than 200 characters. Shorten it."), field="name")
    return _write(Audience.objects.create(name=name.strip(), incident=incident), 1, criteria, by)


@transaction.atomic
def revise(audience: Audience, criteria: Criteria, *, by: User) -> AudienceVersion:
    """Write the next version, or return the last one when it says the same, in whatever order."""
    demand(by, "audience.write")
    Audience.objects.select_for_update().get(pk=audience.pk)
    last = audience.versions.order_by("-number").first()
    if last and _says_the_same(last, criteria):
        return last
    return _write(audience, last.number + 1 if last else 1, criteria, by)


def _says_the_same(version: AudienceVersion, criteria: Criteria) -> bool:
    try:
        return Criteria.from_json(version.criteria).meaning == criteria.meaning
    except Refused:  # it cannot be read any more
        return False


def _write(audience: Audience, number: int, criteria: Criteria, by: User) -> AudienceVersion:
    problems = [each for leaf in criteria.leaves() if isinstance(leaf, Pointing) for each in leaf.problems(by)]
    if problems:
        raise Refused(problems=problems, status=422)
    version = AudienceVersion.objects.create(audience=audience, number=number, criteria=criteria.to_json(), written_by=by)
    audit.record("audience.write", by=by, about=audience, data={"version": number, "criteria": version.criteria})
    return version
