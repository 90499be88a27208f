"""The spool: the folder that takes the records while the database is unavailable."""

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
        return info("folder", f"{folder} does not exist yet; the first operation can create it")
    return wrong("folder", f"{folder} does not exist, and {above} cannot be written", _ELSEWHERE)


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
    if free_bytes >= _LITTLE_BYTES:
        return ok("space", f"{free_bytes / 1024**3:.1f} GiB are free")
    kind = wrong if free_bytes < _TOO_LITTLE_BYTES else warning
    return kind(
        "space",
        f"only {free_bytes // 1024:,} KiB are free at {folder}",
        "Free space: a payment whose record cannot be written is not made.",
    )


def _privacy(folder: Path) -> Check:
    """Who but the owner may look in: the records name customers."""
    if not stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return ok("privacy", "only its owner may look in")
    open_to_others = [folder, *(file for file in sorted(folder.glob("*"))
                                if file.suffix in {".db", ".jsonl", ".json"}
                                and stat.S_IMODE(file.stat().st_mode) & 0o077)]  # fmt: skip
    named = ", ".join(f"{path.name} ({stat.S_IMODE(path.stat().st_mode):04o})"
                     for path in open_to_others)  # fmt: skip
    return warning("privacy", f"others may look into {named}", f"chmod -R go= {folder}")


def _waiting(spool: Spool) -> Iterator[Check]:
    waiting = {
        noun: sum(1 for _ in lines.read())
        for noun, lines in (("commit", spool.journal), ("ledger row", spool.ledger))
    }
    counts = ", ".join(plural(count, noun) for noun, count in waiting.items() if count)
    if counts:
        yield warning(
            "waiting",
            f"spooled while the database was unavailable: {counts}",
            "The next operation replays them into the database, and so does "
            "`stripe-billing-router recover`. Never delete these files.",
        )
    else:
        yield ok("waiting", "the spool is empty")
    quarantined = sum(1 for _ in JsonLines(spool.quarantine_path).read())
    if quarantined:
        yield warning(
            "set aside",
            f"{plural(quarantined, 'line')} could not be replayed: {spool.quarantine_path}",
            "Check each line, enter by hand what the ledger lacks, then move the file away.",
        )
