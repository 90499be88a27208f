"""As much of Kubernetes' API as Vault asks when a pod logs in: whether a token is genuine."""

import base64
import json
import time
from typing import Any

from support.loopback import Answer, Request

ACCOUNT = "system:serviceaccount:billing:bots"


class ServiceAccounts:
    """Issue tokens for the service account `bots` of `billing`, and know them again."""

    def __init__(self) -> None:
        self._genuine: set[str] = set()

    def issue(self, ttl_s: int = 600) -> str:
        """Return a token as a pod finds it in its file."""
        token = unsigned(ttl_s)
        self._genuine.add(token)
        return token

    def revoke(self, token: str) -> None:
        """No longer know the token, as when its pod is gone."""
        self._genuine.remove(token)

    def __call__(self, request: Request) -> Answer:
        if request.path != "/apis/authentication.k8s.io/v1/tokenreviews":
            return Answer.json({"kind": "Status", "status": "Failure", "code": 404}, 404)
        genuine = json.loads(request.body)["spec"]["token"] in self._genuine
        status: dict[str, Any] = {"authenticated": genuine}
        if genuine:
            groups = ["system:serviceaccounts", "system:authenticated"]
            status["user"] = {"username": ACCOUNT, "uid": "u-1", "groups": groups}
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}
        return Answer.json(review, 201)


def unsigned(ttl_s: int) -> str:
    """Return a token of the right form, which only its issuer can tell from a genuine one."""
    now_s = int(time.time())
    claims = {
        "iss": "https://kubernetes.default.svc",
        "sub": ACCOUNT,
        "kubernetes.io": {
            "namespace": "billing",
            "serviceaccount": {"name": "bots", "uid": "u-1"},
        },
        "iat": now_s,
        "exp": now_s + ttl_s,
        "jti": str(time.monotonic_ns()),
    }
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (b'{"alg":"RS256","kid":"k"}', json.dumps(claims).encode(), b"signature")
    )
