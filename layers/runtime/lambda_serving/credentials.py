"""The function's credentials, from environment variables or from Lambda's credentials endpoint.

Under SnapStart there are none in the environment, since they would be as old as the snapshot. An
endpoint on loopback returns valid ones (AWS Lambda, "Activating and managing Lambda SnapStart";
AWS SDKs and tools, "Container credential provider").
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from lambda_serving.errors import CredentialsError
from lambda_serving.redaction import hide

if TYPE_CHECKING:
    from obstore.store import S3Credential

    from lambda_serving.settings.runtime import Runtime

RENEW_SECONDS = 300.0
"""New ones are fetched this long before the old ones end."""

TRIES = 3
SECONDS = 2.0
"""Of one try, as long as botocore gives it."""

PAUSE = 0.1
NEVER = float("inf")


class Keys(NamedTuple):
    """What signs a request, named as botocore's signer asks for it."""

    access_key: str
    secret_key: str
    token: str | None
    expires_at: float = NEVER
    """Seconds since 1970."""


class Credentials:
    """Keys that are valid now, for one client; an obstore credential provider, too."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.time) -> None:
        self._runtime = runtime
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Keys | None = None

    def get(self) -> Keys:
        """Keys that hold for a while; renewed in time where they end.

        Raises:
            CredentialsError: there are none, or the endpoint gives none.
        """
        fixed = self._runtime.credentials
        if fixed:
            return Keys(
                fixed["access_key_id"], fixed["secret_access_key"], fixed.get("session_token")
            )
        if not self._runtime.credentials_uri:
            raise CredentialsError("the function has no credentials")
        with self._lock:
            left = self._keys.expires_at - self._clock() if self._keys else 0.0
            if self._keys is None or left < RENEW_SECONDS:
                try:
                    self._keys = keys = fetch_keys(self._runtime)
                    secrets = filter(None, (keys.secret_key, keys.token))
                    hide((text for s in secrets for text in {s, quote(s, safe="")}), keep=True)
                except CredentialsError:
                    if self._keys is None or left <= 0:
                        raise
            return self._keys

    def __call__(self) -> S3Credential:
        """The same, as obstore asks for it."""
        from datetime import UTC, datetime

        keys = self.get()
        ends = keys.expires_at != NEVER
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.fromtimestamp(keys.expires_at, UTC) if ends else None,
        }


def fetch_keys(runtime: Runtime) -> Keys:
    """Ask the endpoint.

    Raises:
        CredentialsError: it gives none, in three tries.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return _read_keys(_ask(runtime.credentials_uri, runtime.credentials_token))
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not tries_left:
                raise CredentialsError(
                    "the function's credentials cannot be fetched",
                    # Never what came: it may hold a key.
                    private=f"{runtime.credentials_uri}: {type(error).__name__}",
                ) from None
        time.sleep(PAUSE)
    raise AssertionError("unreachable")


def _ask(uri: str, token: str) -> Any:
    # http.client: urllib.request would go by a proxy, and what is on loopback has none.
    from http.client import HTTPConnection, HTTPException

    parts = urlsplit(uri)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("expected http://host/path")
    connection = HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        headers = {"Accept": "application/json"} | ({"Authorization": token} if token else {})
        connection.request("GET", path or "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    except HTTPException as error:
        raise OSError(type(error).__name__) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"status {answer.status}")
    return json.loads(body)


def _read_keys(body: Any) -> Keys:
    expiration = body.get("Expiration")
    expires_at = NEVER
    if expiration:
        from datetime import datetime

        expires_at = datetime.fromisoformat(expiration).timestamp()
    return Keys(body["AccessKeyId"], body["SecretAccessKey"], body.get("Token"), expires_at)
