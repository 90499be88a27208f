"""`[tool.billing-guard]` in pyproject.toml: where in a project Stripe may be used.

[[tool.billing-guard.allow]]
path = "src/billing/gateway.py"        # * within a folder, ** across folders
rules = ["import-stripe", "http-stripe"]
reason = "the one place that talks to Stripe"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .findings import ABOUT_MARKS, RULES, Finding, subject

NAME: Final = "pyproject.toml"
_FIELDS: Final = {"path", "rules", "reason"}


class ConfigError(Exception):
    """The configuration is not to be relied on; the text says why."""


@dataclass(frozen=True, slots=True)
class Allow:
    """Files in which some rules may find what they find."""

    path: str
    rules: frozenset[str]
    pattern: re.Pattern[str]

    def covers(self, finding: Finding) -> bool:
        """Say whether a finding is allowed."""
        return finding.rule in self.rules and self.pattern.fullmatch(finding.path) is not None


@dataclass(frozen=True, slots=True)
class Config:
    """The folder that paths count from, and what is allowed below it."""

    root: Path
    allows: tuple[Allow, ...] = field(default=())


def find_config(start: Path) -> Config:
    """Return the configuration of the project that `start` is in.

    The root is the nearest folder with a pyproject.toml or a .git in it, or `start` itself.

    Raises:
        ConfigError: it cannot be read, or does not say what it should.
    """
    for folder in (start, *start.parents):
        file = folder / NAME
        if file.is_file():
            return Config(folder, _read(file))
        if (folder / ".git").exists():
            return Config(folder)
    return Config(start)


def _read(file: Path) -> tuple[Allow, ...]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError:  # Not quoted: it may hold a key.
        raise ConfigError(f"{file} is not TOML in UTF-8.") from None
    section = content.get("tool", {}).get("billing-guard", {})
    where = f"[tool.billing-guard] in {file}"
    if not isinstance(section, dict) or section.keys() - {"allow"}:
        raise ConfigError(f"{where} may have `allow` only.")
    allows = section.get("allow", [])
    if not isinstance(allows, list):
        raise ConfigError(f"`allow` of {where} is not a list of tables.")
    return tuple(_allow(entry, where) for entry in allows)


def _allow(entry: Any, where: str) -> Allow:
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise ConfigError(f"Each `allow` of {where} has `path`, `rules` and `reason`.")
    path, rules, reason = entry["path"], entry["rules"], entry["reason"]
    if not isinstance(path, str) or not path or not isinstance(reason, str) or not reason.strip():
        raise ConfigError(f"`path` and `reason` of an `allow` of {where} must be texts.")
    if not isinstance(rules, list) or not rules:
        raise ConfigError(f"`rules` of the `allow` for {path!r} of {where} must be a list.")
    unknown = [rule for rule in rules if rule not in RULES.keys() - ABOUT_MARKS]
    if unknown:
        known = ", ".join(sorted(RULES.keys() - ABOUT_MARKS))
        raise ConfigError(f"{where} allows {unknown[0]!r}, which is not a rule. Rules: {known}.")
    return Allow(path, frozenset(rules), _pattern(path))


def _pattern(path: str) -> re.Pattern[str]:
    """Return a glob as a pattern: `*` ends at a slash, `**` does not."""
    parts = []
    for part in re.split(r"(\*\*/?|[*?])", path):
        match part:
            case "**/":
                parts.append("(?:.*/)?")
            case "**":
                parts.append(".*")
            case "*":
                parts.append("[^/]*")
            case "?":
                parts.append("[^/]")
            case _:
                parts.append(re.escape(part))
    return re.compile("".join(parts), re.DOTALL)


def without_allowed(
    findings: Iterable[Finding], config: Config, *, is_whole: bool
) -> list[Finding]:
    """Return what no `allow` covers, and which `allow` covers nothing if all was looked at."""
    used: set[Allow] = set()
    left = []
    for finding in findings:
        by = [allow for allow in config.allows if allow.covers(finding)]
        used.update(by)
        if not by:
            left.append(finding)
    if is_whole:
        left += [
            Finding(
                NAME, 1, 1, "unused-allow", f"{allow.path!r} covers no finding", subject(allow.path)
            )
            for allow in config.allows
            if allow not in used
        ]
    return left
