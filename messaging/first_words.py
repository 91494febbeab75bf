"""What is said first about an incident of each kind, before anything is confirmed: that there are reports, and what is safe.

Neither names a fact that nobody has checked. Keys are CAP categories; the public reads Russian or English.
"""

from __future__ import annotations

from crisis.models import Category

REPORTS = {
    Category.TRANSPORT: {"ru": "сообщения о сбоях на транспорте", "en": "reports of disrupted transport"},
    Category.SECURITY: {"ru": "сообщения об угрозе безопасности", "en": "reports of a threat to security"},
    Category.GEO: {"ru": "сообщения о стихийном бедствии", "en": "reports of a natural disaster"},
    Category.MET: {"ru": "сообщения об опасной погоде", "en": "reports of dangerous weather"},
    Category.SAFETY: {"ru": "сообщения об опасности для людей", "en": "reports of a danger to the public"},
    Category.RESCUE: {"ru": "сообщения о поисково-спасательных работах", "en": "reports of a search and rescue operation"},
    Category.FIRE: {"ru": "сообщения о пожаре", "en": "reports of a fire"},
    Category.HEALTH: {"ru": "сообщения об опасности для здоровья", "en": "reports of a danger to health"},
    Category.ENV: {"ru": "сообщения о загрязнении", "en": "reports of pollution"},
    Category.INFRA: {
        "ru": "сообщения о перебоях с электричеством, водой или связью",
        "en": "reports of failing power, water or networks",
    },
    Category.CBRNE: {
        "ru": "сообщения о взрыве или опасных веществах",
        "en": "reports of an explosion or of dangerous substances",
    },
    Category.OTHER: {"ru": "сообщения о происшествии", "en": "reports of an incident"},
}

_STAY = {
    "ru": "Оставайтесь в безопасном месте и выполняйте указания местных властей.",
    "en": "Stay in a safe place and follow the instructions of the local authorities.",
}
_INDOORS = {
    "ru": "Оставайтесь в помещении, закройте окна и двери и выполняйте указания местных властей.",
    "en": "Stay indoors, close windows and doors and follow the instructions of the local authorities.",
}
ADVICE = {
    **dict.fromkeys(Category, _STAY),
    Category.TRANSPORT: {
        "ru": "Не выезжайте в аэропорт или на вокзал, пока перевозчик не подтвердит ваш рейс. Держите документы при себе.",
        "en": "Do not go to the airport or station before your carrier confirms your journey. Keep your documents with you.",
    },
    Category.SECURITY: {
        "ru": "Оставайтесь в помещении, не подходите к скоплениям людей и выполняйте указания местных властей.",
        "en": "Stay indoors, keep away from crowds and follow the instructions of the local authorities.",
    },
    Category.GEO: {
        "ru": "Держитесь дальше от повреждённых зданий, склонов и берега и выполняйте указания местных властей.",
        "en": "Keep away from damaged buildings, slopes and the shore and follow the instructions of the local authorities.",
    },
    Category.MET: {
        "ru": "Оставайтесь в прочном здании, не выходите без необходимости и выполняйте указания местных властей.",
        "en": "Stay in a solid building, go out only if you must and follow the instructions of the local authorities.",
    },
    Category.FIRE: {
        "ru": "Уходите от огня и дыма и выполняйте указания местных властей.",
        "en": "Get away from fire and smoke and follow the instructions of the local authorities.",
    },
    Category.ENV: _INDOORS,
    Category.CBRNE: _INDOORS,
}
