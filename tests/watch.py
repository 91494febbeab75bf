"""A duty shift as Russians leave it behind: people, an incident, a drill, campaigns at every status, files, replies, trouble.

Everything a person would have typed is Russian, so whatever is not was forgotten by the console.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from audiences import definitions, outages, uploads
from audiences.criteria import Criteria, Permitted, Seen, Speaks, Subscribed
from audiences.imports import FileKind
from audiences.models import AddressKind, AudienceVersion, Outage, Source, Upload
from crisis import incidents
from crisis.clock import now
from crisis.models import AdminAction, Country, Duty, Incident, Mission, User
from crisis.power import changing
from messaging import delivery, desks, standing, workflow
from messaging.models import Account, Batch, Campaign, Card, Delivery, Order, OrderWord, Playbook, Receipt, Reply, Status
from messaging.phrases import FAILURES
from messaging.playbooks import filled_words
from messaging.reaching import reach_of
from messaging.wording import Words
from messaging.workflow import breaking_glass, preparing
from messaging.workflow import by_hand as work
from tests import world
from tests.programs import made_client
from tests.world import PASSWORD

PEOPLE = {
    "anna": ("Анна", "Орлова", "operator"),
    "boris": ("Борис", "Лебедев", "supervisor"),
    "gleb": ("Глеб", "Зимин", "admin"),
    "dina": ("Дина", "Краснова", "auditor"),
    "inna": ("Инна", "Власова", "admin"),
    "vera": ("Вера", "Соколова", ""),
}
SECRETS = ("VK_MINISTRY", "VK_GEO", "DRILL_VK_MINISTRY", "BY_HAND")
KNOWN = frozenset({*PEOPLE, *SECRETS, "DRILL_", "olga", "English", "www.mid.ru"})  # names that are nobody's language
WORDS = {
    "ru": Words("Полёты прерваны", "МИД: с 8 ноября самолёты из Египта не летают.", "Оставайтесь в гостинице."),
    "en": Words(
        "Flights suspended",
        "The ministry: from 8 November no planes fly from Egypt.",
        "Stay at your hotel.",
    ),
}
MISSION = {"name_ru": "Посольство в Каире", "name_en": "Египет", "city_ru": "Каир", "city_en": "Каир"}
CONTACTS = "contact,language\nс-1,ru\n,en\nс-3,12\nс-4\n=1+1,ru\nс-1,en\n"
ADDRESSES = "contact,kind,value,subscribed,permitted,denied\nс-1,vk,1001,да,да,нет\nс-9,vk,1009,да,да,нет\n"


class Watch:
    """The shift. `campaigns` has one of every status of a campaign, `drill` is a drill under way."""

    def __init__(self) -> None:
        self.people = {name: _person(name, *row) for name, row in PEOPLE.items()}
        self.anna, self.boris = self.people["anna"], self.people["boris"]
        self.shift = self._shift()
        self.mission = Mission.objects.create(country_id="EG", kind="embassy", source="сайт министерства", **MISSION)
        Mission.objects.create(country_id="EG", kind="consulate_general", **MISSION)
        self.incident, self.drill_incident, self.closed = self._incident(), self._incident(drill=True), self._closed()
        self.vk, self.geo = self._account("vk-direct", "Министерство, ВК"), self._account("vk-geo", "Рассылка по странам")
        self.drill_vk = self._account("vk-direct", "Учебный ВК", drill=True)
        self.hotels = self._account("manual", "Отели Хургады")
        self.card = self._cards()
        self._sightings()
        self.outage = self._outages()
        self.versions = [*self._audience()]
        self.campaigns = {status: self._at(status) for status in Status}
        self.empty_draft = workflow.draft(self.incident, workflow.Draft(), by=self.anna)
        self.held = self._held()
        self.drill = self._approved(self._campaign(self.drill_incident, self.drill_vk))
        self._numbers(self.campaigns[Status.SENDING])
        self._numbers(self.campaigns[Status.SENT])
        self.reply = self._replies()
        self.by_hand = self._by_hand()
        self.checked, self.imported, self.under_way, self.cancelled = self._files()
        self.playbook, self.new_playbook = self._playbooks()
        self.alone = self._alone()
        standing.pause_account(self.drill_vk, "Проверяем подпись.", by=self.boris)
        self.changes = [*self._changes()]
        self.desk = made_client("Дежурная часть посольства", (self.people["gleb"], self.people["inna"]))

    def _cards(self) -> Card:
        """A tree of two: the night porter passes the word on."""
        known = {"person": "Ахмед", "phone": "+20 65 000", "hours": "круглосуточно", "languages": "русский", "note": "Ночью."}
        top = desks.add(self.hotels, {"role": "Дежурный управляющий", **known}, by=self.boris)
        return desks.add(self.hotels, {"role": "Ночной портье", "parent": top}, by=self.boris)

    def _by_hand(self) -> Order:
        """The hotels were asked, and accepted in part."""
        campaign = self._approved(self._campaign(self.incident, self.hotels))
        order = Order.objects.get(batch__campaign=campaign)
        work.ask(order, work.Heard(card=self.card, text="Перезвонит."), by=self.anna)
        word = order.words.get()
        heard = work.Heard(card=self.card, seen=word.pk, text="Только постояльцам.")
        work.answer(order, "partial", heard, by=self.anna, narrowed=["fewer_people"], expects=(300, 500))
        return order

    def _outages(self) -> Outage:
        """Two ways are down in Egypt, one of them not any more."""
        egypt, since = Country.objects.filter(pk="EG"), now() - timedelta(hours=3)
        for kind in (AddressKind.VK, AddressKind.PHONE):
            (outage,) = outages.report(kind, egypt, since, "оператор связи", by=self.anna)
        outages.end(outage, now(), by=self.anna)
        return Outage.objects.get(until_at=None)

    def _changes(self) -> Iterator[AdminAction]:
        """Changes of access: one that was made, one that was refused, two that wait."""
        gleb, inna, place = self.people["gleb"], self.people["inna"], {"mission": self.mission.pk}
        new = {"username": "olga", "last_name": "Петрова", "first_name": "Ольга", "email": "", "language": "ru"}
        made = changing.propose("person.create", data={**new, **place, "roles": ["supervisor"]}, why="На замену.", by=gleb)
        changing.confirm(made, by=inna)
        yield made
        refused = changing.propose("person.deactivate", person=self.people["vera"], why="Уволена.", by=gleb)
        changing.refuse(refused, "Она в отпуске.", by=inna)
        yield refused
        olga = User.objects.get(username="olga")
        yield changing.propose("approver.lift_rest", person=olga, why="Некому утвердить.", by=gleb)
        yield changing.propose("person.roles", person=self.anna, data={**place, "roles": []}, why="Перевод.", by=gleb)

    def _shift(self) -> Duty:
        """Boris is on duty, and Anna has the same place in the order."""
        span = {"from_at": now() - timedelta(hours=1), "until_at": now() + timedelta(hours=8)}
        return [Duty.objects.create(person=row, phone="+7 495 000", **span) for row in (self.anna, self.boris)][1]

    def _incident(self, *, drill: bool = False) -> Incident:
        row = world.incident(self.anna, drill=drill)
        values = {
            "title_ru": "Учебные полёты" if drill else "Полёты в Египет прерваны", "title_en": "", "hotline": "+7 495 000",
            "estimate_people": 80_000, "estimate_source": "пограничная служба", "estimate_at": now().date(),
            "next_update_at": now() - timedelta(minutes=5),
        }  # fmt: skip
        Incident.objects.filter(pk=row.pk).update(**values)
        row.countries.add(Country.objects.get(pk="SD"))
        incidents.note(row, "Дежурный в Хургаде на связи.", by=self.anna)
        incidents.schedule_update(row, now() + timedelta(hours=2), by=self.anna)
        incidents.tick(row, self.mission, posted=True, link="", by=self.anna)
        Incident.objects.filter(pk=row.pk).update(next_update_at=now() - timedelta(minutes=5))
        return Incident.objects.get(pk=row.pk)

    def _closed(self) -> Incident:
        row = world.incident(self.anna)
        Incident.objects.filter(pk=row.pk).update(title_ru="Снегопад", title_en="")
        incidents.move(row, Incident.Status.CLOSED, by=self.anna)
        return row

    @staticmethod
    def _account(slug: str, label: str, **more: Any) -> Account:
        row = world.account(slug, lanes=2, **more)
        Account.objects.filter(pk=row.pk).update(label_ru=label)
        return Account.objects.get(pk=row.pk)

    @staticmethod
    def _sightings() -> None:
        """120 people in Egypt, of whom some have left, opted out, or allowed nothing; another source that may not be used."""
        world.contacts([*range(1, 104)])
        world.contacts([104, 105], permitted=False)
        world.contacts([106], denied=True)
        world.contacts([107], dead=True)
        world.contacts([108, 109], language="ar")
        world.contacts([110, 111], language="ru", at=now() - timedelta(hours=30))
        Source.objects.update(name="Сведения перевозчика", owner="Перевозчик", legal_basis="Соглашение")
        Source.objects.create(name="Старый источник", owner="Перевозчик", active=False)
        Source.objects.create(name="Источник без основания", owner="Перевозчик")

    def _audience(self) -> list[AudienceVersion]:
        """An audience in two versions, and one with every kind of condition."""
        seen = Seen(("EG",), 336, None, "last_seen_there")
        first = definitions.define("Были в Египте", Criteria(seen), by=self.anna, incident=self.incident)
        second = definitions.revise(first.audience, Criteria(replace(seen, hours=30)), by=self.anna)
        until = now() - timedelta(minutes=1)
        follow, allow, others = Subscribed("vk", True), Permitted("vk", True), Permitted("telegram", False)
        rule = Criteria(Seen(("EG", "SD"), 49, until, "was_there"), follow, allow, others, Speaks(("ru", "unknown", "other")))
        return [first, second, definitions.define("Подписчики", rule, by=self.anna)]

    def _campaign(self, incident: Incident, *accounts: Account, **changes: Any) -> Campaign:
        base = {"version": self.versions[0], "texts": WORDS, **changes}
        return workflow.draft(incident, world.content(*accounts, **base), by=self.anna)

    def _approved(self, campaign: Campaign) -> Campaign:
        return world.approve(workflow.submit(campaign, by=self.anna), self.boris)

    def _at(self, status: Status) -> Campaign:
        """A campaign brought to its status by verbs, with an exception and both ways of sending."""
        later = {"starts_at": now() + timedelta(hours=1)} if status == Status.APPROVED else {}
        exception = {"exception_reason": "Людям грозит опасность, и иначе их не найти.",
                     "exception_expires_at": now() + timedelta(hours=24)}  # fmt: skip
        campaign = self._campaign(self.incident, self.vk, self.geo, **exception, **later)
        if status == Status.REJECTED:
            workflow.reject(campaign, "Больше не нужно.", by=self.anna)
        elif status == Status.SUBMITTED:
            workflow.submit(campaign, by=self.anna)
        elif status != Status.DRAFT:
            self._approved(campaign)
            self._onward(campaign, status)
        return Campaign.objects.get(pk=campaign.pk)

    def _onward(self, campaign: Campaign, status: Status) -> None:
        if status == Status.PAUSED:
            workflow.pause(campaign, by=self.anna)
        elif status == Status.STOPPED:
            workflow.stop(campaign, by=self.anna)
        elif status == Status.EXPIRED:
            Campaign.objects.filter(pk=campaign.pk).update(status=status, ended_at=now())
            delivery.close_open(campaign, status)
        elif status == Status.SENT:
            Batch.objects.filter(campaign=campaign).update(status=Batch.Status.DONE)
            delivery.finish(campaign.pk)

    def _held(self) -> Campaign:
        """Returned once, then submitted again and held, because an account was not part of what the approver saw."""
        campaign = workflow.submit(self._campaign(self.incident, self.vk), by=self.anna)
        workflow.send_back(campaign, "Добавьте телефон горячей линии.", by=self.boris)
        campaign = workflow.submit(Campaign.objects.get(pk=campaign.pk), by=self.anna)
        Campaign.objects.filter(pk=campaign.pk).update(status_reason="Получателей стало больше.")
        return Campaign.objects.get(pk=campaign.pk)

    def _numbers(self, campaign: Campaign) -> None:
        """What the platforms answered: every reason of failure, doubt, and an order under way."""
        batch = Batch.objects.filter(campaign=campaign, order=None).order_by("number")[0]
        Batch.objects.filter(pk=batch.pk).update(
            accepted=80, failed=10, uncertain=3, delivered=70, read=9, asked_at=now(), reason="timeout", attempt=2
        )
        for contact, reason in zip(batch.people, [*FAILURES, "950"], strict=False):
            self._delivery(campaign, batch, contact, "failed", reason)
        self._delivery(campaign, batch, batch.people[20], "uncertain", "timeout")
        self._delivery(campaign, batch, batch.people[21], "accepted", "")
        Order.objects.filter(batch__campaign=campaign).update(
            status=Order.Status.SENDING if campaign.status == Status.SENDING else Order.Status.DONE, answered_at=now(),
            asked_at=now(), answered_by="Дежурный платформы", estimate_lower=100, estimate_upper=200, estimate_at=now(),
            decision="partial", narrowed=["subscribers_only", "one_language"], step=10, threshold=100, matched=180,
            sent=120, delivered=90, read=30, failed=2, totals_at=now(), reason="ночью отправляем медленнее",
        )  # fmt: skip
        for order in Order.objects.filter(batch__campaign=campaign):
            for kind in OrderWord.Kind:
                numbers = {"sent": 120, "lower": 100, "upper": 200}
                OrderWord.objects.create(order=order, kind=kind, way="phone", source="Письмо", numbers=numbers)

    @staticmethod
    def _delivery(campaign: Campaign, batch: Batch, contact: int, status: str, reason: str) -> None:
        Delivery.objects.create(
            campaign=campaign, account_id=batch.account_id, batch=batch, contact=contact, status=status, reason=reason
        )

    def _replies(self) -> Reply:
        base = {"account": self.vk, "campaign": self.campaigns[Status.SENDING], "text": "Где консул?", "key": 1}
        for number, answer in enumerate(Reply.Answer.values):
            receipt = Receipt.objects.create(account=self.vk, event_id=str(number), kind="reply", at=now())
            row = Reply.objects.create(receipt=receipt, answer=answer, **base)
        return row

    def _playbooks(self) -> tuple[Playbook, Playbook]:
        """One that Boris and Vera, then a supervisor, approved; one that waits for Boris."""
        texts = {"ru": Words("Выезд: [страна]", "Сбор здесь: [место].", "[Что делать сейчас]")}
        content = preparing.Prepared(texts, ["vk-direct", "vk-geo"])
        made = [preparing.prepare(name, ["Transport"], content, by=self.anna) for name in ("Выезд", "Сбор")]
        for person in (self.boris, world.grant(self.people["vera"], "supervisor")):
            preparing.approve_playbook(made[0].versions.get(), by=person)
        world.grant(self.people["vera"])
        return made[0], made[1]

    def _alone(self) -> Campaign:
        """What Boris sent alone from the playbook; nobody has reviewed it yet."""
        version, codes = self.playbook.versions.get(), self.incident.country_codes
        values = {"ru": {"страна": "Египет", "место": "посольство", "Что делать сейчас": "Ждите."}}
        audience = definitions.define("Все в стране", version.criteria(codes), by=self.boris, incident=self.incident)
        content = world.content(
            self.vk, version=audience, texts=filled_words(version, values), playbook_version=version, values=values
        )
        campaign = workflow.submit(workflow.draft(self.incident, content, by=self.boris), by=self.boris)
        seen = {"fingerprint": campaign.fingerprint(), "reach": reach_of(campaign, now(), {})}
        spite = world.overrides(campaign)
        return breaking_glass.break_glass(
            campaign, "Никто не отвечает с двух часов ночи.", by=self.boris, overrides=spite, **seen
        )

    def _files(self) -> tuple[Upload, Upload, Upload, Upload]:
        """A file with every kind of bad row, waiting to be looked at; one imported, one being imported, one cancelled."""
        waiting = uploads.keep(FileKind.CONTACTS, _file("люди.csv", CONTACTS), None, by=self.anna)
        imported = uploads.keep(FileKind.ADDRESSES, _file("адреса.csv", ADDRESSES), None, by=self.anna)
        uploads.confirm(imported, by=self.anna)
        under_way, cancelled = (uploads.keep(FileKind.CONTACTS, _file("люди.csv", CONTACTS), None, by=self.anna) for _n in "12")
        Upload.objects.filter(pk=under_way.pk).update(status=Upload.Status.IMPORTING, rows_done=1)
        Upload.objects.filter(pk=cancelled.pk).update(status=Upload.Status.IMPORTING, rows_done=1)
        uploads.cancel(cancelled, by=None, why="Источник выключен.")
        return waiting, imported, under_way, cancelled


def _person(username: str, first: str, last: str, role: str) -> User:
    row = world.person(username, *([role] if role else []))
    row.first_name, row.last_name, row.language = first, last, "ru"
    row.set_password(None if role else PASSWORD)
    row.save()
    return row


def _file(name: str, content: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode(), "text/csv")
