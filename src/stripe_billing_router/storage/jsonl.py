"""A file of JSON lines that survives crashes: lines are synced, and a torn last one tolerated.

Callers hold a lock during every use; `Spool` has it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.clean_json import to_json


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `value` is None if it is torn: cut off by a crash, and not a JSON object."""

    text: bytes
    value: dict[str, Any] | None
    end: int  # where the next line starts, in bytes


class JsonLines:
    """The lines of one file, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Return the file's size in bytes; 0 if there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, value: dict[str, Any]) -> None:
        """Add one line and wait until it is on the disk.

        Raises:
            OSError: it could not be written; the file is as it was.
        """
        self.append_text(to_json(value).encode())

    def append_text(self, text: bytes) -> None:
        """Add one line as it is; see `append`."""
        with _opened(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as descriptor:
            size = os.fstat(descriptor).st_size
            # A line that a crash cut off is ended first, or the two would merge.
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = (b"\n" if is_torn else b"") + text + b"\n"
            try:
                _write_whole(descriptor, data)
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
        if size == 0:
            sync_folder(self.path.parent)

    def read(self, start: int = 0) -> Iterator[Line]:
        """Yield the lines from byte `start` on; skip blank ones."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(start)
            end = start
            for text in file:
                end += len(text)
                if text.strip():
                    yield Line(text.rstrip(b"\n"), _parsed(text), end)

    def clear(self) -> None:
        """Empty the file, durably."""
        with suppress(FileNotFoundError), _opened(self.path, os.O_RDWR) as descriptor:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)


def make_private_folder(folder: Path) -> None:
    """Create `folder` for its owner only, if it does not exist."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, data: bytes) -> None:
    # Appended in one call, so that no reader without the lock sees a partial line.
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
