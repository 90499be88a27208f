"""One file: read, looked through by its kind, and what its own marks allow taken away."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from .findings import Finding, subject
from .keys import find_keys
from .kinds import PROSE, Kind, kind_of
from .marks import HINT, apply_marks, find_marks
from .notebook import NotebookError, scan_notebook
from .python import UnparsableError, parse, scan_python
from .shell import find_commands

# Of a larger file only the keys are looked for; that code is so long is a finding.
PARSED_BYTES: Final = 10_000_000
# How much is read at a time, and by how much the parts overlap: a key may lie across two.
_PART_BYTES: Final = 32_000_000
_OVERLAP_BYTES: Final = 4_096
_HEAD_BYTES: Final = 8_000


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of one file. Binary is what has a zero byte near its beginning, as git has it."""

    path: str
    findings: tuple[Finding, ...]
    is_binary: bool = False


def scan_file(file: Path, path: str) -> Looked:
    """Look through a file, which the findings call `path`."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return Looked(path, (_unreadable(path, "it is not a regular file"),))
            if status.st_size > _PART_BYTES:
                return _scan_large(opened, file, path)
            data = opened.read()
    except OSError as error:
        return Looked(path, (_unreadable(path, os.strerror(error.errno or 0)),))
    except ValueError:
        return Looked(path, (_unreadable(path, "its name holds a zero byte"),))
    try:
        return scan_data(data, file, path)
    except Exception as error:  # noqa: BLE001 - One odd file must neither stop the check nor pass.
        message = f"the guard itself fails on it ({type(error).__name__}): please report that"
        return Looked(path, (Finding(path, 1, 1, "unparsable", message, subject("")),))


def scan_data(data: bytes, file: Path, path: str) -> Looked:
    """Look through the content of a file."""
    kind = kind_of(file, data[:200])
    is_binary = b"\0" in data[:_HEAD_BYTES]
    keys = list(_keys(data, path))
    findings = [finding for finding, _ in keys]
    findings += _by_kind(kind, data, path, {value for _, value in keys}, is_binary=is_binary)
    findings.sort()
    if HINT in data:
        text = data.decode("utf-8", "replace")
        marks = find_marks(
            text, is_python=kind is Kind.PYTHON, is_prose=file.suffix.lower() in PROSE
        )
        findings = sorted(apply_marks(findings, marks, path))
    return Looked(path, tuple(findings), is_binary)


def _by_kind(
    kind: Kind, data: bytes, path: str, keys: set[bytes], *, is_binary: bool
) -> Iterator[Finding]:
    if kind in {Kind.PYTHON, Kind.NOTEBOOK} and len(data) > PARSED_BYTES:
        yield _too_large(path)
    elif kind is Kind.PYTHON:
        yield from _python(data, path, keys)
    elif kind is Kind.PTH and not is_binary:
        yield from _python(_executed(data), path, keys)
    elif kind is Kind.NOTEBOOK:
        try:
            yield from scan_notebook(data.decode("utf-8-sig"), path, known_keys=keys)
        except (NotebookError, UnicodeDecodeError):
            yield Finding(path, 1, 1, "unparsable", "it is not a notebook in UTF-8", subject(""))
    elif kind is Kind.SHELL or (kind is Kind.COMMANDS and not is_binary and _has_stripe(data)):
        is_script = kind is Kind.SHELL
        for found in find_commands(data.decode("utf-8", "replace"), is_script=is_script):
            yield Finding(path, found.line, 1, found.rule, found.message, subject(found.message))


def _python(data: bytes, path: str, keys: set[bytes]) -> Iterator[Finding]:
    try:
        yield from scan_python(parse(data), path, known_keys=keys)
    except UnparsableError as error:
        yield Finding(path, error.line, 1, "unparsable", str(error), subject(""))


def _executed(data: bytes) -> bytes:
    """Return the lines of a .pth file that Python runs when it starts, the others left empty."""
    lines = data.removeprefix(codecs.BOM_UTF8).splitlines()
    return b"\n".join(each if each.startswith((b"import ", b"import\t")) else b"" for each in lines)


def _has_stripe(data: bytes) -> bool:
    return b"stripe" in data.lower()


def _keys(
    data: bytes, path: str, line: int = 1, begun: int = 0, end: int | None = None
) -> Iterator[tuple[Finding, bytes]]:
    """Yield the keys that begin before `end`.

    `line` is the number of the first line, and `begun` where it begins: below 0 if before `data`.
    """
    at = 0
    for key in sorted(find_keys(data), key=lambda key: key.offset):
        if end is not None and key.offset >= end:
            return
        line += data.count(b"\n", at, key.offset)
        begun = _begin_of_line(data, at, key.offset, begun)
        at = key.offset
        column = at - begun + 1
        message = f"holds the key {key.shown}"
        yield Finding(path, line, column, key.rule, message, subject(key.value)), key.value


def _begin_of_line(data: bytes, start: int, end: int, begun: int) -> int:
    """Return where the line begins that `end` is in; `begun` if that is before `start`."""
    newline = data.rfind(b"\n", start, end)
    return begun if newline < 0 else newline + 1


def _scan_large(opened: BinaryIO, file: Path, path: str) -> Looked:
    """Look for keys in a file of any size, part by part."""
    findings: list[Finding] = []
    part, line, begun = opened.read(_PART_BYTES), 1, 0
    head = part[:_HEAD_BYTES]
    while part:
        more = opened.read(_PART_BYTES)
        # What lies across two parts is whole in neither: the end of this one is seen again.
        end = len(part) - _OVERLAP_BYTES if more else len(part)
        findings += [finding for finding, _ in _keys(part, path, line, begun, end)]
        line += part.count(b"\n", 0, end)
        begun = _begin_of_line(part, 0, end, begun) - end
        part = part[end:] + more
    found = sorted(set(findings))
    if kind_of(file, head) in {Kind.PYTHON, Kind.NOTEBOOK}:
        found.append(_too_large(path))
    return Looked(path, tuple(found), b"\0" in head)


def _too_large(path: str) -> Finding:
    message = f"it has more than {PARSED_BYTES // 1_000_000} MB"
    return Finding(path, 1, 1, "unparsable", message, subject(""))


def _unreadable(path: str, why: str) -> Finding:
    return Finding(path, 1, 1, "unreadable", f"cannot be read: {why}", subject(""))
