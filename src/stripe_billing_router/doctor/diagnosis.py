"""The doctor's report as plain data: checks, each with a finding and a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..redaction import redact


class Status(StrEnum):
    """How a check ended, the worst last."""

    OK = "ok"
    INFO = "info"  # Neither good nor bad, and worth knowing.
    NOT_CHECKED = "not checked"  # Something else that is wrong prevents it.
    WARNING = "warning"  # The bots can work; an operator should look all the same.
    WRONG = "wrong"  # The bots cannot work, or not as they should.


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a diagnosis. Secrets in it are masked.

    `name` and `section` are stable names for programs; `remedy` is what to do, empty where nothing
    is to be done.
    """

    name: str
    status: Status
    finding: str
    remedy: str = ""
    section: str = ""

    def __post_init__(self) -> None:
        for field in ("finding", "remedy"):
            object.__setattr__(self, field, redact(getattr(self, field)))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was looked at, in the order in which a person reads it."""

    checks: tuple[Check, ...]

    def count(self, status: Status) -> int:
        """Return how many checks ended like this."""
        return sum(check.status is status for check in self.checks)

    @property
    def status(self) -> Status:
        """`wrong` or `warning` if any check is that; else `ok`."""
        for status in (Status.WRONG, Status.WARNING):
            if self.count(status):
                return status
        return Status.OK


def ok(name: str, finding: str) -> Check:
    """Return a check that found what should be."""
    return Check(name, Status.OK, finding)


def info(name: str, finding: str) -> Check:
    """Return a check whose finding is neither good nor bad."""
    return Check(name, Status.INFO, finding)


def warning(name: str, finding: str, remedy: str) -> Check:
    """Return a check that an operator should look at."""
    return Check(name, Status.WARNING, finding, remedy)


def wrong(name: str, finding: str, remedy: str) -> Check:
    """Return a check that found what keeps the bots from working."""
    return Check(name, Status.WRONG, finding, remedy)


def not_checked(name: str, why: str) -> Check:
    """Return a check that could not be made."""
    return Check(name, Status.NOT_CHECKED, why)
