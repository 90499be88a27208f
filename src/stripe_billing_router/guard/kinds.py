"""What kind of file one is, by its name and its first line."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import PurePath
from typing import Final


class Kind(Enum):
    """How a file is looked through; keys are looked for in every one."""

    PYTHON = "python"
    NOTEBOOK = "notebook"
    PTH = "pth"  # Paths for Python, and lines that it runs.
    SHELL = "shell"
    COMMANDS = "commands"  # Some of its lines may be commands.
    OTHER = "other"


_BY_SUFFIX: Final = {
    ".py": Kind.PYTHON,
    ".pyi": Kind.PYTHON,
    ".pyw": Kind.PYTHON,
    ".ipynb": Kind.NOTEBOOK,
    ".pth": Kind.PTH,
    **dict.fromkeys(
        (".sh", ".bash", ".zsh", ".ksh", ".fish", ".command", ".ps1", ".psm1", ".bat", ".cmd"),
        Kind.SHELL,
    ),
    **dict.fromkeys(
        (".yml", ".yaml", ".toml", ".json", ".ini", ".cfg", ".mk", ".mak", ".service", ".tf",
         ".gradle", ".dockerfile", ".just", ".env", ".nix", ".hcl", ".cron"),
        Kind.COMMANDS,
    ),
}  # fmt: skip
# Such a file may be called a Python program by its first line; its language is another.
_CYTHON: Final = frozenset({".pyx", ".pxd", ".pxi"})
# Where `#` begins a heading or an example, and no comment.
PROSE: Final = frozenset({".md", ".markdown", ".rst", ".txt", ".adoc", ".html", ".htm"})
_BY_NAME: Final = re.compile(
    r"(?i)(?:gnu)?makefile(?:\..*)?|dockerfile(?:\..*)?|containerfile(?:\..*)?|justfile|jenkinsfile"
    r"|procfile|vagrantfile|crontab|\.env(?:\..*)?|\.envrc"
)
_SHELL_NAMES: Final = re.compile(r"\.(?:bash|zsh|k)(?:rc|_?profile|_aliases|env)|\.profile")
_SHEBANG: Final = re.compile(rb"#![^\n]*?\b(?:(?P<python>python|pypy|uv)|(?:ba|z|k|da|fi)?sh\b)")


def kind_of(path: PurePath, head: bytes) -> Kind:
    """Return the kind of a file that begins with `head`."""
    by_suffix = _BY_SUFFIX.get(path.suffix.lower())
    if by_suffix is not None:
        return by_suffix
    if _SHELL_NAMES.fullmatch(path.name):
        return Kind.SHELL
    shebang = _SHEBANG.match(head)
    if shebang is not None and path.suffix.lower() not in _CYTHON:
        return Kind.PYTHON if shebang["python"] else Kind.SHELL
    return Kind.COMMANDS if _BY_NAME.fullmatch(path.name) else Kind.OTHER
