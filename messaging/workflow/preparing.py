"""Every verb of a person on a playbook: prepare it, write its next version, approve a version, retire it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crisis import audit
from crisis.clock import now
from crisis.models import User
from crisis.permissions import demand
from crisis.refusal import Problem, Refused
from messaging.models import Kind, Playbook, PlaybookApproval, PlaybookVersion
from messaging.wording import BLANK, Words
from messaging.workflow.moving import acting


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a version says. `texts`: language → words with blanks; `ways`: slugs of channels."""

    texts: Mapping[str, Words]
    ways: Sequence[str]
    kind: Kind = Kind.ALERT
    hours: int = 336
    mode: str = "last_seen_there"


def prepare(name: str, categories: Sequence[str], content: Prepared, *, by: User) -> Playbook:
    """Begin a playbook with its first version. Nothing of it can be used before two others have approved it."""
    demand(by, "playbook.write")
    if not name.strip():
        raise Refused(_("Give the playbook a name."), field="name")
    with acting(by):
        playbook = Playbook.objects.create(name=name.strip()[:120], categories=[*categories], created_by=by)
        _write(playbook, 1, content, by)
    return playbook


def revise(playbook: Playbook, name: str, categories: Sequence[str], content: Prepared, *, by: User) -> PlaybookVersion:
    """Write the next version. The approved one stays in use until two others have approved the new one."""
    demand(by, "playbook.write")
    with acting(by):
        locked = _lock(playbook)
        last = locked.versions.order_by("-number")[0]
        Playbook.objects.filter(pk=locked.pk).update(name=name.strip()[:120] or locked.name, categories=[*categories])
        return _write(locked, last.number + 1, content, by)


def _write(playbook: Playbook, number: int, content: Prepared, by: User) -> PlaybookVersion:
    if found := [*_problems(content)]:
        raise Refused(problems=found, status=422)
    texts = {code: words.stripped()._asdict() for code, words in content.texts.items() if words.body.strip()}
    values = {"kind": content.kind, "hours": content.hours, "mode": content.mode, "ways": [*content.ways]}
    version = PlaybookVersion.objects.create(playbook=playbook, number=number, texts=texts, written_by=by, **values)
    audit.record("playbook.write", by=by, about=playbook, data={"version": number, "texts": texts, **values})
    return version


def _problems(content: Prepared) -> Iterator[Problem]:
    if not any(words.body.strip() for words in content.texts.values()):
        yield Problem("body_ru", _("There is no text yet. Write it in at least one language."))
    for code, words in content.texts.items():
        for part, text in words._asdict().items():
            if {"[", "]"} & {*BLANK.sub("", text)} or any("[" in blank[1:] for blank in BLANK.findall(text)):
                sentence = _("A blank is written [like this], in one line and without brackets inside. Put the brackets right.")
                yield Problem(f"{part}_{code}", sentence)
    if not content.ways:
        yield Problem("ways", _("No way of sending is chosen. Choose at least one."))


def approve_playbook(version: PlaybookVersion, *, by: User) -> None:
    """One person's word on a version. The second one makes it usable. Raises Refused for its writer and for an old version."""
    demand(by, "playbook.approve")
    if version.written_by_id == by.pk:
        raise Refused(_("You wrote this version, so others have to approve it."), status=403)
    with acting(by):
        locked = _lock(version.playbook)
        if locked.versions.filter(number__gt=version.number).exists():
            raise Refused(_("A newer version has been written since you opened this page. Read it, then decide."))
        if version.approvals.filter(by=by).exists():
            raise Refused(_("You have approved this version already; nothing was done twice."))
        PlaybookApproval.objects.create(version=version, by=by)
        audit.record("playbook.approve", by=by, about=locked, data={"version": version.number})


def retire(playbook: Playbook, *, by: User) -> None:
    """Offer it no more. Messages made from it stay what they are."""
    demand(by, "playbook.approve")
    with acting(by):
        locked = _lock(playbook)
        Playbook.objects.filter(pk=locked.pk).update(retired_at=now())
        audit.record("playbook.retire", by=by, about=locked, data={})


def _lock(playbook: Playbook) -> Playbook:
    locked = Playbook.objects.select_for_update().get(pk=playbook.pk)
    if locked.retired_at:
        raise Refused(_("This playbook is retired; nothing was changed."))
    return locked
