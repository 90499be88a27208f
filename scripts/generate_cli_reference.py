"""Generate docs/command-line.md from the commands themselves, with outputs of real runs.

Without arguments it writes the page; with `--check` it says whether the page is what the commands
say, and exits with 1 if it is not.
"""

from __future__ import annotations

import argparse
import inspect
import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from typer.models import ArgumentInfo

from stripe_billing_router.billing_logger import log_event
from stripe_billing_router.cli.app import ABOUT, EXAMPLES, app
from stripe_billing_router.core.operation import LedgerRow
from stripe_billing_router.router import BillingRouter
from stripe_billing_router.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "command-line.md"
COMMAND = "stripe-billing-router"

INTRODUCTION = """\
# The command

<!-- Written by scripts/generate_cli_reference.py: change the commands, then run it. -->

{about}

It comes with the extra `cli` (`pip install 'stripe_billing_router[cli]'`). `{command} --help` and
`{command} ledger --help` say what is said here.

A terminal gets colours and tables that fit it. A pipe or file gets plain text, each row whole on
one line; `NO_COLOR` turns colours off everywhere. Times are UTC. Secrets are never printed: what
looks like one is masked, and control characters are escaped.

Results go to stdout, everything else to stderr. The exit status is 0 for success, 1 for an error
(one paragraph that says what to do) or for what `doctor` finds wrong, and 2 for wrong use;
`recover` has one more.
"""

# (action, amount, currency, bot, object, error, minutes after the first)
ROWS = (
    ("charge", "10.00", "usd", "finance:finance_router_bot", "pi_3PqFp2eZvKYlo2C1", 0, 0),
    ("charge", "49.00", "eur", "finance:finance_router_bot", "in_1PqFt7eZvKYlo2CW", 0, 42),
    ("charge", "19.99", "usd", "analytics:new_bot", "pi_3PqGb1eZvKYlo2C0", 1, 75),
    ("subscription", "9.00", "usd", "analytics:new_bot", "sub_1PqGc4eZvKYlo2CE", 0, 76),
    ("refund", "2.50", "usd", "finance:finance_router_bot", "re_3PqFp2eZvKYlo2C1", 0, 190),
)
START_MS = 1_782_907_200_000  # 2026-07-01 12:00:00 UTC

# Command -> the line whose output the page shows.
SAMPLES = {
    "ledger": "ledger --since 2026-07-01 --until 2026-08-01",
    "resolve": "resolve finance:finance_router_bot --override region=eu",
}


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command, as its reader sees it."""

    name: str
    value: str
    default: str
    help: str
    is_argument: bool
    is_required: bool
    is_repeated: bool


def parameters(command: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the parameters of a command in the order of its help."""
    hints = typing.get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info = typing.get_args(hints[name])
        kinds = [each for each in typing.get_args(kind) if each is not type(None)] or [kind]
        is_repeated = typing.get_origin(kinds[0]) is list
        is_required = parameter.default is inspect.Parameter.empty
        # Inside `Annotated` the first of the names stands where a default stands otherwise.
        named = [each for each in (info.default, *(info.param_decls or ())) if each is not ...]
        option = named[0] if named else f"--{name.replace('_', '-')}"
        value = info.metavar or ("" if kinds[0] is bool else choices(kinds[0]))
        yield Parameter(
            name=value if isinstance(info, ArgumentInfo) else option,
            value=value,
            default="" if is_required else shown_default(parameter.default),
            help=info.help,
            is_argument=isinstance(info, ArgumentInfo),
            is_required=is_required,
            is_repeated=is_repeated,
        )


def choices(kind: Any) -> str:
    """Return the values of an enumeration."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return "VALUE"


def shown_default(default: Any) -> str:
    """Return a default as it would be typed; nothing where its absence is the default."""
    if default is None or default is False:
        return ""
    return str(default.value if isinstance(default, Enum) else default)


def usage(name: str, known: list[Parameter]) -> str:
    """Return the line that shows how a command is called."""
    words = [COMMAND, name]
    for each in known:
        word = each.name if each.is_argument else f"{each.name} {each.value}".strip()
        if each.is_required:
            words.append(word)
        elif each.is_argument:
            words.append(f"[{word}]")
    if not all(each.is_argument or each.is_required for each in known):
        words.append("[OPTIONS]")
    return " ".join(words)


def table(known: list[Parameter]) -> Iterator[str]:
    """Yield the lines of the table of a command's arguments and options."""
    yield "| argument or option | what it does |"
    yield "|---|---|"
    for each in known:
        name = each.name if each.is_argument else f"{each.name} {each.value}".strip()
        text = each.help.replace("|", "\\|")
        if each.default:
            text += f" Default: `{each.default}`."
        if each.is_required:
            text += " Required."
        yield f"| `{name.replace('|', chr(92) + '|')}` | {text} |"


def section(name: str, command: Callable[..., Any], samples: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines about one command."""
    known = list(parameters(command))
    yield from ("", f"## {name}", "", "```text", usage(name, known), "```", "")
    yield from (inspect.cleandoc(command.__doc__ or ""), "", *table(known), "")
    yield from ("```text", *(f"{COMMAND} {line}" for line in EXAMPLES[name]), "```")
    if name in samples:
        yield from ("", "```text", f"$ {COMMAND} {SAMPLES[name]}", samples[name].rstrip(), "```")


def run_samples() -> dict[str, str]:
    """Return what the commands of `SAMPLES` print, over a ledger that is the same each time."""
    with tempfile.TemporaryDirectory() as folder:
        routing_config = ROOT / "config" / "stripe_billing_router.yaml"
        router = BillingRouter(ledger_dir=Path(folder), routing_config=routing_config)
        rows: list[LedgerRow] = []
        for action, amount, currency, bot, stripe_id, error, minutes in ROWS:
            raw = {"id": stripe_id} | ({"code": "payment_declined"} if error else {})
            log_event(
                action_type=action,
                amount=amount,
                currency=currency,
                bot_id=bot,
                timestamp_ms=START_MS + minutes * 60_000,
                raw_event_json=raw,
                error=error,
                writer=rows.append,
            )
        for row in rows:
            router.records.log(row)
        router.close()
        unset = set(VARIABLES.values())
        environment = {name: text for name, text in os.environ.items() if name not in unset}
        environment |= {"STRIPE_LEDGER_DIR": folder, "STRIPE_ROUTING_CONFIG": str(routing_config)}
        return {name: run(line, environment) for name, line in SAMPLES.items()}


def run(line: str, environment: Mapping[str, str]) -> str:
    """Return what a command prints."""
    command = [sys.executable, "-m", "stripe_billing_router", *shlex.split(line)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def page() -> str:
    """Return the page as it should be."""
    samples = run_samples()
    lines = [
        INTRODUCTION.format(
            about=textwrap.fill(ABOUT.partition("\n\n")[2], 100), command=COMMAND
        ).rstrip()
    ]
    for command in app.registered_commands:
        if command.name is not None and command.callback is not None:
            lines += section(command.name, command.callback, samples)
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page; return the exit status."""
    parser = argparse.ArgumentParser(description="Generate the reference of the command.")
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    check: bool = parser.parse_args(arguments).check
    text = page()
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote {PAGE.name}")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        print(f"{PAGE.name} is current")
        return 0
    print(
        f"{PAGE.name} is not what the commands say; run: python scripts/{Path(__file__).name}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
