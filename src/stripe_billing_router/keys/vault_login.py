"""How long a login at Vault lasts, and when it must be renewed or replaced."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

from ..core.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """A token, and by the monotonic clock when it should be renewed and when it ends."""

    token: Secret
    renew_s: float
    ends_s: float
    renewable: bool
    is_last: bool = False  # nothing renews or replaces it

    @classmethod
    def lasting(cls, token: Secret, ttl_s: Any, *, renewable: Any) -> Login:
        """Return a login for `ttl_s` seconds from now; 0 means that it never ends, as in Vault."""
        if not isinstance(ttl_s, int | float) or ttl_s <= 0:
            return cls(token, math.inf, math.inf, renewable=False)
        now_s = time.monotonic()
        return cls(token, now_s + ttl_s / 2, now_s + ttl_s, renewable=renewable is True)

    @property
    def is_due(self) -> bool:
        """Whether half of its time is over."""
        return time.monotonic() >= self.renew_s

    def running_out(self) -> Login:
        """Return it as one that is used to its end; half of what is left, renewal is retried."""
        half_s = (time.monotonic() + self.ends_s) / 2
        return replace(self, renew_s=half_s, renewable=False, is_last=True)
