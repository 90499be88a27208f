"""Which files there are to look at: as git sees a folder, or all of them.

Git itself is asked what it ignores, so that nested .gitignore files, .git/info/exclude and files
that are tracked although they match a pattern are all taken as git takes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 120.0


@dataclass(slots=True)
class Walk:
    """Finds files below folders; remembers what a person should know."""

    with_ignored: bool = False
    links: int = 0
    notes: list[str] = field(default_factory=list)

    def files(self, given: Path) -> Iterator[Path]:
        """Yield `given` if it is no folder, else the files below it, each once, in order.

        What is named is looked at whatever git says. Below a folder symbolic links are not
        followed: what they lead to is looked at where it is, if that is below the folder too.
        """
        if not given.is_dir():
            yield given
            return
        yield from self._below(given, is_named=True)

    def _below(self, folder: Path, *, is_named: bool) -> Iterator[Path]:
        repository = self._repository(folder, is_named=is_named) if not self.with_ignored else None
        if repository is None:
            yield from self._all(folder)
            return
        for path in repository:
            if path.is_symlink():
                self.links += 1
            elif path.is_dir():
                # A submodule, or a repository within that is not one.
                yield from self._below(path, is_named=False)
            elif path.exists() or not _is_gone(path):
                yield path

    def _all(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield folder  # Whoever reads it will say why it cannot be read.
            return
        for entry in entries:
            path = folder / entry.name
            if entry.is_symlink():
                self.links += 1
            elif not entry.is_dir(follow_symlinks=False):
                yield path
            elif entry.name != ".git":
                if (path / ".git").exists():
                    yield from self._below(path, is_named=False)
                else:
                    yield from self._all(path)

    def _repository(self, folder: Path, *, is_named: bool) -> list[Path] | None:
        """Return what git sees in a folder, or None if no repository has a say there."""
        absolute = folder.absolute()
        if not any((above / ".git").exists() for above in (absolute, *absolute.parents)):
            return None
        if ".git" in absolute.parts:
            return None
        if is_named and _git(folder, "check-ignore", "--quiet", ".").returncode == 0:
            return None  # Git ignores the folder as a whole, and it is named: all of it counts.
        listed = _git(
            folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."
        )
        if listed.returncode != 0:
            self.notes.append(
                f"Git cannot say what it ignores in {folder}: all of it is looked at."
            )
            return None
        names = sorted(set(filter(None, listed.stdout.split(b"\0"))))
        return [folder / os.fsdecode(name).rstrip("/") for name in names]


def _is_gone(path: Path) -> bool:
    """Say whether git knows a file that is deleted, and not just hidden from us."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    git = shutil.which("git")
    if git is None:
        return subprocess.CompletedProcess([], 127, b"")
    try:
        return subprocess.run(  # noqa: S603 - Fixed words only.
            # Whoever owns the files (in a container often another user), they are only listed;
            # and no program that a repository names as its monitor is started.
            [git, "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *arguments],
            cwd=folder,
            # Git's own variables, which are set in its hooks, could point it somewhere else.
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess([], 127, b"")
