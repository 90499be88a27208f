"""The stripe-mock that the other tests rely on is really there, and really stops."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.stripe_mock import ROOT, StripeMockUnavailableError, running_stripe_mock

pytestmark = pytest.mark.stripe_mock


def get(url: str) -> Any:
    """Fetch one Stripe path as a test-mode key would; past any proxy of the environment."""
    request = urllib.request.Request(url, headers={"Authorization": "Bearer sk_test_x"})  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return json.load(response)


def test_it_answers_as_stripe_does(stripe_mock_url: str) -> None:
    assert get(f"{stripe_mock_url}/v1/balance")["object"] == "balance"


def test_one_that_already_runs_is_used_as_it_is(
    stripe_mock_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_MOCK_URL", stripe_mock_url + "/")
    with running_stripe_mock() as url:
        assert url == stripe_mock_url
    assert get(f"{stripe_mock_url}/v1/balance"), "it is not ours to stop"


def test_a_url_where_nothing_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_MOCK_URL", "http://127.0.0.1:1")
    with (
        pytest.raises(StripeMockUnavailableError, match=r"STRIPE_MOCK_URL=http://127\.0\.0\.1:1"),
        running_stripe_mock(),
    ):
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_stripe_mock_skips_with_its_reason_but_fails_under_ci(
    ci: str, outcome: str, tmp_path: Path
) -> None:
    test = "tests/test_stripe_mock.py::test_it_answers_as_stripe_does"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", f"cache_dir={tmp_path}", test],
        cwd=ROOT,
        env=os.environ | {"CI": ci, "STRIPE_MOCK_URL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in result.stdout
    assert "does not answer" in result.stdout
