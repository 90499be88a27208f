"""A real Vault of two servers: one is active, the other a standby that hands requests on to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.vault_server import START_TIMEOUT_S, OwnVault, free_port

STANDBY = 429  # As sys/health answers.


@dataclass
class Node(OwnVault):
    """One of the two. `announced` is where its standby sends callers while it cannot reach it."""

    announced: str = ""
    between: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")

    def follow(self, active: "Node") -> None:
        """Become the standby of `active`."""
        self.call("POST", "sys/storage/raft/join", {"leader_api_addr": active.address}, token="")
        self.token, self.unseal_key = active.token, active.unseal_key
        self.call("PUT", "sys/unseal", {"key": self.unseal_key}, token="")
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self.status("GET", "sys/health") != STANDBY:
            assert time.monotonic() < deadline_s, self._log()
            time.sleep(0.05)

    def _configuration(self) -> dict[str, Any]:
        configuration = super()._configuration()
        configuration["listener"][0]["tcp"]["cluster_address"] = self.between
        raft = {
            "path": str(self.folder / "data"),
            "node_id": self.folder.name,
            "performance_multiplier": 1,  # Elect quickly.
        }
        return configuration | {
            "api_addr": self.announced or self.address,
            "cluster_addr": f"https://{self.between}",
            "storage": {"raft": raft},
        }


@contextmanager
def active_and_standby(binary: Path, folder: Path, announced: str) -> Iterator[tuple[Node, Node]]:
    """Yield both, ready; `announced` is what the active one calls its own address."""
    with (
        Node.running(binary, folder / "active", announced=announced) as active,
        Node.running(binary, folder / "standby", initialise=False) as standby,
    ):
        standby.follow(active)
        yield active, standby
