"""How long a file takes from its upload to the last row stored, beside a bare COPY and upsert of the same rows.

The product's road is what a person's file goes: read and sealed in parts, looked at, stored piece by piece. The floor gets rows
that are ready to be stored, addresses encrypted already. Both begin with empty tables in every round.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from django.core.files.base import File
from django.db import connection, connections, transaction

from audiences import keys, uploads
from audiences.imports import FileKind
from audiences.models import Address, AddressKind, Contact, Upload
from audiences.uploads import working
from crisis import embedded
from tests import world
from tests.benchmarks.rounds import Measured, honesty, memory_mb, ratio, rounds, times
from tests.conftest import OWNERS_HAND

LANGUAGES = ("ru", "en", "ar", "")
EMPTY = "TRUNCATE audiences_contact CASCADE"
FLOOR = {
    FileKind.CONTACTS: (
        "reference varchar(64), language varchar(3)",
        """INSERT INTO audiences_contact (reference, language) SELECT reference, language FROM pg_temp.bare
           ON CONFLICT (reference) DO UPDATE SET language = EXCLUDED.language""",
    ),
    FileKind.ADDRESSES: (
        "reference varchar(64), kind smallint, hmac bytea, sealed bytea, subscribed boolean, permitted boolean, denied boolean",
        """INSERT INTO audiences_address (contact_id, kind, value_encrypted, value_hmac, subscribed, permitted, denied, dead)
           SELECT c.id, kind, sealed, hmac, subscribed, permitted, denied, false
             FROM pg_temp.bare JOIN audiences_contact c USING (reference)
           ON CONFLICT (kind, value_hmac) DO UPDATE SET permitted = EXCLUDED.permitted""",
    ),
}


def measure(contacts: int, sightings: int, wanted: int, servers: embedded.Servers) -> dict[str, Any]:
    """Ratio and rows a second of contacts and of their addresses, one file of as many rows each."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(OWNERS_HAND)
    with TemporaryDirectory(prefix="crisis-bench-files-") as directory:
        road = Road(Path(directory), contacts)
        measured = rounds(road.steps(), wanted, warm=False)
    names = [kind.value for kind in FLOOR]
    return {
        "bench": "import",
        **honesty(measured),
        "ratios": {
            **{f"{name}: bare COPY and upsert / the whole road": ratio(measured, f"bare {name}", name) for name in names},
        },
        "absolute": {
            **{name: _rate(contacts, measured, name) for name in names},
            **{f"bare {name}": _rate(contacts, measured, f"bare {name}") for name in names},
            **{name: {"median": round(seconds, 2), "unit": "s"} for name, seconds in road.spent.items()},
            **{name: {"median": rows, "unit": "rows"} for name, rows in road.stored.items()},
        },
        "memory_mb": memory_mb(),
    }


class Road:
    """Files of invented people, and both ways of bringing them in."""

    def __init__(self, directory: Path, people: int) -> None:
        self.directory, self.people, self.anna = directory, people, world.person("anna", "operator")
        self.spent: dict[str, float] = {}
        self.stored: dict[str, int] = {}
        self._write()

    def steps(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in FLOOR:
            found |= {f"empty for {kind}": self._empty, **self._people_for(kind)}
            found[f"bare {kind}"] = lambda kind=kind: self._bare(kind)
            found |= {f"empty again for {kind}": self._empty, **self._people_for(kind, again=" again")}
            found[kind.value] = lambda kind=kind: self._import(kind)
        return found

    def _people_for(self, kind: FileKind, again: str = "") -> dict[str, Any]:
        """Addresses need their contacts."""
        return {f"people{again}": lambda: self._bare(FileKind.CONTACTS)} if kind == FileKind.ADDRESSES else {}

    def _empty(self) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(EMPTY)
            cursor.execute("ANALYZE audiences_contact, audiences_address")

    def _bare(self, kind: FileKind) -> None:
        columns, upsert = FLOOR[kind]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE bare ({columns}) ON COMMIT DROP")
            with open(self.directory / f"{kind}.copy", "rb") as rows, cursor.copy("COPY pg_temp.bare FROM STDIN") as copy:
                while block := rows.read(1 << 16):
                    copy.write(block)
            cursor.execute(upsert)

    def _import(self, kind: FileKind) -> None:
        began = time.perf_counter()
        with open(self.directory / f"{kind}.csv", "rb") as rows:
            upload = uploads.keep(kind, File(rows, name=f"{kind}.csv"), None, by=self.anna)
        kept = self._note(f"{kind}: kept", began)
        self._work(upload)
        looked = self._note(f"{kind}: looked at", kept)
        uploads.confirm(upload, by=self.anna)
        self._work(upload)
        self._note(f"{kind}: stored", looked)
        self.stored[f"{kind} stored"] = (Contact if kind == FileKind.CONTACTS else Address).objects.count()

    def _note(self, name: str, began: float) -> float:
        """Seconds of the last round."""
        self.spent[name] = (ended := time.perf_counter()) - began
        return ended

    def _work(self, upload: Upload) -> None:
        while Upload.objects.filter(pk=upload.pk, status__in=working.BUSY).exists():
            working.work()

    def _write(self) -> None:
        ring, rows = keys.ring(), range(self.people)
        seal = ring.sealer(1_000)
        _file(self.directory / "contacts.csv", "contact,language", (f"c-{n:07},{LANGUAGES[n % 4]}" for n in rows))
        _file(self.directory / "contacts.copy", "", (f"c-{n:07}\t{LANGUAGES[n % 4]}" for n in rows))
        head = "contact,kind,value,subscribed,permitted,denied"
        _file(
            self.directory / "addresses.csv", head, (f"c-{n:07},vk,{1000 + n},yes,{'no' if n % 9 else 'yes'},no" for n in rows)
        )
        _file(self.directory / "addresses.copy", "", (self._sealed(ring, seal, n) for n in rows))

    def _sealed(self, ring: keys.Ring, seal: keys.Seal, n: int) -> str:
        kind, value = AddressKind.VK.value, str(1000 + n)
        hmac, sealed = ring.fingerprint(kind, value).hex(), seal(kind, value).hex()
        return f"c-{n:07}\t{kind}\t\\\\x{hmac}\t\\\\x{sealed}\tt\t{'f' if n % 9 else 't'}\tf"


def _file(path: Path, head: str, rows: Iterable[str]) -> None:
    lines: Iterator[str] = iter(rows)
    with open(path, "w") as file:
        file.write(f"{head}\n" if head else "")
        while some := [*islice(lines, 10_000)]:
            file.write("\n".join(some) + "\n")


def _rate(people: int, measured: Measured, name: str) -> dict[str, Any]:
    return {"median": round(people / median(times(measured, name))), "unit": "rows/s"}
