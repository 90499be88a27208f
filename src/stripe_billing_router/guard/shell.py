"""Commands that talk to Stripe, in shell scripts and in other files that hold commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .addresses import stripe_address

_CLIENT: Final = re.compile(
    r"(?i)(?<![\w/.-])(?:\S*/)?(?:curl|wget2?|https?|httpie|xhs?|curlie|aria2c|nc|ncat|telnet"
    r"|openssl|socat|lwp-request|iwr|irm|invoke-webrequest|invoke-restmethod)(?:\.exe)?[\s\"',]"
)
# `stripe charges create`, where a command may be.
_STRIPE_CLI: Final = re.compile(
    r"(?:^|[;&|(`{]|\b(?:sudo|exec|env|time|then|do|else|nohup|xargs)\s)\s*(?:\w+=\S*\s+)*"
    r"(?:[\w.~$-]*/)*stripe(?:\.exe)?\s+(?!-|version\b|help\b|completion\b|login\b|logout\b)[a-z]"
)
_INLINE_PYTHON: Final = re.compile(
    r"(?:^|[;'\"\s])(?:import\s+(?:[\w.]+\s*,\s*)*stripe(?![\w-])|from\s+stripe(?:\.\w+)*\s+import)"
)
_ASSIGNMENT: Final = re.compile(r"(?:^|[\s;&|(])([A-Za-z_]\w*)=([^\s;&|]*)")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?[-=]([^}]*))?\}|(\w+))")
_COMMENT: Final = re.compile(r"(?:^|(?<=[\s;]))#.*$")
_CONTINUED: Final = re.compile(r"[\\`^]\r?\n")
_ROUNDS: Final = 5
_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was found; `line` counts from 1."""

    line: int
    rule: str
    message: str


def find_commands(text: str, *, is_script: bool = True) -> Iterator[Command]:
    """Yield what talks to Stripe in `text`.

    A script is nothing but commands: each mention of the API outside of a comment counts. Elsewhere
    (Makefile, Dockerfile, YAML …) it counts beside the name of a client such as `curl`.
    """
    variables = _variables(text)
    for line, command in _commands(text):
        plain = _unquoted(command)
        host = stripe_address(plain)
        if host is None and "$" in plain:
            host = stripe_address(_substituted(plain, variables))
            if host is not None and _in_a_variable(plain, variables):
                host = None  # It is reported where the variable is set.
                if not is_script and _CLIENT.search(command):
                    host = "Stripe's API"
        if host is not None and (is_script or _CLIENT.search(command)):
            yield Command(line, "shell-stripe", f"a command names {host}, which is Stripe's API")
        elif is_script and _STRIPE_CLI.search(command):
            yield Command(line, "shell-stripe", "a command runs the Stripe CLI")
        if is_script and _INLINE_PYTHON.search(command):
            yield Command(line, "import-stripe", "Python in a command imports stripe")


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line, those that are continued as one, without comments."""
    number, joined, begun = 0, "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        begun = begun or number
        stripped = line.rstrip("\r ")
        if stripped.endswith(("\\", "^")) and len(joined) < _LENGTH:
            joined += stripped[:-1] + (" " if stripped[:-1].endswith(" ") else "")
            continue
        whole = _COMMENT.sub("", joined + line) if "#" in joined + line else joined + line
        if len(whole) <= _LENGTH or "stripe" in whole:
            yield begun, whole
        joined, begun = "", 0
    if joined:
        yield begun, joined


def _unquoted(command: str) -> str:
    """Return a command with "api."'stripe'.com as the shell sees it."""
    return re.sub(r"""\$?["']|\\(?=\w)""", "", command)


def _variables(text: str) -> dict[str, str]:
    if "$" not in text:
        return {}
    return dict(_ASSIGNMENT.findall(_unquoted(text)))


def _substituted(command: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return variables.get(name, match[2] if match[2] is not None else "\0")

    for _ in range(_ROUNDS):
        if "$" not in command or len(command) > _LENGTH:
            break
        command = _VARIABLE.sub(value, command)
    return command


def _in_a_variable(command: str, variables: dict[str, str]) -> bool:
    names = [match[1] or match[3] for match in _VARIABLE.finditer(command)]
    values = (_substituted(variables.get(name, ""), variables) for name in names)
    return any(stripe_address(value) is not None for value in values)
