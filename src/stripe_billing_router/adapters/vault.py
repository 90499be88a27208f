"""HashiCorp Vault or OpenBao through hvac: one secret, read with one of four logins.

What hvac and requests raise holds addresses, headers and tokens, and ends here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import hvac
import hvac.exceptions
import requests

from stripe_billing_router.secret import Secret
from stripe_billing_router.settings import Settings

# Reading takes up to three requests. Each may take this long to connect and to be answered, so
# that a Vault that hangs delays a start by seconds and not by minutes.
_TIMEOUT_S: Final = (2.0, 3.0)

# Beside every 5xx (503 is sealed): limited, and the two health codes of a standby.
_AWAY: Final = frozenset({429, 472, 473})

_NO_LOGIN: Final = (
    "VAULT_ADDR is set, but no login: set VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_ROLE_ID and "
    "VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE"
)


class VaultUnreachableError(Exception):
    """Vault cannot answer now: refused, too slow, sealed, standby, limiting, or at fault."""


class VaultRefusedError(Exception):
    """Vault answered, and not with the secret; or it is set up so that it cannot be asked."""


class Vault:
    """Read the one secret that `settings` names.

    Args:
        settings: those whose names begin with `vault_`; `vault_addr` must be set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def source(self) -> str:
        """How the secret is called in messages."""
        return f"Vault ({self._settings.vault_mount}/{self._settings.vault_path})"

    def read(self) -> Mapping[str, Secret]:
        """Log in and return the secret's fields by name.

        Raises:
            VaultUnreachableError: another source may be tried.
            VaultRefusedError: it must not.
        """
        conversation = _Conversation(self._settings)
        try:
            return conversation.read()
        finally:
            conversation.close()


class _Conversation:
    """One login and what is asked after it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._status = 0
        self._session = requests.Session()
        # No proxy, no netrc and no certificate bundle from the environment.
        self._session.trust_env = False
        if settings.vault_cacert is not None:
            if not settings.vault_cacert.is_file():
                raise VaultRefusedError("VAULT_CACERT names no file")
            self._session.verify = str(settings.vault_cacert)
        self._session.hooks["response"] = [self._note_status]
        self._client = hvac.Client(
            url=settings.vault_addr,
            # Empty rather than None, which would read VAULT_TOKEN and ~/.vault-token.
            token="",
            # Handed on to requests as it is, which takes a pair.
            timeout=_TIMEOUT_S,  # pyright: ignore[reportArgumentType]
            # A redirect would carry the token to whatever host it names.
            allow_redirects=False,
            session=self._session,
            namespace=settings.vault_namespace,
        )

    def close(self) -> None:
        self._session.close()

    def read(self) -> Mapping[str, Secret]:
        self._ask("logging in", self._log_in)
        mount, path = self._settings.vault_mount, self._settings.vault_path
        kv = self._client.secrets.kv
        if self._is_version_2():
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
        # Wrapped at once, so that no frame above this one has them in the open. What is no text is
        # no key either, and is refused as one.
        return {
            name: Secret(value if isinstance(value, str) else json.dumps(value))
            for name, value in fields.items()
        }

    def _log_in(self) -> None:
        """Give the client a token, by the first way that is set up."""
        settings, auth = self._settings, self._client.auth
        if settings.vault_token is not None:
            token = settings.vault_token
        elif settings.vault_token_file is not None:
            token = _read_file(settings.vault_token_file, "VAULT_TOKEN_FILE")
        elif settings.vault_role_id is not None:
            if settings.vault_secret_id is None:
                raise VaultRefusedError("VAULT_ROLE_ID is set, but VAULT_SECRET_ID is not")
            token = _token(
                auth.approle.login(
                    settings.vault_role_id.reveal().strip(),
                    settings.vault_secret_id.reveal().strip(),
                    use_token=False,
                )
            )
        elif settings.vault_kubernetes_role is not None:
            # Read at each login: Kubernetes exchanges the file's content before it expires.
            jwt = _read_file(settings.vault_kubernetes_token_file, "VAULT_KUBERNETES_TOKEN_FILE")
            token = _token(
                auth.kubernetes.login(
                    settings.vault_kubernetes_role, jwt.reveal().strip(), use_token=False
                )
            )
        else:
            raise VaultRefusedError(_NO_LOGIN)
        self._client.token = token.reveal().strip()

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
        except requests.exceptions.SSLError:
            # Perhaps an expired certificate, perhaps somebody in between: not to be passed over.
            failure = VaultRefusedError("its certificate is not trusted (VAULT_CACERT names a CA)")
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
    return VaultRefusedError(f"{what}: status {status}, {meaning.get(status, 'unexpected')}")


def _read_file(path: Path, variable: str) -> Secret:
    text = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise VaultRefusedError(f"{variable} names a file that cannot be read or is empty")
    return Secret(text)


def _token(answer: Any) -> Secret:
    token = (_inside(answer, "auth") or {}).get("client_token")
    if not isinstance(token, str) or not token:
        raise VaultRefusedError("the login gave no token")
    return Secret(token)


def _inside(answer: Any, *names: str) -> Mapping[str, Any] | None:
    for name in names:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer if isinstance(answer, Mapping) else None
