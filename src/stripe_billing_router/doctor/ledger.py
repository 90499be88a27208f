"""The ledger's database, its operations, and which bots are frozen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..core.operation import State
from ..errors import ConfigurationError
from ..settings import Settings
from ..storage import schema
from ..storage.database import Database
from ..storage.errors import DatabaseUnavailableError
from ..storage.status import LedgerStatus
from ..storage.status import look as look_into
from .diagnosis import Check, info, ok, warning, wrong
from .mounts import network_file_system
from .quantities import first_few, plural

_NAME: Final = "database"
_MOUNTS: Final = Path("/proc/self/mountinfo")
# How these end is not known until Stripe is asked.
_UNDECIDED: Final = (State.UNKNOWN, State.ROLLING_BACK)


def look(settings: Settings) -> Iterator[Check]:
    """Look at the database that the settings name; none is made, migrated or written."""
    database = _named(settings)
    if isinstance(database, Check):
        yield database
        return
    if database.file is not None:
        yield from _place(database.file.resolve())
        if not database.file.exists():
            yield _missing(database, database.file)
            return
    found = _found(settings)
    if isinstance(found, str):
        yield wrong(
            _NAME,
            f"{database.description} cannot be used: {found}",
            "Make it available again, or correct STRIPE_LEDGER_URL. Until then the bots spool to "
            "files (`database_away=spill`) or are refused.",
        )
        return
    yield _schema(database.description, found)
    yield _writing(found)
    if found.is_read:
        yield from _operations(found)
        yield _freezes(found)


def _named(settings: Settings) -> Database | Check:
    """Return the database, not opened, or the check that says why it cannot be used."""
    try:
        return Database(
            settings.database_url, seen_file=settings.ledger_dir.absolute() / "database.seen"
        )
    except ConfigurationError as error:
        return wrong(_NAME, error.problem, error.remedy)


def _found(settings: Settings) -> LedgerStatus | str:
    try:
        return look_into(settings.database_url, time.time_ns() // 1_000_000)
    except DatabaseUnavailableError as error:
        return str(error)


def _place(file: Path) -> Iterator[Check]:
    kind = ""
    if _MOUNTS.exists():
        kind = network_file_system(file, _MOUNTS.read_text(encoding="utf-8", errors="replace"))
    if kind:
        yield wrong(
            "file system",
            f"{file} is on a network file system ({kind}), where SQLite loses data",
            "Put it on a local disk, or use PostgreSQL (STRIPE_LEDGER_URL).",
        )


def _missing(database: Database, file: Path) -> Check:
    was_seen = False
    with suppress(OSError):
        was_seen = database.was_seen()
    if was_seen:
        return wrong(
            _NAME,
            f"{database.description} is missing, though it was created before: what was paid is "
            "not known",
            "Restore it from a backup. The bots do not begin with an empty one.",
        )
    folder = file.parent
    while not folder.exists():
        folder = folder.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return wrong(
            _NAME,
            f"{database.description} does not exist, and {folder} cannot be written",
            "Let this user write there, or name another place by STRIPE_LEDGER_DIR.",
        )
    return info(
        _NAME, f"{database.description} does not exist yet; the first operation can create it"
    )


def _schema(description: str, found: LedgerStatus) -> Check:
    server = f"{description}, version {found.version}"
    if found.schema is None:
        return info(_NAME, f"{server}, without tables yet: the first operation creates them")
    if found.schema > schema.HEAD:
        return wrong(
            _NAME,
            f"{server} has schema {found.schema}, and this package knows up to {schema.HEAD}",
            "Update stripe_billing_router on this host.",
        )
    if found.schema < schema.HEAD:
        return warning(
            _NAME,
            f"{server} has schema {found.schema}, and this package needs {schema.HEAD}",
            "Stop older versions of the package, then let the database's owner run "
            "`stripe-billing-router freezes`: any command that reads it migrates it.",
        )
    return ok(_NAME, f"{server}, schema {found.schema}")


def _writing(found: LedgerStatus) -> Check:
    if found.cannot_write:
        return wrong(
            "writing",
            f"bots cannot write: {found.cannot_write}",
            "Check its permissions, its disk, and which process holds its lock.",
        )
    if found.lacks:
        return wrong(
            "writing",
            f"this user lacks {', '.join(found.lacks)}",
            "Grant it: the page `Many hosts` has the roles.",
        )
    return ok("writing", "bots may write; nothing was written to find out")


def _operations(found: LedgerStatus) -> Iterator[Check]:
    name, counts = "operations", found.operations
    undecided = {state: counts[state] for state in _UNDECIDED if counts.get(state)}
    if found.left_behind:
        undecided[State.PENDING] = found.left_behind
    if undecided:
        listed = ", ".join(f"{count} {state}" for state, count in undecided.items())
        yield warning(
            name,
            f"left unfinished: {listed}",
            "`stripe-billing-router operations --unsettled` lists them, `stripe-billing-router "
            "recover` finishes them.",
        )
    waiting = {state: count - undecided.get(state, 0) for state, count in counts.items()}
    listed = ", ".join(f"{count} {state}" for state, count in waiting.items() if count > 0)
    if listed:
        yield info("under way", listed)
    elif not undecided:
        yield ok(name, "all are finished")


def _freezes(found: LedgerStatus) -> Check:
    if not found.freezes:
        return ok("freezes", "no bot is frozen")
    return warning(
        "freezes",
        f"{plural(len(found.freezes), 'freeze')} in force: {first_few(list(found.freezes))}",
        "`stripe-billing-router freezes` says why; `unfreeze` lifts one, once its cause is found.",
    )
