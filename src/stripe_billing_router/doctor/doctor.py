"""The parts that are looked at, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from ..errors import ConfigurationError
from ..settings import STRIPE_API, VARIABLES, Settings, named
from . import alerts, files, host, keys, ledger, routing
from .diagnosis import Check, Diagnosis, ok, warning, wrong
from .examination import LONGEST_S, Part, examine

_Problems = Sequence[tuple[str, str]]

_VAULT: Final = frozenset(name for name in Settings.model_fields if name.startswith("vault_"))
_KEYS: Final = _VAULT | {"secret_key", "public_key", "master_account_id", "baked_keys_file"}


def diagnose(settings: Settings | None = None, *, longest_s: float = LONGEST_S) -> Diagnosis:
    """Look at everything that the router needs, and say what to do about what is wrong.

    Never raises for what it finds, and takes `longest_s` seconds at most, whatever hangs.

    Args:
        settings: those of a router (`get_router().settings`). Without them the environment is
            read, and settings that cannot be used are among what is found.
    """
    problems: _Problems = ()
    if settings is None:
        settings, problems = _load()
    unusable = frozenset(field for field, _ in problems)
    parts = (
        Part("host", host.look),
        Part("settings", partial(_look_at_settings, problems=problems)),
        Part("keys", partial(keys.look, may_ask="api_base" not in unusable), _KEYS),
        Part("routing", routing.look, frozenset({"routing_config", "limits_config"})),
        Part("ledger", ledger.look, frozenset({"ledger_url", "ledger_dir"})),
        Part("files", files.look, frozenset({"ledger_dir"})),
        Part("alerts", alerts.look, frozenset({"alert_urls"})),
    )
    return Diagnosis(examine(parts, settings, unusable, longest_s=longest_s))


def _load() -> tuple[Settings, _Problems]:
    """Read the environment; leave out what cannot be used, so that the rest can be looked at."""
    problems: _Problems = ()
    try:
        return Settings.load(), problems
    except ConfigurationError as error:
        problems = error.details["problems"]
    fields = Settings.model_fields
    usable = {name: fields[name].get_default() for name, _ in problems if name in fields}
    return Settings.load(**usable), problems


def _look_at_settings(settings: Settings, problems: _Problems) -> Iterator[Check]:
    for field, why in problems:
        yield wrong("settings", f"{named(field)} {why}", "Correct it, or unset it.")
    chosen = [VARIABLES.get(name, name) for name in Settings.model_fields
              if name in settings.model_fields_set and name not in dict(problems)]  # fmt: skip
    listed = f"set: {', '.join(chosen)}" if chosen else "none is set, all are the defaults"
    if not problems:
        yield ok("settings", listed)
    if settings.api_base != STRIPE_API or settings.http_client is not None:
        elsewhere = settings.api_base if settings.http_client is None else "http_client"
        yield warning(
            "Stripe's address",
            f"{elsewhere} answers in Stripe's place",
            "To take money, unset STRIPE_API_BASE and http_client.",
        )
