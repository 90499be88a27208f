"""The folder that takes the records while the database is away."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..settings import Settings
from ..storage.jsonl import JsonLines
from ..storage.spool import Spool
from .diagnosis import Check, info, ok, warning, wrong
from .quantities import plural

_LITTLE_BYTES: Final = 100 * 1024 * 1024
_TOO_LITTLE_BYTES: Final = 1024 * 1024

_ELSEWHERE: Final = "Let this user write there, or name another folder by STRIPE_LEDGER_DIR."


def look(settings: Settings) -> Iterator[Check]:
    """Look at the folder; what is written there to try it is removed again."""
    spool = Spool(settings.ledger_dir)
    folder = spool.folder
    if not folder.exists():
        yield _not_there(folder)
        return
    yield _writing(folder)
    yield _space(folder)
    yield _privacy(folder)
    yield from _waiting(spool)


def _not_there(folder: Path) -> Check:
    above = folder
    while not above.exists():
        above = above.parent
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return info("folder", f"{folder} is not there yet; the first operation can make it")
    return wrong("folder", f"{folder} is not there, and {above} cannot be written", _ELSEWHERE)


def _writing(folder: Path) -> Check:
    problem = ""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"written by the doctor, and gone with its last handle\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        return wrong("folder", f"{folder} cannot be written: {problem}", _ELSEWHERE)
    return ok("folder", f"{folder} can be written, and what is written reaches the disk")


def _space(folder: Path) -> Check:
    free_bytes = shutil.disk_usage(folder).free
    told = f"{free_bytes / 1024**3:.1f} GiB are free"
    if free_bytes >= _LITTLE_BYTES:
        return ok("space", told)
    told = f"only {free_bytes // 1024:,} KiB are free at {folder}"
    kind = wrong if free_bytes < _TOO_LITTLE_BYTES else warning
    return kind("space", told, "Make room: a payment whose record cannot be written is not made.")


def _privacy(folder: Path) -> Check:
    """Who but the owner may look in: the records name customers."""
    if not stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return ok("privacy", "only its owner may look in")
    open_to_others = [folder, *(file for file in sorted(folder.glob("*"))
                                if file.suffix in {".db", ".jsonl", ".json"}
                                and stat.S_IMODE(file.stat().st_mode) & 0o077)]  # fmt: skip
    told = ", ".join(f"{path.name} ({stat.S_IMODE(path.stat().st_mode):04o})"
                     for path in open_to_others)  # fmt: skip
    return warning("privacy", f"others may look into {told}", f"chmod -R go= {folder}")


def _waiting(spool: Spool) -> Iterator[Check]:
    waiting = {
        noun: sum(1 for _ in lines.read())
        for noun, lines in (("commit", spool.journal), ("ledger row", spool.ledger))
    }
    told = ", ".join(plural(count, noun) for noun, count in waiting.items() if count)
    if told:
        yield warning(
            "waiting",
            f"here since the database was away: {told}",
            "The next operation returns them to the database, and so does `stripe-billing-router "
            "recover`. Never delete these files.",
        )
    else:
        yield ok("waiting", "no record waits for the database")
    aside = sum(1 for _ in JsonLines(spool.quarantine_path).read())
    if aside:
        yield warning(
            "set aside",
            f"{plural(aside, 'line')} could not be brought back: {spool.quarantine_path}",
            "Look at each, enter by hand what the ledger lacks, then move the file away.",
        )
