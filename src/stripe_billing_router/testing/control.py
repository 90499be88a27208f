"""What another process may do with a served sandbox: seed, inject faults, count.

`POST /_sandbox/NAME` with the arguments as JSON runs the method of that name of `StripeSandbox`, or
of its faults for `faults/NAME`, and answers with its result as JSON. `RemoteSandbox` is the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .served import Served

PREFIX = "/_sandbox/"
_METHODS = frozenset(
    {
        "add_account", "add_customer", "add_invoice_payment", "add_payment", "add_payment_method",
        "add_price", "add_product", "advance", "captured_minor", "complete_checkout", "count",
        "deny", "effects", "objects", "refunded_minor", "revoke", "set_balance", "settle_payment",
        "settle_refund",
    }
)  # fmt: skip
_VALUES = frozenset({"account_id", "now", "requests"})
_FAULTS = frozenset(
    {
        "clear", "conflict", "decline", "delay", "foreign_account", "livemode", "lose_reply",
        "not_json", "random", "rate_limit", "refund_status", "refuse", "server_error", "truncate",
    }
)  # fmt: skip


class ControlError(Exception):
    """An unknown command of the control endpoint, or one that failed."""


def run_command(sandbox: Served, name: str, arguments: dict[str, Any]) -> Any:
    """Run one command on a sandbox, and return its result as JSON data."""
    if name in _VALUES:
        return _plain(getattr(sandbox, name))
    if name in _METHODS:
        return _plain(getattr(sandbox, name)(**arguments))
    group, _, fault = name.partition("/")
    if group == "faults" and fault == "pending":
        return sandbox.faults.pending
    if group == "faults" and fault in _FAULTS:
        return _plain(getattr(sandbox.faults, fault)(**arguments))
    known = sorted(_METHODS | _VALUES | {f"faults/{fault}" for fault in _FAULTS})
    raise ControlError(f"no command {name!r}; there are: {', '.join(known)}")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
