"""The baseline: findings that were there before the guard, and are known.

An entry names a rule, a file and a hash of what was found, not its line: it holds when the lines
above change. It says nothing about the key itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from .findings import ABOUT_MARKS, Finding, subject

NAME: Final = ".billing-guard-baseline.json"
_VERSION: Final = 1

Entry = tuple[str, str, str]  # rule, path, fingerprint
Baseline = Counter[Entry]


class BaselineError(Exception):
    """The file is not a baseline."""


def fingerprint(finding: Finding) -> str:
    """Return what a finding is known by, wherever in its file it is."""
    text = f"{finding.rule}\0{finding.path}\0{finding.subject}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _entry(finding: Finding) -> Entry:
    return (finding.rule, finding.path, fingerprint(finding))


def read_baseline(file: Path) -> Baseline:
    """Return the entries of a baseline, each with how often it may be found.

    Raises:
        BaselineError: it cannot be read, or is not a baseline.
    """
    try:
        content = json.loads(file.read_bytes())
        if content["version"] != _VERSION:
            raise BaselineError(
                f"{file} is a baseline of another version. Write it again with --write-baseline."
            )
        return Counter({_read_entry(entry): int(entry["count"]) for entry in content["findings"]})
    except OSError as error:
        raise BaselineError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise BaselineError(
            f"{file} is not a baseline. Write it again with --write-baseline."
        ) from None


def _read_entry(entry: Any) -> Entry:
    rule, path, known = entry["rule"], entry["path"], entry["fingerprint"]
    if not all(isinstance(each, str) for each in (rule, path, known)) or entry["count"] < 1:
        raise ValueError(entry)
    return rule, path, known


def write_baseline(file: Path, findings: Iterable[Finding]) -> int:
    """Write all `findings` as known; return how many. What is wrong with marks is never known.

    Raises:
        BaselineError: it cannot be written.
    """
    entries = Counter(_entry(each) for each in findings if each.rule not in ABOUT_MARKS)
    content = {
        "version": _VERSION,
        "findings": [
            {"rule": rule, "path": path, "fingerprint": known, "count": count}
            for (rule, path, known), count in sorted(
                entries.items(), key=lambda item: (item[0][1], item[0][0], item[0][2])
            )
        ],
    }
    try:
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BaselineError(f"{file} cannot be written: {error.strerror}.") from None
    return entries.total()


def without_known(
    findings: Iterable[Finding], baseline: Baseline, *, looked_at: Callable[[str], bool], name: str
) -> list[Finding]:
    """Return what is not in the baseline, and a finding for each entry that is no longer found.

    `looked_at` says of a path whether its entry would have been found.
    """
    left = baseline.copy()
    new = []
    for finding in findings:
        entry = _entry(finding)
        if left[entry] > 0:
            left[entry] -= 1
        else:
            new.append(finding)
    for (rule, path, known), count in sorted(left.items()):
        if count > 0 and looked_at(path):
            message = (
                f"{rule} in {path} is no longer found ({count} of {baseline[rule, path, known]})"
            )
            new.append(Finding(name, 1, 1, "stale-baseline", message, subject(known)))
    return new
