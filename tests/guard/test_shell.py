"""Commands in shell scripts and in other files that hold some."""

from __future__ import annotations

from pathlib import Path

import pytest

from stripe_billing_router.guard.scan import scan_data


def found(text: str, name: str = "pay.sh") -> list[tuple[str, int]]:
    return [(each.rule, each.line) for each in scan_data(text.encode(), Path(name), name).findings]


@pytest.mark.parametrize(
    "line",
    [
        "curl https://api.stripe.com/v1/charges -u $KEY: -d amount=100",
        "wget -qO- 'https://api.stripe.com/v1/balance'",
        "http POST https://api.stripe.com/v1/charges",
        "curl -X POST api.stripe.com/v1/charges",
        "curl \"https://api.\"'stripe'.com/v1",
        "curl https://API.STRIPE.COM/v1",
        "curl -sS \\\n  -d amount=100 \\\n  https://api.stripe.com/v1/charges",
        "HOST=api.stripe.com; curl https://$HOST/v1",
        'H=stripe; curl "https://api.${H}.com/v1"',
        "A=stripe\nB=api.$A.com\ncurl https://$B/v1",
        "curl https://api.${NAME:-stripe}.com/v1",
        "exec 3<>/dev/tcp/api.stripe.com/443",
        "openssl s_client -connect api.stripe.com:443",
        "nc api.stripe.com 443",
        "curl https://$SUB.stripe.com/v1/charges",
        "Invoke-RestMethod https://api.stripe.com/v1/balance",
        "stripe charges create --amount 100",
        "cd x && stripe refunds create",
        "if true; then sudo stripe post /v1/charges; fi",
        "STRIPE_API_KEY=$KEY /usr/local/bin/stripe get /v1/balance",
    ],
)
def test_a_command_that_talks_to_stripe_is_found_once(line: str) -> None:
    assert [rule for rule, _ in found(f"#!/bin/sh\n{line}\n")] == ["shell-stripe"]


@pytest.mark.parametrize(
    "line",
    [
        'python -c "import stripe"',
        "python3 -c 'from stripe import Charge'",
        "python <<X\nimport stripe\nX",
    ],
)
def test_python_within_a_script_is_found(line: str) -> None:
    assert [rule for rule, _ in found(f"#!/bin/sh\n{line}\n")] == ["import-stripe"]


def test_the_line_is_where_the_command_begins() -> None:
    assert found("set -e\n\ncurl \\\n  https://api.stripe.com\n") == [("shell-stripe", 3)]


@pytest.mark.parametrize(
    "line",
    [
        "# curl https://api.stripe.com/v1/charges",
        "echo done # see https://api.stripe.com",
        "open https://dashboard.stripe.com",
        "curl https://docs.stripe.com/api",
        "pip install stripe",
        "pip install stripe_billing_router",
        "stripe --version",
        "echo stripe is a name",
        "grep -r stripe src",
        "git commit -m 'Import stripes'",
    ],
)
def test_what_only_names_stripe_is_left_alone(line: str) -> None:
    assert found(f"#!/bin/sh\n{line}\n") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Makefile", "pay:\n\tcurl https://api.stripe.com/v1/charges\n"),
        ("Dockerfile", "RUN apt-get update\nRUN wget https://api.stripe.com/v1/charges\n"),
        (".github/workflows/x.yml", "steps:\n  - run: curl https://api.stripe.com/v1/charges\n"),
        ("package.json", '{\n "scripts": {"pay": "curl https://api.stripe.com/v1"}}\n'),
        ("tox.ini", "[testenv]\ncommands = curl https://api.stripe.com/v1\n"),
    ],
)
def test_a_client_in_another_file_of_commands_is_found(name: str, text: str) -> None:
    assert found(text, name) == [("shell-stripe", 2)]


def test_an_address_alone_in_such_a_file_is_a_setting() -> None:
    assert found("csp:\n  connect-src: https://api.stripe.com\n", "site.yaml") == []
