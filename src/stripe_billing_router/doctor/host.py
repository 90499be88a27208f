"""This host: the package, Python, the libraries, the user."""

from __future__ import annotations

import os
import platform
import pwd
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from ..settings import Settings
from .diagnosis import Check, info, ok, warning, wrong

_PACKAGE: Final = "stripe_billing_router"
_OLDEST_PYTHON: Final = (3, 11)
# Name and bounds, as in `psycopg[binary]<4,>=3.2.2; extra == "postgres"`.
_REQUIREMENT: Final = re.compile(r"([\w.\-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)")
_BOUND: Final = re.compile(r"(>=|<)\s*([\d.]+)")


def look(_settings: Settings) -> Iterator[Check]:
    """Look at what is installed and who runs it."""
    try:
        yield ok("package", f"{_PACKAGE} {metadata.version(_PACKAGE)}")
    except metadata.PackageNotFoundError:
        yield warning(
            "package",
            f"{_PACKAGE} is not installed, so that its libraries' bounds are not known",
            f"Install it with pip rather than copying its files: pip install '{_PACKAGE}[cli]'",
        )
    else:
        yield from _libraries()
    python = f"Python {platform.python_version()}"
    if sys.version_info >= _OLDEST_PYTHON:
        yield ok("Python", python)
    else:  # pragma: no cover - The package cannot be imported there.
        yield wrong("Python", f"{python} is too old", "Use Python 3.11 or later.")
    yield _user()
    yield from _sdk_log()


def _libraries() -> Iterator[Check]:
    """Compare what is installed with the bounds that the package names."""
    within: dict[str, str] = {}
    outside: list[tuple[str, str, str]] = []
    for requirement in metadata.requires(_PACKAGE) or ():
        parsed = _REQUIREMENT.match(requirement)
        assert parsed is not None, f"{requirement!r} has a name"
        name, bounds = parsed[1], parsed[2].strip()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            # An extra that is not installed is not missing.
            if "extra ==" not in requirement:
                outside.append((name, "missing", bounds))
            continue
        if is_within(version, bounds):
            within[name] = version
        else:
            outside.append((name, version, bounds))
    for name, version, bounds in outside:
        finding = f"{name} {version}; {bounds} is needed"
        yield wrong("libraries", finding, f"pip install '{name}{bounds}'")
    if "stripe" in within:
        yield ok("Stripe SDK", f"stripe {within.pop('stripe')}")
    if not outside:
        yield ok("libraries", ", ".join(f"{name} {version}" for name, version in within.items()))


def is_within(version: str, bounds: str) -> bool:
    """Say whether a version keeps bounds such as `>=15.0,<17`."""
    have = _numbers(version)
    return all(
        have >= _numbers(limit) if sign == ">=" else have < _numbers(limit)
        for sign, limit in _BOUND.findall(bounds)
    )


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(number) for number in re.findall(r"\d+", version.partition("+")[0])][:4]
    return tuple(found + [0] * (4 - len(found)))


def _user() -> Check:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "a user without a name"
    if uid == 0:
        return info("user", "root: what the bots' own user may read and write was not checked")
    return ok("user", f"{name} (uid {uid})")


def _sdk_log() -> Iterator[Check]:
    from ..gateway.sdk import log_level  # noqa: PLC0415 - The SDK is slow to import.

    level = log_level()
    if level is not None:
        yield warning(
            "SDK log",
            f"the Stripe SDK writes what it does to stderr ({level})",
            "Unset STRIPE_LOG, unless you are debugging.",
        )
