"""What the guard can find: the rules, and one finding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding: what it is, and what to do instead."""

    summary: str
    advice: str


_ROLL: Final = "Roll the key at Stripe, take it out of the file, and keep keys in Vault only"
_CALL: Final = "Call stripe_billing_router (charge, refund, …) instead"

# In the order in which they are documented and listed in SARIF.
RULES: Final[dict[str, Rule]] = {
    "key-secret": Rule("a Stripe secret key", _ROLL),
    "key-restricted": Rule("a Stripe restricted key", _ROLL),
    "key-organization": Rule("a Stripe organization key", _ROLL),
    "key-publishable": Rule(
        "a Stripe publishable key", "Let the router hand it out: keys live in Vault only"
    ),
    "key-webhook": Rule("a webhook signing secret", _ROLL),
    "import-stripe": Rule("Python that loads the Stripe SDK", _CALL),
    "http-stripe": Rule("Python that names the address of Stripe's API", _CALL),
    "shell-stripe": Rule("a command that talks to Stripe", _CALL),
    "unreadable": Rule(
        "a file that cannot be read", "Make it readable, or have git ignore it: it was not checked"
    ),
    "unparsable": Rule(
        "code that cannot be parsed",
        "Correct it, or put it into the baseline: only keys were looked for in it",
    ),
    "allow-without-reason": Rule(
        "an allow that gives no reason or names no rule",
        "Write `billing-guard: allow[rule] reason`, with rules that exist",
    ),
    "unused-allow": Rule("an allow that allows nothing", "Remove it"),
    "stale-baseline": Rule(
        "an entry of the baseline that is no longer found", "Write the baseline again"
    ),
}
# They are about the guard's own marks: no mark may silence them.
ABOUT_MARKS: Final = frozenset({"allow-without-reason", "unused-allow", "stale-baseline"})


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing found. `line` and `column` count from 1; `subject` is a hash, never a secret.

    `subject` stands for what was found wherever it moves to in its file.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str
    subject: str

    @property
    def text(self) -> str:
        """What is wrong and what to do, as one line."""
        return f"{self.message}. {RULES[self.rule].advice}."


def subject(text: str | bytes) -> str:
    """Return what replaces `text` in a fingerprint; a key cannot be derived from it."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(b"billing-guard\0" + data).hexdigest()
