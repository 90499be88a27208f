"""The commands and what they share: one way to fail, and nothing secret in any message."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import BillingError
from ..redaction import redact
from ..storage.errors import StorageError
from . import bake_keys, doctor, freezes, guard, ledger, operations, recover, routes
from .output import complain

LOOKING = "Looking"
ACTING = "Acting"

# Command -> what people do with it; shown by its help, and in the documentation.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "doctor": ("doctor", "doctor --json"),
    "ledger": (
        "ledger --bot finance:finance_router_bot --since 24h",
        "ledger --since 2026-07-01 --until 2026-08-01 --money --format csv > july.csv",
        "ledger --object pi_3PqFp2eZvKYlo2C1",
        "ledger --errors --since 7d --format jsonl",
    ),
    "operations": (
        "operations --unsettled",
        "operations op_e3sx4yzq5l2ymn6o6blxwvq2hj7k4rcd",
    ),
    "recover": ("recover", "recover --format jsonl"),
    "freezes": ("freezes --all",),
    "routes": ("routes 'finance:*' --region eu",),
    "resolve": (
        "resolve finance:finance_router_bot --override region=eu",
        "resolve finance:finance_router_bot --override business=enterprise --import our.billing",
    ),
    "freeze": (
        "freeze finance:finance_router_bot --reason 'charges the wrong customers'",
        "freeze '*' --reason 'incident 12' --by ada",
    ),
    "unfreeze": ("unfreeze finance:finance_router_bot --approver grace",),
    "bake-keys": ("bake-keys --from vault", "bake-keys --from prompt --output /srv/bots/keys.py"),
    "guard": (
        "guard .",
        "guard --format sarif . > guard.sarif",
        "guard --write-baseline .",
    ),
}


class Group(TyperGroup):
    """Commands whose errors a person reads: no traceback, no secret, exit status 1 (2 for use)."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command's own arguments."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - Raised again, whatever it is.
            raise _without_secrets(error) from None

    def invoke(self, ctx: Any) -> Any:
        """Run one of the commands."""
        try:
            return super().invoke(ctx)
        except (BillingError, StorageError) as error:
            complain(*_in_words(error))
            raise typer.Exit(1) from None
        except Exception as error:  # noqa: BLE001 - As above.
            raise _without_secrets(error) from None


def _without_secrets(error: Exception) -> Exception:
    # Wrong use is answered by quoting it: a key that was pasted into the wrong place as well.
    if isinstance(getattr(error, "message", None), str):
        error.message = redact(error.message)  # type: ignore[attr-defined]
    return error


def _in_words(error: BillingError | StorageError) -> tuple[str, str]:
    if not isinstance(error, BillingError):
        return "Error", str(error)
    # What is known of the money says nothing where no call was made.
    text = str(error) if error.operation_id or error.money_moved != "no" else error.message
    return f"Error: {error.code}", text


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"stripe_billing_router {metadata.version('stripe_billing_router')}")
        except metadata.PackageNotFoundError:
            typer.echo("stripe_billing_router, which is not installed")
        raise typer.Exit


ABOUT = """See what the bots have paid, stop bots, and set the router up.

Settings come from the environment, as for the bots: STRIPE_LEDGER_URL or STRIPE_LEDGER_DIR name \
the database, STRIPE_ROUTING_CONFIG the routing file. No command here begins a payment: recover \
finishes at Stripe what a bot has begun, doctor asks Stripe whose the keys are, and no other talks \
to Stripe. recover and bake-keys need Stripe keys."""


@app.callback(help=ABOUT)
def stripe_billing_router(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options before the command."""


def _paragraphs(text: str | None) -> str:
    """Join the lines of each paragraph: the terminal breaks them where it ends."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _examples(name: str) -> str:
    return "\n\n".join(f"stripe-billing-router {line}" for line in EXAMPLES[name])


for _name, _command, _panel in (
    ("doctor", doctor.doctor, LOOKING),
    ("ledger", ledger.ledger, LOOKING),
    ("operations", operations.operations, LOOKING),
    ("freezes", freezes.freezes, LOOKING),
    ("routes", routes.routes, LOOKING),
    ("resolve", routes.resolve, LOOKING),
    ("recover", recover.recover, ACTING),
    ("freeze", freezes.freeze, ACTING),
    ("unfreeze", freezes.unfreeze, ACTING),
    ("bake-keys", bake_keys.bake_keys, ACTING),
    ("guard", guard.guard, LOOKING),
):
    _help = _paragraphs(_command.__doc__)
    app.command(_name, help=_help, epilog=_examples(_name), rich_help_panel=_panel)(_command)
