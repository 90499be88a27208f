"""Freeze and unfreeze bots: stored, recorded in the ledger, and alerted."""

from __future__ import annotations

from ..billing_logger import row_of
from ..core.ids import time_sorted_id
from ..core.operation import Freeze
from ..core.ports import Alert, Runtime
from ..domain.ledger_rows import policy_row
from ..domain.requests import check_text
from ..errors import InputError, LedgerUnavailableError
from ..redaction import strip_secrets
from ..storage.errors import StorageError
from ..storage.records import Records


class Freezing:
    """Blocks bots until a freeze is lifted, in every process that shares the database."""

    def __init__(self, records: Records, alert: Alert, runtime: Runtime) -> None:
        self._records = records
        self._alert = alert
        self._runtime = runtime

    def freeze(self, bot_or_pattern: str, *, reason: str, actor: str) -> None:
        """Stop the next call of every bot that matches.

        Raises `InputError`, and `LedgerUnavailableError` if it applies in this process only.
        """
        pattern = _text("bot_or_pattern", bot_or_pattern, 200)
        why, who = _text("reason", reason, 500), _text("actor", actor, 200)
        if not (pattern and why and who):
            raise InputError(
                "A freeze has an empty argument",
                "Pass the bot or pattern, the reason and the actor.",
            )
        now_ms = self._runtime.now_ms()
        freeze = Freeze(
            id=time_sorted_id("frz", now_ms),
            pattern=pattern.removeprefix("stripe:"),
            reason=why,
            actor=who,
            created_ms=now_ms,
        )
        row = row_of(timestamp_ms=now_ms, **policy_row("freeze", freeze.pattern, who, why))
        try:
            self._records.freeze(freeze, row)
        except StorageError as problem:
            raise LedgerUnavailableError(
                f"{pattern} is frozen in this process only, because nothing could be written: "
                f"{problem}",
                "Freeze again once the database or the folder beside it can be written.",
            ) from None
        self._alert("freeze", "warning", f"{pattern} was frozen by {who}: {why}", {})

    def unfreeze(self, bot_or_pattern: str, *, approver: str) -> int:
        """Lift the freezes with exactly this pattern; return how many there were."""
        pattern = _text("bot_or_pattern", bot_or_pattern, 200)
        who = _text("approver", approver, 200)
        if not (pattern and who):
            raise InputError(
                "An unfreeze has an empty argument",
                "Pass the frozen bot or pattern, and the approver.",
            )
        pattern = pattern.removeprefix("stripe:")
        now_ms = self._runtime.now_ms()
        row = row_of(timestamp_ms=now_ms, **policy_row("unfreeze", pattern, who, ""))
        lifted = self._records.unfreeze(pattern, lifted_by=who, row=row)
        if lifted:
            self._alert("unfreeze", "warning", f"{pattern} was unfrozen by {who}", {})
        return lifted


def _text(name: str, value: object, longest: int) -> str:
    checked: str = strip_secrets(check_text(name, value, longest) or "")
    return checked
