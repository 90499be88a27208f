"""A private CA for the tests: a real Vault's own, so that no further tool is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from support.vault_server import Vault


@dataclass(frozen=True)
class PrivateCA:
    """A CA that a Vault holds; `file` has its certificate."""

    server: Vault
    mount: str
    file: Path

    @classmethod
    def made_by(cls, server: Vault, folder: Path) -> Self:
        """Have a Vault make one, and write its certificate below `folder`."""
        mount = f"pki-{uuid4().hex[:12]}"
        server.call("POST", f"sys/mounts/{mount}", {"type": "pki"})
        root = {"common_name": "CA of the tests", "ttl": "24h"}
        made = server.call("POST", f"{mount}/root/generate/internal", root)["data"]
        role = {"allow_any_name": True, "enforce_hostnames": False, "key_type": "ec"}
        server.call("POST", f"{mount}/roles/server", role)
        file = folder / f"{mount}.pem"
        file.write_text(made["certificate"])
        return cls(server, mount, file)

    def issue(self, into: tuple[Path, Path], **options: Any) -> None:
        """Write a server certificate and its key; it is for 127.0.0.1 unless said otherwise."""
        wanted = {"common_name": "vault.test", "ip_sans": "127.0.0.1", "ttl": "1h", **options}
        made = self.server.call("POST", f"{self.mount}/issue/server", wanted)["data"]
        certificate, key = into
        certificate.write_text(made["certificate"])
        key.write_text(made["private_key"])
