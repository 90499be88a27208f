"""The settings of the installed SDK."""

from __future__ import annotations

import sys

import stripe


def log_level() -> str | None:
    """Return `debug` or `info` if the SDK logs what it sends and receives to stderr."""
    # By the program, or by STRIPE_LOG, which the SDK reads when it is imported.
    by_variable = getattr(sys.modules.get("stripe._util"), "STRIPE_LOG", None)
    return next((level for level in (stripe.log, by_variable) if level in {"debug", "info"}), None)
