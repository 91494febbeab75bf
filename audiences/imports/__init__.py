"""Files that people bring: contacts, their addresses, where they were seen, stays abroad, and lists of people.

Two steps. `read` checks every cell and writes nothing; its result shows what is wrong, cell by cell. `apply` stores the good
rows in one transaction. An address that belongs to another contact is an error row, never a merge. Both hold the whole file:
`audiences.uploads` takes the same steps with files of any length, piece by piece.
"""

from __future__ import annotations

from audiences.imports.applying import Imported, apply, demand_source, store
from audiences.imports.bringing import bring
from audiences.imports.columns import COLUMNS, FileKind
from audiences.imports.named import demand_list_name
from audiences.imports.reading import Parsed, RowError, opened, read
from audiences.imports.workbooks import as_csv, is_workbook

__all__ = [
    "COLUMNS",
    "FileKind",
    "Imported",
    "Parsed",
    "RowError",
    "apply",
    "as_csv",
    "bring",
    "demand_list_name",
    "demand_source",
    "is_workbook",
    "opened",
    "read",
    "store",
]
