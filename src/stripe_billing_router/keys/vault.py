"""HashiCorp Vault or OpenBao through hvac: one secret, read with one of four logins.

A login is kept and renewed for as long as Vault lets it be: a secret id may be good for one login
only, and a token that was handed in cannot be had again. What hvac and requests raise holds
addresses, headers and tokens, and ends here.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import hvac
import hvac.exceptions
import requests

from ..core.deadline import bounded_s
from ..core.secret import Secret
from ..settings import Settings
from .vault_login import Login
from .vault_session import is_cut_off, open_session

# Each request may take this long to connect and to be answered, and a reading of up to five of
# them as long as that in all, whatever drips or hangs: a charge may be waiting for it.
_TIMEOUT_S: Final = (2.0, 3.0)
_READING_S: Final = 6.0

# Beside every 5xx (503 is sealed): limited, and the two health codes of a standby.
_AWAY: Final = frozenset({429, 472, 473})

# Vault gives how long a token lasts in whole seconds, rounded up.
_ROUNDED_UP_S: Final = 1.0

_DENIED: Final = frozenset({401, 403})

_NO_LOGIN: Final = (
    "VAULT_ADDR is set, but no login: set VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_ROLE_ID and "
    "VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE"
)


class VaultUnreachableError(Exception):
    """Vault cannot answer now: refused, too slow, sealed, standby, limiting or failing."""


class VaultRefusedError(Exception):
    """Vault answered without the secret, or its settings do not allow a request."""


class _DeniedError(VaultRefusedError):
    """The token is not, or no longer, accepted for the request."""


class Vault:
    """Read the one secret that `settings` names; one thread at a time.

    Args:
        settings: those whose names begin with `vault_`; `vault_addr` must be set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._login: Login | None = None
        # 1 or 2, once the secret was read.
        self.kv_version = 0

    @property
    def source(self) -> str:
        """The name of the secret in messages."""
        return f"Vault ({self._settings.vault_mount}/{self._settings.vault_path})"

    def read(self) -> Mapping[str, Secret]:
        """Return the secret's fields by name, logging in or renewing the login where needed.

        Raises:
            VaultUnreachableError: another source may be tried.
            VaultRefusedError: it must not.
        """
        reading = partial(_read, self._settings, self._login, self._keep)
        self._login, fields, self.kv_version = _in_time(reading)
        return fields

    def _keep(self, login: Login) -> None:
        self._login = login

    def renew_in_s(self) -> float:
        """Return in how many seconds the secret should be read next to keep the login."""
        return math.inf if self._login is None else self._login.renew_s - time.monotonic()

    def ends_in_s(self) -> float | None:
        """Return the seconds until a token ends that nothing renews or replaces; None without."""
        login = self._login
        return login.ends_s - time.monotonic() if login is not None and login.is_last else None

    def login_lasts(self) -> tuple[float, bool]:
        """Return in how many seconds the login ends (inf: not at all), and if it is renewable."""
        login = self._login
        return (0.0, False) if login is None else (login.ends_s - time.monotonic(), login.renewable)


_Read = tuple[Login, Mapping[str, Secret], int]


def _in_time(reading: Callable[[], _Read]) -> _Read:
    """Return the result of `reading`, or fail when it takes too long."""
    came_to: list[_Read | VaultUnreachableError | VaultRefusedError] = []

    def read() -> None:
        try:
            came_to.append(reading())
        except (VaultUnreachableError, VaultRefusedError) as error:
            came_to.append(error.with_traceback(None))
        except Exception as error:  # noqa: BLE001 - Its text may hold what must not be shown.
            came_to.append(VaultRefusedError(f"reading failed with {type(error).__name__}"))

    # A daemon: a server that never answers, or a resolver, must not keep the process from ending.
    thread = threading.Thread(target=read, name="stripe_billing_router-vault", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        came_to.append(VaultUnreachableError("no thread can be started to ask it"))
    (patience_s,) = bounded_s(_READING_S)
    if not came_to:
        thread.join(patience_s)
    if not came_to:
        raise VaultUnreachableError(f"no complete answer within {patience_s:.0f} s")
    if isinstance(came_to[0], Exception):
        raise came_to[0]
    return came_to[0]


def _read(settings: Settings, login: Login | None, keep: Callable[[Login], None]) -> _Read:
    denied = ""
    if login is not None and time.monotonic() < login.ends_s:
        try:
            with _conversation(settings, login.token) as held:
                login, fields = held.renewed(login), held.fields()
            login = _replaced(settings, login) if login.is_due else login
        except _DeniedError as error:
            # Perhaps revoked, perhaps replaced in its file. A new login decides.
            denied = f"{error}; then "
        else:
            return login, fields, held.kv_version
    try:
        with _conversation(settings, None) as new:
            granted = new.logged_in()
            # At once: its secret id may be valid once only, and what follows may still fail.
            keep(granted)
            return granted, new.fields(), new.kv_version
    except VaultRefusedError as error:
        refusal = f"{denied}{error}"
    raise VaultRefusedError(refusal)


def _replaced(settings: Settings, login: Login) -> Login:
    """Return a new login to replace one past half its time, or that one if there is none."""
    if settings.vault_token is None:
        with (
            contextlib.suppress(VaultUnreachableError, VaultRefusedError),
            _conversation(settings, None) as new,
        ):
            return new.logged_in()
    return login.running_out()


@contextlib.contextmanager
def _conversation(settings: Settings, token: Secret | None) -> Iterator[_Conversation]:
    conversation = _Conversation(settings, token)
    try:
        yield conversation
    finally:
        conversation.close()


class _Conversation:
    """Requests with one token, or with none until the login."""

    def __init__(self, settings: Settings, token: Secret | None) -> None:
        self._settings = settings
        self._status = 0
        self.kv_version = 0
        ca_file = settings.vault_cacert
        if ca_file is not None and not ca_file.is_file():
            raise VaultRefusedError("VAULT_CACERT names no file")
        self._session = open_session(ca_file)
        self._session.hooks["response"] = [self._note_status]
        self._client = hvac.Client(
            url=settings.vault_addr,
            # Empty rather than None, which would read VAULT_TOKEN and ~/.vault-token.
            token="" if token is None else token.reveal().strip(),
            # Handed on to requests as it is, which takes a pair.
            timeout=_TIMEOUT_S,  # pyright: ignore[reportArgumentType]
            # A redirect would carry the token to whatever host it names.
            allow_redirects=False,
            session=self._session,
            namespace=settings.vault_namespace,
        )

    def close(self) -> None:
        self._session.close()

    def fields(self) -> Mapping[str, Secret]:
        """Return the secret's fields by name."""
        mount, path = self._settings.vault_mount, self._settings.vault_path
        kv = self._client.secrets.kv
        self.kv_version = 2 if self._is_version_2() else 1
        if self.kv_version == 2:
            answer = self._ask(
                "reading the secret",
                lambda: kv.v2.read_secret_version(
                    path, mount_point=mount, raise_on_deleted_version=True
                ),
            )
            fields = _inside(answer, "data", "data")
        else:
            answer = self._ask(
                "reading the secret", lambda: kv.v1.read_secret(path, mount_point=mount)
            )
            fields = _inside(answer, "data")
        if fields is None:
            raise VaultRefusedError("its answer holds no secret")
        # Wrapped at once, so that no frame above this one has them in the open. What is not a text
        # is not a key either, and is refused as one.
        return {
            name: Secret(value if isinstance(value, str) else json.dumps(value))
            for name, value in fields.items()
        }

    def logged_in(self) -> Login:
        """Log in by the first way that is set up."""
        settings, auth = self._settings, self._client.auth
        role_id, secret_id = settings.vault_role_id, settings.vault_secret_id
        role = settings.vault_kubernetes_role
        if settings.vault_token is not None:
            return self._with_token(settings.vault_token)
        if settings.vault_token_file is not None:
            return self._with_token(_read_file(settings.vault_token_file, "VAULT_TOKEN_FILE"))
        if role_id is not None:
            if secret_id is None:
                raise VaultRefusedError("VAULT_ROLE_ID is set, but VAULT_SECRET_ID is not")
            return self._granted(
                lambda: auth.approle.login(
                    role_id.reveal().strip(), secret_id.reveal().strip(), use_token=False
                )
            )
        if role is not None:
            # Read at each login: Kubernetes exchanges the file's content before it expires.
            jwt = _read_file(settings.vault_kubernetes_token_file, "VAULT_KUBERNETES_TOKEN_FILE")
            return self._granted(
                lambda: auth.kubernetes.login(role, jwt.reveal().strip(), use_token=False)
            )
        raise VaultRefusedError(_NO_LOGIN)

    def _granted(self, login: Callable[[], Any]) -> Login:
        granted = _login(self._ask("logging in", login))
        if granted is None:
            raise VaultRefusedError("the login gave no token")
        self._use(granted.token)
        return granted

    def _with_token(self, token: Secret) -> Login:
        """Take a token that was handed in, and ask how long it lasts."""
        self._use(token)
        about: Mapping[str, Any] = {}
        # Where its policies do not let it ask, they may let it read the secret all the same.
        with contextlib.suppress(VaultRefusedError):
            answer = self._ask("looking the token up", self._client.auth.token.lookup_self)
            about = _inside(answer, "data") or {}
        return Login.lasting(token, about.get("ttl"), renewable=about.get("renewable"))

    def _use(self, token: Secret) -> None:
        def use() -> None:
            self._client.token = token.reveal().strip()

        self._ask("taking the token", use)

    def renewed(self, login: Login) -> Login:
        """Return the login, renewed if it is half over and Vault lets it be."""
        if not (login.is_due and login.renewable):
            return login
        # Past its last end Vault answers 500. The read of the secret shows if it is unavailable.
        with contextlib.suppress(VaultRefusedError, VaultUnreachableError):
            longer = _login(self._ask("renewing the token", self._client.auth.token.renew_self))
            if longer is not None and longer.ends_s > login.ends_s + _ROUNDED_UP_S:
                return replace(longer, token=login.token)
        return login

    def _is_version_2(self) -> bool:
        """Ask what the mount is; every token that may read the secret may ask this."""
        mount, path = self._settings.vault_mount, self._settings.vault_path
        answer = self._ask(
            "finding the mount",
            lambda: self._client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}/{path}"),
        )
        about = _inside(answer, "data") or {}
        if about.get("type") not in {"kv", "generic"}:
            raise VaultRefusedError(f"{mount} is not a KV mount")
        options = about.get("options")
        return isinstance(options, Mapping) and options.get("version") == "2"

    def _note_status(self, response: requests.Response, **_: Any) -> None:
        self._status = response.status_code

    def _ask(self, what: str, request: Callable[[], Any]) -> Any:
        """Run one request; sort what goes wrong into the two kinds, without its text."""
        self._status = 0
        failure: Exception
        try:
            answer = request()
            if not 300 <= self._status < 400:
                return answer
            # A standby that does not forward sends its callers on; the active one may answer later.
            failure = VaultUnreachableError(f"{what}: a redirect, which is not followed")
        except (VaultUnreachableError, VaultRefusedError) as error:
            failure = error
        except requests.exceptions.SSLError as error:
            # Perhaps an expired certificate, perhaps an attacker in between: not to be passed over.
            failure = VaultRefusedError("its certificate is not trusted (VAULT_CACERT names a CA)")
            if is_cut_off(error):
                failure = VaultUnreachableError(f"{what}: the connection failed")
        except requests.exceptions.Timeout:
            failure = VaultUnreachableError(f"{what} took too long")
        except (
            requests.exceptions.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
        ):
            failure = VaultUnreachableError(f"{what}: the connection failed")
        except hvac.exceptions.VaultError:
            failure = _refusal(what, self._status)
        except Exception as error:  # noqa: BLE001 - An answer or a token that hvac cannot use.
            failure = VaultRefusedError(f"{what} failed with {type(error).__name__}")
        raise failure


def _refusal(what: str, status: int) -> Exception:
    if status >= 500 or status in _AWAY:
        return VaultUnreachableError(f"{what}: status {status}")
    meaning = {
        400: "the login or the request is not accepted",
        401: "the token is not accepted",
        403: "permission denied",
        404: "there is no such secret, or it was deleted",
    }
    kind = _DeniedError if status in _DENIED else VaultRefusedError
    return kind(f"{what}: status {status}, {meaning.get(status, 'unexpected')}")


def _read_file(path: Path, variable: str) -> Secret:
    text = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise VaultRefusedError(f"{variable} names a file that cannot be read or is empty")
    return Secret(text)


def _login(answer: Any) -> Login | None:
    about = _inside(answer, "auth") or {}
    token = about.get("client_token")
    if not isinstance(token, str) or not token:
        return None
    return Login.lasting(
        Secret(token), about.get("lease_duration"), renewable=about.get("renewable")
    )


def _inside(answer: Any, *names: str) -> Mapping[str, Any] | None:
    for name in names:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer if isinstance(answer, Mapping) else None
