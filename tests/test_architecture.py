"""The house's own rules, read from the source: who may import whom, who writes a status, how long anything may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT: dict[str, set[str]] = {
    "crisis": set(),
    "audiences": {"crisis"},
    "messaging": {"crisis", "audiences", "messaging.channels"},
    "messaging.channels": set(),
    "messaging.simulators": set(),
}
WITHOUT_DJANGO = {"messaging.channels", "messaging.simulators"}
STATUS_WRITERS = ("messaging/workflow", "messaging/delivery")
DRAWERS = {"utils", "helpers", "services", "selectors", "managers", "mixins", "signals", "common", "core"}
# Words that have another name here, see the vocabulary in README.md.
LEFT_WORDS = ("broadcast", "mailing", "impression", "gateway", "subscriber_list")
CLOCKS = {"time", "datetime", "date", "timezone"}
SQL_CLOCK = re.compile(r"(?<![\w.])now\(\)|(statement|clock|transaction)_timestamp|current_(timestamp|time|date)\b", re.I)
MAX_FILE, MAX_FUNCTION, MAX_MEDIAN, MAX_JOB = 400, 50, 8, 8
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*, tests: bool = False) -> list[Path]:
    folders = ["crisis", "audiences", "messaging", *(["tests"] if tests else [])]
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def where(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(ROOT)}{f':{node.lineno}' if isinstance(node, ast.stmt | ast.expr) else ''}"


def area(dotted: str) -> str | None:
    return max((a for a in MAY_IMPORT if f"{dotted}.".startswith(f"{a}.")), key=len, default=None)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{where(path, node)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def of_area(path: Path) -> str | None:
    return area(".".join(path.relative_to(ROOT).with_suffix("").parts))


def test_every_app_imports_only_what_lies_below_it() -> None:
    found = [
        f"{where(path)} imports {name}"
        for path in sources()
        for name in imports(path)
        if (here := of_area(path)) and (there := area(name)) and there != here and there not in MAY_IMPORT[here]
    ]
    assert found == []


def test_channels_and_simulators_do_not_know_django() -> None:
    found = [
        where(path)
        for path in sources()
        if of_area(path) in WITHOUT_DJANGO
        for name in imports(path)
        if name.split(".")[0] == "django"
    ]
    assert found == []


def test_a_status_is_written_by_the_verbs_alone() -> None:
    ours = [path for path in sources() if path.relative_to(ROOT).parts[0] == "messaging" and "simulators" not in path.parts]
    others = [path for path in ours if not str(path.relative_to(ROOT)).startswith(STATUS_WRITERS)]
    assert [where(path, node) for path in others for node in ast.walk(parsed(path)) if writes_status(node)] == []


def writes_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "status" and isinstance(node.ctx, ast.Store)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    named = any(keyword.arg == "status" for keyword in node.keywords)
    return (node.func.attr in {"update", "create"} and named) or (
        node.func.attr == "bulk_update" and "'status'" in ast.unparse(node)
    )


@pytest.mark.parametrize("line", ["row.status = 'sent'", "rows.update(status='sent')", "rows.bulk_update(some, ['status'])"])
def test_the_rule_about_statuses_would_notice(line: str) -> None:
    assert any(writes_status(node) for node in ast.walk(ast.parse(line)))


def test_no_file_and_no_function_is_too_long_to_read() -> None:
    long = [where(path) for path in sources(tests=True) if len(path.read_text().splitlines()) > MAX_FILE]
    long += [where(path, node) for path in sources(tests=True) for node in functions(path) if length(node) > MAX_FUNCTION]
    assert long == []


def test_half_of_all_functions_have_at_most_eight_lines() -> None:
    assert median(length(node) for path in sources() for node in functions(path)) <= MAX_MEDIAN


def test_jobs_only_call_one_function() -> None:
    assert all(length(node) <= MAX_JOB for node in functions(ROOT / "messaging" / "jobs.py"))


@pytest.mark.parametrize("package", ["workflow", "delivery"])
def test_the_table_of_the_verbs_names_every_module(package: str) -> None:
    folder = ROOT / "messaging" / package
    table = ast.get_docstring(parsed(folder / "__init__.py")) or ""
    modules = [path.stem if path.suffix else path.name for path in folder.iterdir() if not path.name.startswith("__")]
    assert [name for name in modules if not re.search(rf"\.{name}\b", table)] == []


def test_nothing_lies_in_a_drawer_for_anything() -> None:
    assert [where(path) for path in sources() if path.stem in DRAWERS or path.parent.name in DRAWERS] == []


def test_one_thing_has_one_word() -> None:
    names = [(path, node) for path in sources() for node in ast.walk(parsed(path)) if isinstance(node, Function | ast.ClassDef)]
    assert [where(path, node) for path, node in names if any(word in node.name.lower() for word in LEFT_WORDS)] == []


def test_only_channels_and_simulators_speak_to_a_network() -> None:
    """Everything that opens a connection to a platform stands behind the channel contract."""
    clients = {"aiohttp", "requests", "httpx", "http.client"}
    found = [
        where(path)
        for path in sources()
        if of_area(path) not in WITHOUT_DJANGO
        and any(name.split(".")[0] in clients or name in clients for name in imports(path))
    ]
    assert found == []


def test_the_engine_goes_by_the_clock_of_the_database() -> None:
    """Leases, windows and expiry survive a clock of ours that jumps: none is read but one that only runs forward."""
    engine = [*(ROOT / "messaging" / "delivery").rglob("*.py"), *(ROOT / "messaging" / "workflow").rglob("*.py")]
    assert [where(path, node) for path in engine for node in ast.walk(parsed(path)) if reads_our_clock(node)] == []


def reads_our_clock(node: ast.AST) -> bool:
    """`timezone.now`, `datetime.today` and their like, `time` under any name, and a clock in SQL that tests cannot set."""
    if isinstance(node, ast.Attribute):
        return ast.unparse(node.value).split(".")[-1] in CLOCKS and node.attr in {"now", "utcnow", "today", "time", "time_ns"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and not {alias.name for alias in node.names} <= {"monotonic", "perf_counter", "sleep"}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(SQL_CLOCK.search(node.value))


@pytest.mark.parametrize("line", [
    "timezone.now()", "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()",
    "from time import time as clock", "'lease_until < now()'", "'statement_timestamp()'", "'CURRENT_TIMESTAMP'",
])  # fmt: skip
def test_the_rule_about_clocks_would_notice(line: str) -> None:
    assert any(reads_our_clock(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["from time import monotonic", "now()", "'lease_until < crisis_now()'", "timezone.localtime(at)"]
)
def test_the_rule_about_clocks_lets_the_right_ones_pass(line: str) -> None:
    assert not any(reads_our_clock(node) for node in ast.walk(ast.parse(line)))
