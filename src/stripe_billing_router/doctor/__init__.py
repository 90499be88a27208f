"""What is wrong with how the router is set up here, and what to do about it.

`diagnose()` looks at every part and moves no money: Stripe is asked for `GET /v1/account` only, and
nothing is written into the ledger, nor is one created. In the spool's folder a file is written and
removed again, to check that it is writable.
"""

from __future__ import annotations

from .diagnosis import Check, Diagnosis, Status
from .doctor import diagnose

__all__ = ["Check", "Diagnosis", "Status", "diagnose"]
