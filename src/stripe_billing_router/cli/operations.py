"""`operations`: what the journal has of each business key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ..core.money import to_major
from ..core.operation import Operation, State, StepRecord
from ..errors import UnknownOperationError
from ..redaction import strip_secrets
from . import when
from .backend import open_records
from .output import Cell, Column, Table, console, facts, heading, plural, print_line, safe, say
from .routes import Format

if TYPE_CHECKING:
    from ..core.receipt import Receipt

SHOWN_OPERATIONS = 50

# What a person should know of a state, and do; the others speak for themselves.
MEANINGS = {
    State.PENDING: "A call is in progress, or its process has died: the next call with the same "
    "key continues it.",
    State.UNKNOWN: "Whether it took effect is not known yet. Call again with the same key: that "
    "never pays twice.",
    State.OPEN: "Stripe has accepted it, and it is not final.",
    State.SUCCEEDED: "It took effect. The same key always returns this receipt.",
    State.FAILED: "Nothing moved, and nothing is left payable. The same key starts a new attempt.",
    State.ROLLING_BACK: "It went to a foreign account, and its reversal is not complete. The bot "
    "is frozen.",
    State.ROLLED_BACK: "It went to a foreign account and was reversed. Its key pays nothing more.",
    State.AWAITING_APPROVAL: "A person must approve it first.",
    State.DENIED: "A person denied it, or did not answer in time.",
}
UNSETTLED = (
    State.PENDING,
    State.UNKNOWN,
    State.OPEN,
    State.ROLLING_BACK,
    State.AWAITING_APPROVAL,
)
_STYLES = {
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.DENIED: "red",
    State.ROLLING_BACK: "bold red",
    State.ROLLED_BACK: "red",
    State.UNKNOWN: "bold yellow",
    State.AWAITING_APPROVAL: "yellow",
}


def operations(
    operation_id: Annotated[
        str | None,
        typer.Argument(
            metavar="OPERATION_ID", help="Show this one (op_…): its steps, receipt and error."
        ),
    ] = None,
    state: Annotated[
        list[State] | None,
        typer.Option(
            metavar="STATE",
            help=f"Only those in this state: {', '.join(State)}. May be repeated.",
        ),
    ] = None,
    unsettled: Annotated[
        bool,
        typer.Option(
            "--unsettled",
            help=f"Only those that are not finished: {', '.join(UNSETTLED)}.",
        ),
    ] = False,
    bot: Annotated[str | None, typer.Option(metavar="BOT_ID", help="Only this bot's.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Only the newest N.")
    ] = SHOWN_OPERATIONS,
    output: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
) -> None:
    """List operations, the newest first, or show one.

    An operation is one business key: what a bot asked for once, however often it called.
    """
    if operation_id is not None and (state or unsettled or bot):
        raise typer.BadParameter("an operation's id goes without --state, --unsettled and --bot")
    states = dict.fromkeys((*(state or ()), *(UNSETTLED if unsettled else ())))
    is_cut = False
    with open_records() as records:
        if operation_id is not None:
            one = records.find(operation_id)
            if one is None:
                raise UnknownOperationError(
                    f"No operation has the id {operation_id!r}", "See `operations` for the ids."
                )
            found = [one]
        else:
            found = records.operations(state=tuple(states), bot_id=bot, limit=limit + 1)
            found, is_cut = found[:limit], len(found) > limit
    if output is Format.JSONL:
        for operation in found:
            typer.echo(json.dumps(_as_json(operation)))
    elif operation_id is not None:
        _show(found[0])
    else:
        _list(found, is_cut=is_cut)


def _as_json(operation: Operation) -> Any:
    from ..storage import codec  # noqa: PLC0415 - Not needed for `--help`.

    return strip_secrets(codec.operation_values(operation, whole=True))


def _list(found: Sequence[Operation], *, is_cut: bool) -> None:
    out = console()
    by_day = out.is_terminal
    columns = (
        Column("UTC" if by_day else "created (UTC)"),
        Column("state", folds=9),
        Column("action", folds=12),
        Column("amount", right=True),
        Column("bot", folds=16),
        Column("operation", folds=18),
    )

    def cells() -> Iterator[Sequence[Cell] | str]:
        last: date | None = None
        for operation in found:
            day = when.day(operation.created_ms)
            if by_day and day != last:
                yield f"{day:%Y-%m-%d}"
            last = day
            yield (
                (when.clock if by_day else when.full)(operation.created_ms),
                state_text(operation.state),
                operation.action,
                _amount(operation) or "-",
                safe(operation.bot_id),
                operation.operation_id,
            )

    if not Table(columns, out).print(cells()):
        say("No operations match.", style="dim", stderr=True)
        return
    note = plural(len(found), "operation") + (", the newest; there are more" if is_cut else "")
    say(f"\n{note}.", style="dim")


def state_text(state: State) -> Text:
    """Return a state in the colour that it has everywhere."""
    return Text(state, _STYLES.get(state, ""))


def _amount(operation: Operation) -> str | None:
    """Return the amount of the result, else what was asked for; a price's is not known before."""
    result, instruction = operation.result, operation.instruction
    if result is not None and result.amount is not None:
        return safe(f"{result.amount} {result.currency or ''}".strip())
    if instruction.amount is not None:
        return safe(instruction.amount)
    if instruction.amount_minor is not None and instruction.currency:
        return f"{to_major(instruction.amount_minor, instruction.currency)} {instruction.currency}"
    return None


def _show(operation: Operation) -> None:
    title = Text.assemble((operation.operation_id, "bold"), "  ", state_text(operation.state))
    print_line(console(), title)
    say(f"  {MEANINGS[operation.state]}", style="dim")
    instruction = operation.instruction
    facts(
        (
            ("bot", operation.bot_id),
            ("action", f"{operation.action}, by {instruction.kind}"),
            ("amount", _amount(operation)),
            ("price", instruction.price_id),
            ("customer", instruction.customer_id),
            ("payment method", instruction.payment_method_id),
            ("refund of", instruction.payment_id),
            ("description", instruction.description),
            ("business key", operation.idempotency_key),
            ("account", operation.account),
            ("created", f"{when.full(operation.created_ms)} UTC"),
            ("updated", f"{when.full(operation.updated_ms)} UTC"),
            ("attempt", operation.attempt),
            ("in progress by", operation.lease_owner),
        )
    )
    heading("Steps")
    _show_steps(operation.steps)
    if operation.receipt is not None:
        heading("Receipt")
        _show_receipt(operation.receipt)
    if operation.error_code or operation.error_message:
        heading("Error")
        facts((("code", operation.error_code), ("message", operation.error_message)))


def _show_steps(steps: Sequence[StepRecord]) -> None:
    columns = (
        Column("  #", right=True),
        Column("attempt", right=True),
        Column("first sent (UTC)"),
        Column("call", folds=16),
        Column("outcome", folds=16),
    )
    shown = Table(columns).print(
        (
            f"{number}",
            f"{step.attempt}",
            when.full(step.first_sent_ms) if step.first_sent_ms is not None else "not yet",
            safe(" ".join(filter(None, (step.method, step.target)))),
            _outcome(step),
        )
        for number, step in enumerate(steps, start=1)
    )
    if not shown:
        say("  none: nothing was sent", style="dim")


def _outcome(step: StepRecord) -> Text:
    if step.reply is not None:
        words = [step.reply.get("id"), step.reply.get("status")]
        return Text(safe(" ".join(str(word) for word in words if word) or "answered"))
    if step.failure is not None:
        names = ("kind", "stripe_code", "decline_code", "request_id")
        words = [step.failure.get(name) for name in names]
        unique = dict.fromkeys(str(word) for word in words if word)
        return Text(safe(" ".join(unique)), "red")
    times = (
        f", {plural(step.unknown_sends, 'send')} without an answer" if step.unknown_sends else ""
    )
    return Text(f"not known{times}", "yellow")


def _show_receipt(receipt: Receipt) -> None:
    facts(
        (
            ("object", f"{receipt.object} {receipt.id}".strip()),
            ("status", receipt.status),
            ("paid", "yes" if receipt.paid else "no"),
            ("amount", None if receipt.amount is None else f"{receipt.amount} {receipt.currency}"),
            ("request", receipt.request_id),
        )
    )
