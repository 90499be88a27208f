"""Which API key may do what. Stripe: "API keys"."""

from __future__ import annotations

import base64
import binascii
import re
from fnmatch import fnmatchcase

from .failures import StripeFailure

_LIVE_KEY = re.compile(r"(sk|rk)_live_[A-Za-z0-9_]+")


class Keys:
    """The API keys of a sandbox. Every well-formed live key is known, unless it is revoked."""

    def __init__(self) -> None:
        self.account_of: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.denied: dict[str, list[tuple[str, str]]] = {}

    def proven(self, authorization: str) -> str:
        """Return the key of an `Authorization` header, or raise 401."""
        key = _key_in(authorization)
        if not key:
            raise _unauthorized(
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY')."
            )
        if key.startswith("pk_"):
            raise _unauthorized(
                "This API call cannot be made with a publishable API key. Please use a secret API "
                "key.",
                code="secret_key_required",
            )
        if key in self.revoked:
            raise _unauthorized(f"Expired API Key provided: {_masked(key)}", code="api_key_expired")
        if not _LIVE_KEY.fullmatch(key):
            raise _unauthorized(f"Invalid API Key provided: {_masked(key)}")
        return key

    def permit(self, key: str, method: str, path: str) -> None:
        """Raise 403 if a restricted key lacks the permission."""
        for denied_method, pattern in self.denied.get(key, ()):
            if denied_method in ("*", method) and fnmatchcase(path, pattern):
                raise StripeFailure(
                    403,
                    f"The provided key '{_masked(key)}' does not have the required permissions for "
                    "this endpoint.",
                    code="more_permissions_required",
                    saved=False,
                )


def _key_in(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _masked(key: str) -> str:
    """Return a key as Stripe's messages show it: its kind and last four characters."""
    kind = re.match(r"(sk|rk)_(live|test)_", key)
    return f"{kind[0] if kind else ''}{'*' * 8}{key[-4:] if len(key) > 24 else ''}"


def _unauthorized(message: str, code: str | None = None) -> StripeFailure:
    return StripeFailure(401, message, code=code, saved=False)
