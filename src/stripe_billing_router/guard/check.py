"""A whole check: the files, what is in them, and what of that is allowed or known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .baseline import Baseline, without_known
from .config import Config, without_allowed
from .files import Walk
from .findings import Finding
from .many import scan_files


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check. `known` is how many findings the baseline took away."""

    findings: tuple[Finding, ...]
    files: int
    binary: int
    links: int
    known: int
    notes: tuple[str, ...]


def check(
    paths: Iterable[Path],
    config: Config,
    *,
    baseline: Baseline | None = None,
    baseline_name: str = "",
    with_ignored: bool = False,
    processes: int | None = None,
) -> Report:
    """Look through all that `paths` name; nothing is written, imported or run."""
    given = [path.absolute() for path in paths]
    walk = Walk(with_ignored=with_ignored)
    files = dict(_named(walk, given, config.root))
    looked = list(scan_files([(file, path) for path, file in files.items()], processes=processes))
    found = [finding for each in looked for finding in each.findings]
    folders = {os.path.normpath(path) for path in given if path.is_dir()}

    def looked_at(path: str) -> bool:
        """Say whether a file was looked at, or would have been if it were still there."""
        whole = os.path.normpath(config.root / path)
        return path in files or (
            not Path(whole).exists()
            and any(Path(whole).is_relative_to(folder) for folder in folders)
        )

    is_whole = os.path.normpath(config.root) in folders
    unallowed = without_allowed(found, config, is_whole=is_whole)
    new = unallowed
    if baseline is not None:
        new = without_known(unallowed, baseline, looked_at=looked_at, name=baseline_name)
    return Report(
        findings=tuple(sorted(new)),
        files=len(looked),
        binary=sum(each.is_binary for each in looked),
        links=walk.links,
        known=len(unallowed) - sum(each.rule != "stale-baseline" for each in new),
        notes=tuple(walk.notes),
    )


def _named(walk: Walk, given: Iterable[Path], root: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file by what findings call it: its path from the root, or the whole of it."""
    for path in given:
        for file in walk.files(path):
            whole = Path(os.path.normpath(file))
            below = whole.is_relative_to(root)
            yield (whole.relative_to(root) if below else whole).as_posix(), whole
