"""Engine ``canary``: an endpoint that forwards each request to one of several others."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.calls.send_request import CallError, split_name
from lambda_serving.errors import CalleeError, ServingError
from lambda_serving.messages.envelope import open_whole_answer
from lambda_serving.messages.request import Request
from lambda_serving.messages.responses import Answer, answer_error, check_answer
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.traffic import Traffic
from lambda_serving.versions.traffic_split import TrafficSplit

TARGET_HEADER = "x-serving-target"
LOOK_SECONDS = 60
"""Seconds for which the versions of a prefix are remembered."""

STATUS = {"Timeout": 504, "Throttled": 503, "PayloadTooLarge": 413, "DepthLimit": 508}
"""Cause of a failed call -> HTTP status; any other is 502, Bad Gateway."""


class Canary(Servable):
    """Takes the place of an ``Endpoint``, without user code or a model of its own."""

    def __init__(
        self,
        settings: VersionSettings,
        traffic: Traffic,
        calls: CallsOnDemand,
        count: Callable[..., None],
    ) -> None:
        self.settings = settings
        self._count = count
        self._split = TrafficSplit(traffic, count)
        self._prefix = traffic.prefix
        self._calls = calls
        self._lock = threading.Lock()
        self._look_at = -math.inf

    def serve(self, request: Request) -> Answer:
        """The answer of the chosen target, unchanged: status, content type and body.

        Raises:
            CalleeError: the target cannot be called.
        """
        self._update_targets(request)
        target = self._split.choose(request)
        self._count("CanaryRequests", Target=target)
        failure: ServingError | None = None
        try:
            answer, failure = self._ask(request, target)
        except CalleeError as error:
            failure = error
            raise
        finally:
            self._split.breaker.record_result(target, failure, self._split.find_key(request))
        # If a target is a canary too, the header names the choice of the first one.
        passed = (header for header in answer.headers if header[0].lower() != TARGET_HEADER)
        return answer._replace(headers=(*passed, (TARGET_HEADER, target)))

    def _ask(self, request: Request, target: str) -> tuple[Answer, ServingError | None]:
        """The target's answer, and its error if it failed."""
        name, version = split_name(target, None)
        try:
            payload = self._calls.get().invoke(request, name, version, request.body, answer="whole")
            return open_whole_answer(payload), None
        except CallError as error:
            own, request_id = self._read_error(error, target)
            return answer_error(own, request_id), own
        except (ValueError, KeyError, TypeError) as error:
            raise CalleeError(f"{target}: its answer cannot be read", target) from error

    def _read_error(self, error: CallError, target: str) -> tuple[ServingError, str]:
        """The callee's own error and request id.

        Raises:
            CalleeError: the error is not the callee's own.
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

    def _update_targets(self, request: Request) -> None:
        """Ask the endpoint of ``prefix`` for its versions, once in LOOK_SECONDS.

        Raises:
            CalleeError: it does not answer, and never did.
        """
        prefix = self._prefix
        if prefix is None:
            return
        with self._lock:
            if time.monotonic() < self._look_at:
                return
            try:
                payload = self._calls.get().invoke(request, prefix, None, {}, answer="metadata")
                shares = self._split.share_latest(orjson.loads(payload)["versions"])
                if not shares:
                    raise ValueError("it has no versions")
            except (CallError, ValueError, KeyError, TypeError) as error:
                if not self._split.shares:
                    raise CalleeError(f"{prefix}: its versions are not known", prefix) from error
            else:
                self._split.set_targets({f"{prefix}/{v}": share for v, share in shares.items()})
            self._look_at = time.monotonic() + LOOK_SECONDS

    def restore(self) -> None:
        """Ask for the versions of the prefix again."""
        self._look_at = -math.inf

    def describe(self) -> dict[str, Any]:
        return {"targets": self._split.shares, **self._split.breaker.describe()}
