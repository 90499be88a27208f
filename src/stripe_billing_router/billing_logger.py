"""The one way into `stripe_ledger`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from .core.clean_json import CleanJson, CleanText
from .core.default_writer import write_by_default
from .core.ids import time_sorted_id
from .core.operation import LedgerRow
from .errors import InputError
from .redaction import redact, strip_secrets

Writer = Callable[[LedgerRow], object]

# More than any payment or sum of payments has, on either side of the point.
_MOST_DIGITS: Final = 20
_OBJECT: Final = "Pass one JSON object, as text or as a mapping."


def log_event(
    *,
    action_type: str,
    amount: Decimal | int | str | None = None,
    currency: str | None = None,
    timestamp_ms: int | None = None,
    user_email: str | None = None,
    bot_id: str | None = None,
    destination_account: str | None = None,
    raw_event_json: str | Mapping[str, Any] | None = None,
    error: int | bool = 0,
    id: str | None = None,  # noqa: A002 - the column's name is part of the contract
    writer: Writer | None = None,
) -> str:
    """Write one row to `stripe_ledger` and return its id.

    `amount` is exact, in major units of `currency` (a float is refused); `timestamp_ms` defaults
    to now; `raw_event_json` is JSON text or a mapping, stored without secrets; `error` is 1 for
    what failed. Rows with `error=0` and the action type `charge`, `subscription` or `refund` are
    money: one for each Stripe object. Without a `writer` the row goes to the default router's
    ledger on its own; the engine passes a writer that puts it into its own transaction.

    Raises `InputError` for a value that a column cannot hold.
    """
    stamp = _stamp(timestamp_ms)
    texts = _texts(
        id=id,
        action_type=action_type,
        # Before it is looked through: what looks like a key in lower case only is one as well.
        currency=currency.lower() if isinstance(currency, str) else currency,
        user_email=user_email,
        bot_id=bot_id,
        destination_account=destination_account,
    )
    row = LedgerRow(
        **{
            **texts,
            "id": texts["id"] or time_sorted_id("led", stamp),
            "currency": texts["currency"] or None,
        },
        amount=None if amount is None else _exact(amount),
        timestamp_ms=stamp,
        raw_event_json=_raw(raw_event_json),
        error=_error(error),
    )
    if writer is not None:
        writer(row)
    elif not write_by_default(row):
        raise InputError(
            f"The row was not written: the ledger already has a {row.action_type} row for this "
            f"Stripe object, or another row with the id {row.id}",
            "Write each row once, under an id of its own.",
        )
    return row.id


def row_of(**columns: Any) -> LedgerRow:
    """Return the row that `log_event` makes of these columns, for a writer's own transaction."""
    rows: list[LedgerRow] = []
    log_event(**{**columns, "writer": rows.append})
    return rows[0]


def _stamp(value: int | None) -> int:
    if value is None:
        return time.time_ns() // 1_000_000
    # Before an id is made of it: ids of later rows must not follow an impossible time.
    if type(value) is not int or not 0 <= value < 2**53:
        raise InputError(
            f"timestamp_ms is {value!r:.40}, not a time", "Pass milliseconds since 1970 as an int."
        )
    return value


def _texts(**columns: object) -> dict[str, Any]:
    """Return texts as a database can store them, without secrets."""
    for column, value in columns.items():
        if value is not None and not isinstance(value, str):
            raise InputError(
                f"{column} is a {type(value).__name__}, not a text", "Pass a str, or None."
            )
    if not columns["action_type"]:
        raise InputError("The action_type is empty", "Pass a word such as 'charge'.")
    # Looked through at once: with a line for each, nothing begins in one and ends in another.
    together = "\n".join([str(value) for value in columns.values() if value is not None])
    if together.isascii() and "\0" not in together and redact(together) == together:
        return {name: None if value is None else str(value) for name, value in columns.items()}
    return {name: strip_secrets(value) for name, value in columns.items()}


def _error(value: object) -> int:
    if not isinstance(value, int) or value not in (0, 1):
        raise InputError(f"The column error is {value!r:.40}", "Pass 0, or 1 for what failed.")
    return int(value)


def _exact(amount: Decimal | int | str) -> Decimal:
    if isinstance(amount, bool | float):
        raise InputError(
            f"The ledger amount {amount!r} is a {type(amount).__name__}, which is not exact",
            "Pass a Decimal, an int or a text.",
        )
    try:
        exact = Decimal(amount)
    except ArithmeticError:
        exact = Decimal("NaN")
    if not exact.is_finite() or int(exact.as_tuple().exponent) < -_MOST_DIGITS:
        raise InputError(
            f"The ledger amount {amount!r:.40} is not a finite number", "Pass major units: 19.99."
        )
    if exact and exact.adjusted() >= _MOST_DIGITS:
        raise InputError(
            f"The ledger amount has more than {_MOST_DIGITS} digits before its point",
            "Pass major units: 19.99.",
        )
    return exact


def _raw(value: str | Mapping[str, Any] | None) -> CleanText:
    if isinstance(value, CleanJson):
        return value.text
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InputError("raw_event_json is not valid JSON", _OBJECT) from None
    if value is not None and not isinstance(value, Mapping):
        raise InputError("raw_event_json is not a JSON object", _OBJECT)
    try:
        stripped = strip_secrets(value or {})
        text = json.dumps(
            stripped, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
        )
    except RecursionError:
        raise InputError("raw_event_json is nested too deeply, or holds itself", _OBJECT) from None
    except (TypeError, ValueError) as problem:
        raise InputError(f"raw_event_json cannot be written as JSON: {problem}", _OBJECT) from None
    return CleanText(text)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"a {type(value).__name__} is not a JSON value")
