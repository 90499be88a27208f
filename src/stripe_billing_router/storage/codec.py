"""Operations, freezes and ledger rows as JSON, for the journal's columns and the spool's lines.

The only place that knows the stored form. Reading ignores unknown fields, so that a host with an
older package can read what a newer one wrote. Stripe's answers are stored without secrets;
parameters are stored exactly, because they are resent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from ..core.clean_json import CleanJson, CleanText, as_stored, clean, is_surely_clean, to_json
from ..core.operation import Freeze, Instruction, LedgerRow, Operation, Result, State, StepRecord
from ..domain.steps import NAMING
from ..errors import ConfigurationError
from ..redaction import strip_secrets

# The version of a stored line. It rises when an older package must not read a newer line.
FORMAT: Final = 1


class _Fields:
    """The fields of one kind of record, read together."""

    def __init__(self, kind: type, *left_out: str) -> None:
        self.names = tuple(one.name for one in fields(kind) if one.name not in left_out)
        self._read = attrgetter(*self.names)

    def of(self, record: object) -> dict[str, Any]:
        """Return the fields of a record by name."""
        return dict(zip(self.names, self._read(record), strict=True))

    def known(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Return those of a stored record, without fields that only a newer package knows."""
        return {name: values[name] for name in self.names if name in values}


_PLAN: Final = _Fields(Instruction)
_STEP: Final = _Fields(StepRecord)
_RESULT: Final = _Fields(Result)
_FREEZE: Final = _Fields(Freeze)
_ROW: Final = _Fields(LedgerRow)
_SCALARS: Final = _Fields(Operation, "instruction", "steps", "result", "state")
LEDGER_COLUMNS: Final = _ROW.names


def operation_columns(operation: Operation) -> dict[str, Any]:
    """Return the journal's columns of `operation`."""
    columns = _scalars(operation)
    columns["state"] = str(operation.state)
    columns["plan"] = to_json(_PLAN.of(operation.instruction))
    columns["steps"] = to_json([_step_values(step) for step in operation.steps])
    columns["result"] = to_json(_result_values(operation.result)) if operation.result else None
    return columns


def operation_from_columns(columns: Mapping[Any, Any]) -> Operation:
    """Return the operation of one row of the journal."""
    decoded = {name: columns[name] for name in _SCALARS.names}
    decoded["state"] = columns["state"]
    decoded["plan"] = json.loads(columns["plan"])
    decoded["steps"] = json.loads(columns["steps"])
    decoded["result"] = json.loads(columns["result"]) if columns["result"] else None
    return operation_from_values(decoded)


def operation_values(operation: Operation, *, whole: bool = False) -> dict[str, Any]:
    """Return `operation` as one JSON object; if `whole`, with the object in its ledger row."""
    values = _scalars(operation)
    values["state"] = str(operation.state)
    values["plan"] = _PLAN.of(operation.instruction)
    values["steps"] = [_step_values(step) for step in operation.steps]
    result = operation.result
    values["result"] = _result_values(result, whole=whole) if result else None
    return values


def operation_from_values(values: Mapping[str, Any]) -> Operation:
    """Return the operation of a JSON object.

    Raises:
        ConfigurationError: a newer version of this package wrote a state unknown to this one.
    """
    try:
        state = State(values["state"])
    except ValueError:
        raise ConfigurationError(
            f"Operation {values['operation_id']} is in the state {values['state']!r}, which this "
            "version does not know",
            "Update stripe_billing_router on this host.",
        ) from None
    result = values.get("result")
    return Operation(
        state=state,
        instruction=Instruction(**_PLAN.known(values["plan"])),
        steps=tuple(map(_step, values.get("steps") or ())),
        result=Result(**_RESULT.known(result)) if result else None,
        **_SCALARS.known(values),
    )


def with_body(operation: Operation, raw_event_json: str) -> Operation:
    """Return an operation with the object from its ledger row."""
    body = object_or_none(raw_event_json)
    if operation.result is None or body is None:
        return operation
    # Another host's row of the same object may say less of it than the journal does.
    whole = as_stored({**operation.result.body, **body})
    return replace(operation, result=replace(operation.result, body=whole))


def _step(values: Mapping[str, Any]) -> StepRecord:
    known = _STEP.known(values)
    if known.get("reply") is not None:
        known["reply"] = as_stored(known["reply"])
    return StepRecord(**known)


def freeze_values(freeze: Freeze) -> dict[str, Any]:
    """Return `freeze` as columns, which are also its JSON object."""
    values = _FREEZE.of(freeze)
    for name in ("pattern", "reason", "actor"):
        values[name] = strip_secrets(values[name])
    return values


def freeze_from_values(values: Mapping[Any, Any]) -> Freeze:
    """Return the freeze of a row or of a JSON object."""
    return Freeze(**_FREEZE.known(values))


def row_columns(row: LedgerRow) -> dict[str, Any]:
    """Return the ten columns of `row`, safe to store: no secret, valid JSON, finite amount."""
    columns = _ROW.of(row)
    if isinstance(row.raw_event_json, CleanText):
        return columns  # made by `log_event`, which has looked through all of them
    for name in ("action_type", "currency", "user_email", "bot_id", "destination_account"):
        if columns[name] is not None:
            columns[name] = strip_secrets(columns[name])
    columns["raw_event_json"] = safe_raw_json(row.raw_event_json)
    return columns


def row_values(row: LedgerRow) -> dict[str, Any]:
    """Return `row` as a JSON object of exactly the ten columns; the amount is exact text."""
    columns = row_columns(row)
    if row.amount is not None:
        columns["amount"] = format(row.amount, "f")
    return columns


def row_from_values(values: Mapping[Any, Any]) -> LedgerRow:
    """Return the ledger row of a row or of a JSON object."""
    known = _ROW.known(values)
    if known["amount"] is not None:
        known["amount"] = Decimal(known["amount"])
    return LedgerRow(**known)


def safe_raw_json(text: str) -> str:
    """Return the Stripe object in `text` as JSON that every database accepts, without secrets.

    Text that is not a JSON object is kept as a string in one, so that no row is lost.
    """
    value = object_or_none(text)
    if value is None:
        return clean({"unparsed": text}).text
    # Not by comparing: the text may name a field twice, and its first value is not in `value`.
    return text if is_surely_clean(text) else clean(value).text


def object_or_none(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None if there is none that every database accepts."""
    try:
        value = json.loads(text, parse_constant=_reject_constant)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def object_id(raw_event_json: str) -> str | None:
    """Return the id of the Stripe object in a ledger row."""
    found = (object_or_none(raw_event_json) or {}).get("id")
    return found if isinstance(found, str) else None


def _scalars(operation: Operation) -> dict[str, Any]:
    values = _SCALARS.of(operation)
    if operation.error_message:
        values["error_message"] = strip_secrets(operation.error_message)
    return values


def _step_values(step: StepRecord) -> dict[str, Any]:
    values = _STEP.of(step)
    for name in ("reply", "failure"):
        value = values[name]
        if value is not None and not isinstance(value, CleanJson):
            values[name] = clean(value)
    return values


def _result_values(result: Result, *, whole: bool = False) -> dict[str, Any]:
    values = _RESULT.of(result)
    if result.ledger_id is not None and not whole:
        values["body"] = {name: result.body[name] for name in NAMING if name in result.body}
    else:
        values["body"] = clean(result.body)
    return values


def _reject_constant(name: str) -> Any:
    raise ValueError(name)  # JSON has no NaN and no Infinity, and PostgreSQL accepts neither.
