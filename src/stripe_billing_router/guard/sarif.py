"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines. No key is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from .baseline import fingerprint
from .findings import RULES, Finding

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT: Final = "%SRCROOT%"


def sarif(findings: Sequence[Finding], *, version: str) -> dict[str, Any]:
    """Return a SARIF log of one run, as data for JSON."""
    driver = {
        "name": "billing-guard",
        "version": version,
        "rules": [
            {
                "id": name,
                "shortDescription": {"text": f"{rule.summary[0].upper()}{rule.summary[1:]}."},
                "help": {"text": f"{rule.advice}."},
                "defaultConfiguration": {"level": "error"},
            }
            for name, rule in RULES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> dict[str, Any]:
    path = PurePosixPath(finding.path)
    location: dict[str, Any] = {"uri": quote(finding.path.encode("utf-8", "surrogateescape"))}
    if path.is_absolute():
        location["uri"] = f"file://{location['uri']}"
    else:
        location["uriBaseId"] = _ROOT
    region = {"startLine": finding.line, "startColumn": finding.column}
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": "error",
        "message": {"text": finding.text},
        "locations": [{"physicalLocation": {"artifactLocation": location, "region": region}}],
        "partialFingerprints": {"billingGuard/v1": fingerprint(finding)},
    }
