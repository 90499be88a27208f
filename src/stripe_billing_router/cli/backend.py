"""What the commands work on, opened when a command needs it: `--help` must not wait for it.

Reading the records needs the database only: neither a Stripe key nor a routing file.
"""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..errors import BillingError, ConfigurationError, RoutingConfigError
from .output import safe, say

if TYPE_CHECKING:
    from ..router import BillingRouter
    from ..settings import Settings
    from ..storage.database import Database
    from ..storage.records import Records

# A routing file may not be empty; no bot can have this name.
_NO_BOT = (
    "stripe: {default: {-: {-: {product_id: prod_none, price_id: price_none, "
    "customer_id: cus_none}}}}"
)


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment."""
    from ..settings import Settings  # noqa: PLC0415 - Brings pydantic with it.

    return Settings.load(**overrides)


@contextmanager
def open_records() -> Iterator[Records]:
    """Open the database that the settings name; close it at the end."""
    from ..storage.records import Records  # noqa: PLC0415 - Brings SQLAlchemy with it.

    settings = load_settings()
    expect_database(settings)
    records = Records(
        settings.database_url,
        settings.ledger_dir,
        now_ms=now_ms,
        database_away=settings.database_away,
        alert=_Warnings(),
    )
    try:
        yield records
    finally:
        records.close()


@contextmanager
def open_router(modules: Sequence[str] = ()) -> Iterator[BillingRouter]:
    """Build the default router, let `modules` register what they register, close it at the end."""
    from ..default import get_router, reset  # noqa: PLC0415 - With the router, as above.

    _show_warnings()
    try:
        router = get_router()
        _import(modules)
        yield get_router() if modules else router
    finally:
        reset()


@contextmanager
def open_router_in_any_case() -> Iterator[tuple[BillingRouter, bool]]:
    """Build the default router, without routes if they cannot be read; say whether they were.

    Bots are stopped in an emergency, perhaps from a host that has no routing file, perhaps because
    that file is broken.
    """
    from ..default import configure, get_router, reset  # noqa: PLC0415 - With the router, as above.

    _show_warnings()
    problem = ""
    try:
        get_router()
    except RoutingConfigError as error:
        problem = error.message
    with TemporaryDirectory() as folder:
        if problem:
            say(f"Going on without routes: {safe(problem)}", style="yellow", stderr=True)
            file = Path(folder, "routes.yaml")
            file.write_text(_NO_BOT, encoding="utf-8")
            configure(routing_config=file)
        try:
            yield get_router(), not problem
        finally:
            reset()


def expect_database(settings: Settings) -> None:
    """Refuse a place without a ledger: a typing error there would look like a ledger without rows.

    Raises:
        ConfigurationError: the SQLite file does not exist, and no record waits beside it.
    """
    file = _database(settings).file
    if file is None or file.exists() or (settings.ledger_dir / "journal.jsonl").exists():
        return
    raise ConfigurationError(
        f"There is no ledger here: {file} does not exist",
        "Name its place by STRIPE_LEDGER_DIR or STRIPE_LEDGER_URL. A router creates it at its "
        "first operation.",
    )


def database_name(settings: Settings) -> str:
    """Name the database for a person, without user and password."""
    database = _database(settings)
    return str(database.file or database.description)


def _database(settings: Settings) -> Database:
    from ..storage.database import Database  # noqa: PLC0415 - Brings SQLAlchemy with it.

    return Database(settings.database_url)


def _import(modules: Sequence[str]) -> None:
    # As `python -m` does: start-up code is where the command is called.
    if modules and "" not in sys.path:
        sys.path.insert(0, "")
    for name in modules:
        problem = ""
        try:
            importlib.import_module(name)
        except BillingError:
            raise
        except Exception as error:  # noqa: BLE001 - Foreign code.
            problem = f"The module {name!r} cannot be imported: {type(error).__name__}: {error}"
        if problem:
            raise ConfigurationError(problem, "Correct --import, or the module.")


class _Warnings:
    """Shows what the records report; that the database is unavailable, the command's error says."""

    def __call__(
        self,
        kind: str,
        severity: str,
        message: str,
        context: Mapping[str, Any] | None = None,  # noqa: ARG002 - The alert's signature.
        *,
        once_key: str | None = None,  # noqa: ARG002 - As above.
    ) -> None:
        if severity != "info" and kind != "database_away":
            say(f"{kind}: {safe(message)}", style="yellow", stderr=True)

    def over(self, once_key: str) -> None:
        """Do nothing: a command shows each warning."""


class _ToStderr(logging.Handler):
    """Show a router's warnings as the command's own; those about freezes repeat what it says."""

    def emit(self, record: logging.LogRecord) -> None:
        message = safe(record.getMessage())
        if not message.startswith(("freeze:", "unfreeze:")):
            say(message, style="yellow", stderr=True)


def _show_warnings() -> None:
    log = logging.getLogger("stripe_billing_router")
    if not log.handlers:
        handler = _ToStderr(logging.WARNING)
        log.addHandler(handler)
        log.propagate = False
