"""Allows beside what they allow: `# billing-guard: allow[rule] reason`.

One allows what its rules find on its own line; alone on a line, on the next.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .findings import ABOUT_MARKS, RULES, Finding, subject

HINT: Final = b"billing-guard:"
_MARK: Final = re.compile(
    r"(?P<before>.*?)(?:#|//|--|;|<!--|/\*|\bREM\b)\s*billing-guard:\s*(?P<verb>\w*)\s*"
    r"(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)"
)
_REASON: Final = re.compile(r"[^\W\d_]{3}")
_COMMENT_END: Final = re.compile(r"(?:-->|\*/|\\n\"?,?$)(?P<after>.*)$")
# Of a line that holds only a mark, in any language and in the JSON of a notebook.
_NOTHING: Final = re.compile(r"[\s\"']*")


@dataclass(frozen=True, slots=True)
class Mark:
    """An allow: where it is, which line it is about, and what is wrong with it, if anything."""

    line: int
    about: int
    rules: frozenset[str]
    problem: str | None


def find_marks(text: str, *, is_python: bool = False, is_prose: bool = False) -> list[Mark]:
    """Return the allows of a text; in Python only those in comments, in prose in `<!-- … -->`."""
    lines = text.split("\n")
    comments = _comments(text) if is_python else None
    found = []
    for number, line in enumerate(lines, start=1):
        if "billing-guard:" not in line or (comments is not None and number not in comments):
            continue
        mark = _MARK.match(line if comments is None else comments[number])
        if is_prose and "<!--" not in line:
            continue  # It is talked about.
        if mark is not None:
            before = mark["before"] if comments is None else line[: line.rindex(comments[number])]
            end = _COMMENT_END.search(mark["reason"])
            beside = before + (end["after"] if end else "")
            about = _next_line(lines, number) if _NOTHING.fullmatch(beside) else number
            found.append(_read(mark, number, about))
    return found


def _next_line(lines: list[str], number: int) -> int:
    """Return the number of the next line that holds something else than a mark."""
    while number < len(lines) and "billing-guard:" in lines[number]:
        number += 1
    return number + 1


def _comments(text: str) -> dict[int, str] | None:
    found = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return None  # It cannot be parsed either, which is a finding: marks count as in any text.
    return found


def _read(mark: re.Match[str], line: int, about: int) -> Mark:
    rules = frozenset(filter(None, re.split(r"[,\s]+", mark["rules"] or "")))
    reason = _COMMENT_END.sub("", mark["reason"])
    unknown = sorted(rules - (RULES.keys() - ABOUT_MARKS))
    problem = None
    if mark["verb"] != "allow" or not rules:
        problem = "it names no rule in brackets"
    elif unknown:
        problem = f"there is no rule {unknown[0][:40]!r} that can be allowed"
    elif not _REASON.search(reason):
        problem = "it gives no reason"
    return Mark(line, about, rules, problem)


def apply_marks(findings: list[Finding], marks: list[Mark], path: str) -> Iterator[Finding]:
    """Yield what is not allowed, and what is wrong with the allows."""
    used: set[tuple[Mark, str]] = set()
    for finding in findings:
        by = [
            mark
            for mark in marks
            if mark.problem is None and finding.rule in mark.rules and finding.line == mark.about
        ]
        used.update((mark, finding.rule) for mark in by)
        if not by:
            yield finding
    for mark in marks:
        if mark.problem is not None:
            message = f"this allow is not taken: {mark.problem}"
            yield _about_mark(path, mark, "allow-without-reason", message)
            continue
        for rule in sorted(mark.rules):
            if (mark, rule) not in used:
                message = f"nothing is found that allow[{rule}] is needed for"
                yield _about_mark(path, mark, "unused-allow", message)


def _about_mark(path: str, mark: Mark, rule: str, message: str) -> Finding:
    return Finding(path, mark.line, 1, rule, message, subject(message))
