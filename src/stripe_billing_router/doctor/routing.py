"""The routing file and the limits file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import BillingError, LimitsConfigError
from ..routing.file import LIMITS_FILE, check_limits_file, load_routes
from ..settings import Settings
from .diagnosis import Check, info, ok, warning, wrong
from .quantities import first_few, plural


def look(settings: Settings) -> Iterator[Check]:
    """Look at both files as the router reads them."""
    yield from _routing_file(settings.routing_config)
    yield from _limits_file(settings.limits_config)


def _routing_file(file: Path) -> Iterator[Check]:
    name = "routing file"
    try:
        routes = load_routes(file)
    except BillingError as error:
        problems = error.details.get("problems")
        if not problems:
            yield wrong(name, error.problem.removeprefix("Routing file "), error.remedy)
        for problem in problems or ():
            yield wrong(name, f"{file}, {problem}", "Correct this line.")
        return
    regions = sorted({region for _, region, _, _ in routes})
    counts = (
        f"{plural(len(routes), 'route')} in {plural(len(regions), 'region')} ({first_few(regions)})"
    )
    yield ok(name, f"{file}: {counts}")
    poor = [
        f"{category}:{bot} ({region})"
        for (_, region, category, bot), route in routes.items()
        if region != "default" and route.currency is None
    ]
    if poor:
        yield warning(
            "currencies",
            f"{plural(len(poor), 'route')} of other regions name{'s' if len(poor) == 1 else ''} no "
            f"currency: {first_few(poor)}",
            "Give each a currency, or have its bots name one: without, a charge by amount is "
            "refused.",
        )
    yield from _writable_by_others(name, file)


def _writable_by_others(name: str, file: Path) -> Iterator[Check]:
    if file.stat().st_mode & 0o002:
        yield warning(
            name,
            f"every user on this host may write {file}, and so choose what the bots charge",
            f"chmod o-w {file}",
        )


def _limits_file(chosen: Path | None) -> Iterator[Check]:
    name = "limits file"
    file = chosen or LIMITS_FILE
    if chosen is None and not file.exists():
        yield info(name, f"{file} does not exist: nothing limits what bots spend")
        return
    try:
        check_limits_file(file)
    except LimitsConfigError as error:
        yield wrong(name, error.problem.removeprefix("Limits file "), error.remedy)
        return
    yield warning(
        name,
        f"{file} is YAML; this version of the package does not read its rules yet",
        "Do not rely on it: nothing limits what bots spend.",
    )
    yield from _writable_by_others(name, file)
