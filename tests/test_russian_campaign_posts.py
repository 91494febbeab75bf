"""Whatever a Russian-speaking person types and presses about messages is answered in Russian, from playbook to correction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from audiences.models import Source, StaffMember
from messaging.models import Order, Status
from tests.posting import LONG, Post, answered, quiet_bell, russian_watch  # noqa: F401 (fixtures)
from tests.reading import expect_russian
from tests.watch import Watch

pytestmark = pytest.mark.django_db


def playbooks(watch: Watch) -> Iterator[Post]:
    good = {
        "name": "Шторм",
        "kind": "alert",
        "hours": "72",
        "mode": "last_seen_there",
        "ways": "vk-direct",
        "body_ru": "Шторм.",
    }
    waits, used = watch.new_playbook.pk, watch.playbook.pk
    yield Post("anna", "playbook_new", (), {}, 422)
    wrong = {"categories": "яя", "kind": "яя", "hours": "0", "mode": "яя", "ways": "яя", "headline_ru": LONG, "name": LONG}
    yield Post("anna", "playbook_new", (), wrong, 422)
    for changes in ({"ways": ""}, {"body_ru": ""}, {"body_ru": "[[место]"}):
        yield Post("anna", "playbook_new", (), {**good, **changes}, 422)
    yield Post("anna", "playbook_new", (), good, 302)
    yield Post("anna", "playbook_approve", (waits,), {"version": "1"}, 403)
    for version, status in (("яя", 409), ("1", 302), ("1", 409), ("9", 404)):
        yield Post("boris", "playbook_approve", (waits,), {"version": version}, status)
    yield Post("boris", "playbook_edit", (waits,), good, 302)
    yield Post("boris", "playbook_approve", (waits,), {"version": "1"}, 409)
    yield Post("boris", "playbook_approve", (waits,), {"version": "2"}, 403)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {}, 422)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {"ru_0": "[яя]"}, 422)
    yield Post("anna", "playbook_use", (watch.incident.pk, used), {"ru_0": "посольство"}, 302)
    submitted = watch.campaigns[Status.SUBMITTED].pk
    yield Post("anna", "campaign_break_glass", (submitted,), {}, 403)
    yield Post("boris", "campaign_review", (used,), {}, 404)
    yield Post("boris", "campaign_break_glass", (submitted,), {"seen": "яя", "glass_reason": "Никто"}, 409)
    yield Post("boris", "campaign_review", (watch.alone.pk,), {"review": "right", "review_words": "Верно."}, 403)
    yield Post("boris", "campaign_review", (watch.alone.pk,), {}, 422)
    yield Post("boris", "playbook_retire", (waits,), {}, 302)
    yield Post("boris", "playbook_retire", (waits,), {}, 409)
    yield Post("anna", "playbook_edit", (waits,), good, 409)


def campaigns(watch: Watch) -> Iterator[Post]:
    draft, sending, submitted = (watch.campaigns[status].pk for status in (Status.DRAFT, Status.SENDING, Status.SUBMITTED))
    incident, empty, sent = watch.incident.pk, watch.empty_draft.pk, watch.campaigns[Status.SENT].pk
    texts = {f"{part}_{code}": LONG * 5 for part in ("headline", "body", "instruction") for code in ("ru", "en")}
    chosen = ("kind", "refers_to", "audience", "accounts", "countries", "mode", "until_now", "subscribed", "permitted")
    typed = ("link", "hours", "until", "starts_at", "not_after", "exception_expires_at")
    wrong = dict.fromkeys((*chosen, *typed), "яя") | texts
    new = {"kind": "alert", "audience": "new", "until_now": "instant", "not_after": "1815-01-01T00:00"}
    new["exception_reason"] = "Опасность"
    for name, args in (("campaign_new", incident), ("campaign_draft", empty)):
        yield Post("anna", name, (args,), {}, 422)
        yield Post("anna", name, (args,), wrong, 422)
        yield Post("anna", name, (args,), new, 422)
        yield Post("anna", name, (args,), {**new, "countries": "EG", "hours": "5", "mode": "was_there"}, 422)
        yield Post("anna", name, (args,), {"kind": "alert", "go": "count"}, 200)
    yield Post("anna", "campaign_draft", (empty,), {"kind": "update", "body_ru": LONG[:99]}, 409)
    yield Post("anna", "campaign_draft", (empty,), {"kind": "update", "seen_at": "2015-01-01T00:00:00+00:00"}, 409)
    yield Post("anna", "campaign_new", (incident,), {"kind": "update", "body_ru": "[что произошло]", "go": "preview"}, 302)
    yield Post("anna", "campaign_new", (incident,), {"kind": "alert", "body_ru": "Ждите."}, 302)
    yield Post("anna", "campaign_submit", (empty,), {}, 409)
    yield Post("anna", "campaign_submit", (sending,), {}, 409)
    yield Post("boris", "campaign_approve", (submitted,), {}, 409)
    yield Post("boris", "campaign_approve", (submitted,), {"seen": "яя", "understood": "1"}, 409)
    yield from (Post(who, "campaign_take", (submitted,), {}, n) for who, n in (("boris", 302), ("anna", 403)))
    for callee, reached, status in ((watch.boris.pk, "1", 302), (watch.boris.pk, "0", 302), (watch.anna.pk, "1", 409)):
        yield Post("anna", "campaign_called", (submitted, callee), {"reached": reached}, status)
    yield Post("boris", "campaign_send_back", (submitted,), {}, 422)
    yield Post("boris", "campaign_reject", (draft,), {"reason": "Так"}, 409)
    yield Post("boris", "campaign_reject", (sending,), {"reason": "Так"}, 409)
    yield Post("anna", "campaign_approve", (submitted,), {}, 403)
    yield Post("anna", "campaign_withdraw", (sent,), {}, 409)
    yield Post("boris", "campaign_resume", (sending,), {}, 409)
    yield Post("anna", "campaign_pause", (sending,), {}, 302)
    yield Post("boris", "campaign_resume", (sending,), {}, 302)
    yield Post("anna", "campaign_stop", (sending,), {}, 302)
    yield Post("anna", "campaign_stop", (sent,), {}, 409)
    yield Post("anna", "campaign_discard", (draft,), {}, 422)
    yield Post("anna", "campaign_discard", (submitted,), {"reason": "Так"}, 409)
    yield Post("anna", "campaign_discard", (draft,), {"reason": "Так"}, 302)
    yield Post("anna", "campaign_withdraw", (submitted,), {}, 302)
    yield Post("anna", "campaign_submit", (submitted,), {}, 302)
    order = Order.objects.get(batch__campaign=watch.campaigns[Status.SENDING])
    for verb, status in (("remind", 409), ("waive", 302), ("cancel", 302), ("cancel", 302)):
        yield Post("anna", f"order_{verb}", (order.batch.campaign_id, order.pk), {}, status)
    yield from by_hand(watch)
    yield Post("boris", "campaign_send_back", (submitted,), {"reason": "Добавьте телефон."}, 302)
    yield Post("boris", "campaign_reject", (watch.held.pk,), {"reason": "Уже не нужно."}, 302)
    yield Post("anna", "reply_read", (watch.reply.campaign_id, watch.reply.pk), {}, 302)


def by_hand(watch: Watch) -> Iterator[Post]:
    """An order is worked: what cannot be, then what can."""
    order, seen = (watch.by_hand.batch.campaign_id, watch.by_hand.pk), watch.by_hand.words.order_by("pk").last()
    heard = {"seen": seen.pk if seen else 0, "way": "phone", "card": watch.card.pk}
    told = {**heard, "verb": "told", "matched": "400", "sent": "300", "source": "Письмо № 12"}
    wrong: tuple[dict[str, Any], ...] = (
        {"sent": "500"}, {"sent": "-1"}, {"sent": "яя"}, {"sent": "9" * 20}, {"source": ""}, {"source": LONG}, {"seen": "0"},
        {"matched": "", "sent": ""}, {"at": "2099-01-01T00:00"}, {"at": "2001-01-01T00:00"}, {"at": "яя"}, {"text": LONG},
        {"card": "9"}, {"way": "яя"}, {"verb": "answered"}, {"verb": "answered", "decision": "refused"}, {"verb": "stop"},
        {"verb": "яя"},
    )  # fmt: skip
    yield from (Post("anna", "order_work", order, {**told, **fields}, 422) for fields in wrong)
    yield Post("anna", "order_work", order, told, 302)
    expects = {"lower": "300", "upper": "200", "source": "Дежурный"}
    yield Post("anna", "desk_expects", (order[0], watch.hotels.pk), expects, 422)


def corrections(watch: Watch) -> Iterator[Post]:
    draft, paused, sent = (watch.campaigns[status].pk for status in (Status.DRAFT, Status.PAUSED, Status.SENT))
    acts = [("anna leave", sent, 302), ("anna leave", sent, 409), ("boris resend", sent, 302),
            ("anna top_up", sent, 409), ("anna resend", paused, 409), ("anna correct", draft, 409),
            ("boris correct", paused, 302), ("anna correct", paused, 302), ("anna top_up", paused, 409)]  # fmt: skip
    yield from (Post(act.split()[0], f"campaign_{act.split()[1]}", (pk,), {}, status) for act, pk, status in acts)


def restraint(watch: Watch) -> Iterator[Post]:
    """Of drills, of tests, and of exceptions."""
    yield Post("anna", "campaign_test", (watch.incident.pk,), {"accounts": [watch.vk.pk]}, 422)
    for address, status in (("ы", 422), ("1900000001", 302)):
        yield Post("boris", "staff_list", (), {"name": "Инженер", "kind": "1", "address": address}, status)
    yield Post("anna", "campaign_test", (watch.incident.pk,), {"accounts": [watch.vk.pk]}, 302)
    empty = {"source_edit": (pk := Source.objects.latest("pk").pk,), "source_new": (), "person_held": (), "person_forget": ()}
    yield from (Post("gleb", name, args, {}, 422) for name, args in empty.items())
    yield from (Post("boris", "source_switch", (pk,), {"on": on}, n) for on, n in (("", 422), ("yes", 409), ("no", 302)))
    yield from (Post("boris", "staff_remove", (StaffMember.objects.get().pk,), {}, status) for status in (302, 409))
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {}, 422)
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {"incident": watch.drill_incident.pk}, 422)
    yield Post("anna", "campaign_copy_as_live", (watch.drill.pk,), {"incident": watch.incident.pk}, 302)
    exception = watch.campaigns[Status.SENDING].exception_id
    yield Post("boris", "exception_renew", (exception,), {"hours": "99", "reason": ""}, 422)
    yield Post("boris", "exception_renew", (exception,), {"hours": "9", "reason": "Опасность сохраняется."}, 403)
    yield Post("dina", "exception_note", (exception,), {}, 302)
    yield Post("anna", "exception_revoke", (exception,), {}, 422)
    yield Post("anna", "exception_revoke", (exception,), {"reason": "Опасности больше нет."}, 302)


@pytest.mark.parametrize("part", [playbooks, campaigns, corrections, restraint])
def test_every_form_about_messages_is_answered_in_russian(watch: Watch, part: Any) -> None:
    expect_russian(answered(part(watch)))
