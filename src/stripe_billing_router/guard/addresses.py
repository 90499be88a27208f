"""Which texts name the address of Stripe's API, and not just a page of Stripe's."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Stands for a part of a text that cannot be known without running the program.
HOLE: Final = "\0"

# What the SDK itself talks to, the older address for uploads, and the server for agents.
_API: Final = frozenset({"api", "files", "uploads", "connect", "meter-events", "mcp"})
_HOST: Final = re.compile(
    r"(?<![\w-])(?:(?P<labels>(?:[a-z0-9\0-]+\.)+))?stripe\.(?:com|\0)\.?(?::\d+)?"
    r"(?![\w-]|\.\w)(?P<path>[/?#\0][^\s\"'<>]*)?",
    re.IGNORECASE,
)
_VERSIONED: Final = re.compile(r"/v[12](?:[/?#\0]|\Z)")
# Links that people follow: to grant access to their account, and to a published file.
_LINKS: Final = {
    "connect": re.compile(r"/(?:express/)?(?:oauth/(?:v2/)?authorize|setup/|express_login|login)"),
    "files": re.compile(r"/links/"),
}


def stripe_address(text: str) -> str | None:
    """Return the host of Stripe's API that `text` names, or None.

    https://docs.stripe.com, https://dashboard.stripe.com and https://js.stripe.com/v3 are pages.
    """
    if not text.isascii():
        # Clients take these for what they look like.
        text = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
    if "stripe." not in text.casefold():
        return None
    for match in _HOST.finditer(text):
        labels, path = (match["labels"] or "").lower(), match["path"] or ""
        label = labels.rstrip(".").rpartition(".")[2]
        link = _LINKS.get(label)
        if link is not None and link.match(path):
            continue
        if label in _API or HOLE in label or (labels and _VERSIONED.match(path)):
            return f"{labels}stripe.com".replace(HOLE, "…")
    return None
