"""The servers that compose.yaml offers are those that the tests start where there is no Docker."""

import re
import subprocess
from typing import Any

import yaml

from support import postgres, stripe_mock, vault_server
from support.go_toolchain import ROOT

COMPOSE = ROOT / "compose.yaml"


def services() -> dict[str, dict[str, Any]]:
    parsed = yaml.safe_load(COMPOSE.read_text())
    found: dict[str, dict[str, Any]] = parsed["services"]
    return found


def test_stripe_mock_and_vault_have_the_versions_that_are_compiled() -> None:
    images = {name: service["image"] for name, service in services().items()}
    assert images["stripe-mock"] == f"stripe/stripe-mock:{stripe_mock.VERSION}"
    assert images["vault"] == f"hashicorp/vault:{vault_server.VERSION}"
    module = (vault_server.MODULE / "go.mod").read_text()
    assert f"\t{vault_server.PACKAGE} v{vault_server.VERSION} " in module


def test_postgres_has_the_version_of_the_wheel() -> None:
    program = postgres._wheel_programs() / "postgres"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = re.findall(r"[\d.]+", told.stdout)[0]
    assert services()["postgres"]["image"] == f"postgres:{version}"


def test_all_listen_on_loopback_where_the_comment_says() -> None:
    ports = {name: service["ports"] for name, service in services().items()}
    assert sorted(ports) == ["postgres", "stripe-mock", "vault"]
    comment = COMPOSE.read_text().partition("\nservices:")[0]
    for name, published in ports.items():
        (port,) = published
        address, _, _ = port.rpartition(":")
        assert address.startswith("127.0.0.1:"), name
        assert address in comment, name
    token = services()["vault"]["environment"]["VAULT_DEV_ROOT_TOKEN_ID"]
    assert f"TEST_VAULT_TOKEN={token}\n" in comment
