"""Whether the database is unavailable: alerted once per outage, retried without delaying calls."""

from __future__ import annotations

import time
from typing import Final

from ..core.ports import Alert
from .errors import DatabaseUnavailableError

# A slow failure (a host that does not answer) would delay every call. The database is not tried
# again for a multiple of the time that it took, so that calls lose a fifth at most. A quick
# refusal costs nothing and is tried at each call.
PAUSE_FACTOR: Final = 4.0
LONGEST_PAUSE_S: Final = 15.0
QUICK_S: Final = 1.5


class Outage:
    """The current outage, if any. Without locks, so that a fork cannot inherit one."""

    def __init__(self, alert: Alert, description: str) -> None:
        self._alert = alert
        self._description = description
        self.present: dict[str, DatabaseUnavailableError] = {}  # holds one error, or nothing
        self._ask_again_s = 0.0

    def expect_worth_asking(self) -> None:
        """Raise the last `DatabaseUnavailableError` while it is too early to try again."""
        error = self.present.get("error")
        if error is not None and time.monotonic() < self._ask_again_s:
            raise DatabaseUnavailableError(str(error)) from None

    def begins(self, error: DatabaseUnavailableError, *, took_s: float) -> None:
        """Note a failed use; alert if it is the first."""
        pause_s = min(PAUSE_FACTOR * took_s, LONGEST_PAUSE_S) if took_s > QUICK_S else 0.0
        self._ask_again_s = time.monotonic() + pause_s
        if self.present.setdefault("error", error) is error:
            self._alert(
                "database_away",
                "critical",
                f"{error}. Records are spooled to files until it is available again.",
                {"database": self._description},
            )

    def ends(self) -> None:
        """Note a successful use; alert if it ends an outage."""
        if self.present and self.present.pop("error", None) is not None:
            self._alert(
                "database_back",
                "info",
                f"{self._description} is available again.",
                {"database": self._description},
            )
