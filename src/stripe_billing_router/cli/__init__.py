"""The command `stripe-billing-router`: what an operator and finance do at a terminal.

The commands need typer and rich, the extra `cli`. This module imports neither, so that it can say
so where they are missing.
"""

from __future__ import annotations

import sys
import traceback

from ..redaction import redact

_EXTRA = frozenset({"typer", "rich", "click", "shellingham"})


def main() -> None:
    """Run the command; end the process with its status: 0, 1 for an error, 2 for wrong use, ….

    What other statuses mean says the command that has them.
    """
    try:
        from .app import app  # noqa: PLC0415 - See above.
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            "stripe-billing-router needs the extra `cli`, which is not installed. Install it with: "
            "pip install 'stripe_billing_router[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown escaped; it stops no report.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        app()
    except Exception:  # noqa: BLE001 - A mistake of ours, and its text may quote a secret.
        print(redact(traceback.format_exc()), file=sys.stderr)
        sys.exit(1)
