"""Engine ``canary``: an endpoint that passes each request on to one of several others."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from lambda_serving.calls.send_request import CallError, Calls, split_name
from lambda_serving.errors import CalleeError, ServingError
from lambda_serving.messages.envelope import open_whole_answer
from lambda_serving.messages.request import Request
from lambda_serving.messages.responses import Answer, answer_error, check_answer
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.traffic import Traffic
from lambda_serving.versions.circuit_breaker import Watch
from lambda_serving.versions.traffic_split import choose_target, find_key, share_by_age

TARGET_HEADER = "x-serving-target"
LOOK_SECONDS = 60
"""How long the versions of a prefix are remembered."""

STATUS = {"Timeout": 504, "Throttled": 503, "PayloadTooLarge": 413, "DepthLimit": 508}
"""Cause of a failed call -> HTTP status; any other is 502, Bad Gateway."""


class Canary:
    """Serves in the place of an ``Endpoint``; it has no user code, and no model of its own."""

    def __init__(
        self,
        settings: VersionSettings,
        traffic: Traffic,
        calls: Calls,
        count: Callable[..., None],
    ) -> None:
        """``count`` counts a metric of the endpoint."""
        self.settings = settings
        self._count = count
        self._watch = Watch(traffic.guard, count)
        self.cost = self.model_size = 0
        self.sha256: str | None = None
        self._traffic = traffic
        self._calls = calls
        self._lock = threading.Lock()
        self._shares = dict(traffic.weights)
        self._look_at = -math.inf

    def serve(self, request: Request) -> Answer:
        """The chosen target's answer, as it gave it: status, content type and body, errors too.

        Raises:
            CalleeError: the target could not be asked.
        """
        sticky = self._traffic.sticky
        shares = self._watch.leave(self._find_shares(request))
        target = choose_target(shares, sticky, request)
        self._count("CanaryRequests", Target=target)
        failure: ServingError | None = None
        try:
            answer, failure = self._ask(request, target)
        except CalleeError as error:
            failure = error
            raise
        finally:
            self._watch.note(target, failure, find_key(sticky, request))
        # Of canaries in a row the first one's choice is told.
        passed = (header for header in answer.headers if header[0].lower() != TARGET_HEADER)
        return answer._replace(headers=(*passed, (TARGET_HEADER, target)))

    def _ask(self, request: Request, target: str) -> tuple[Answer, ServingError | None]:
        """The target's answer, and the error that it is where it is one."""
        name, version = split_name(target, None)
        try:
            payload = self._calls.invoke(request, name, version, request.body, answer="whole")
            return open_whole_answer(payload), None
        except CallError as error:
            own, request_id = self._read_error(error, target)
            return answer_error(own, request_id), own
        except (ValueError, KeyError, TypeError) as error:
            raise CalleeError(f"{target}: its answer cannot be read", target) from error

    def _read_error(self, error: CallError, target: str) -> tuple[ServingError, str]:
        """The callee's own error and request id.

        Raises:
            CalleeError: the callee did not get to speak.
        """
        try:
            body = orjson.loads(orjson.loads(error.payload)["errorMessage"])
            own = ServingError(body["detail"], stage=body["stage"], type_name=body["type"])
            own.status = body["status"]
            own.headers = dict(body.get("headers", {}))
            check_answer(answer_error(own, body["request_id"]))
            return own, body["request_id"]
        except (ValueError, KeyError, TypeError):
            failure = CalleeError(f"{target}: {error.cause}", target, private=str(error))
            failure.status = STATUS.get(error.cause, failure.status)
            raise failure from error

    def _find_shares(self, request: Request) -> dict[str, float]:
        """The weights as they stand, or of the versions that ``prefix`` has by now.

        Raises:
            CalleeError: the endpoint of the prefix does not tell its versions.
        """
        prefix = self._traffic.prefix
        if prefix is None:
            return self._shares
        with self._lock:
            if time.monotonic() >= self._look_at:
                try:
                    payload = self._calls.invoke(request, prefix, None, {}, answer="metadata")
                    versions = orjson.loads(payload)["versions"]
                    shares = share_by_age(versions, self._traffic.latest)
                    if not shares:
                        raise ValueError("it has no versions")
                except (CallError, ValueError, KeyError, TypeError) as error:
                    if not self._shares:
                        raise CalleeError(
                            f"{prefix}: its versions are not known", prefix
                        ) from error
                else:
                    self._shares = {f"{prefix}/{version}": s for version, s in shares.items()}
                    self._watch.keep(self._shares)
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._shares

    def restore(self) -> None:
        """After a snapshot: what is remembered is of unknown age."""
        self._look_at = -math.inf

    def describe(self) -> dict[str, Any]:
        out = dict(sorted(self._watch.out.items()))
        return {"targets": self._shares, **({"taken_out": out} if out else {})}

    def close(self) -> None:
        """Holds nothing."""
