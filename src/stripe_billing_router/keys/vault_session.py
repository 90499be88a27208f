"""The HTTP session below hvac: nothing from the environment, nothing printed."""

from __future__ import annotations

import ssl
from pathlib import Path

import requests
import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


# Whatever `http.client.HTTPConnection.debuglevel` is: the well-known way to see what a program
# sends would print tokens and keys.
class _PlainConnection(HTTPConnection):
    debuglevel = 0


class _TlsConnection(HTTPSConnection):
    debuglevel = 0


# urllib3's own connection classes do not match the protocols it declares here.
class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection  # pyright: ignore[reportAssignmentType]


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyright: ignore[reportAssignmentType]


def open_session(ca_file: Path | None) -> requests.Session:
    """Return a session that trusts `ca_file`, or the CAs that requests brings with it."""
    session = requests.Session()
    # No proxy, no netrc and no certificate bundle from the environment.
    session.trust_env = False
    if ca_file is not None:
        session.verify = str(ca_file)
    for scheme in ("http://", "https://"):
        adapter = requests.adapters.HTTPAdapter()
        adapter.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        session.mount(scheme, adapter)
    return session


def is_cut_off(error: BaseException | None) -> bool:
    """Say whether the other side closed the connection before TLS was agreed on.

    So does a balancer that has no Vault to hand the connection on to.
    """
    while error is not None and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        error = error.__cause__ or error.__context__
    return error is not None
