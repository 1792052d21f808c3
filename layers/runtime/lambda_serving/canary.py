"""Engine ``canary``: an endpoint that passes each request on to one of several others."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from lambda_serving.envelope import open_whole_answer
from lambda_serving.errors import CalleeError, ServingError
from lambda_serving.request import Request
from lambda_serving.responses import Answer, answer_error, check_answer
from lambda_serving.send_request import CallError, Calls, split_name
from lambda_serving.settings import VersionSettings
from lambda_serving.traffic import Traffic, choose_target, share_by_age

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
        count_target: Callable[[str], None],
    ) -> None:
        """``count_target`` counts a request for the target that is asked."""
        self.settings = settings
        self._count_target = count_target
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
        target = choose_target(self._find_shares(request), self._traffic.sticky, request)
        name, version = split_name(target, None)
        self._count_target(target)
        try:
            payload = self._calls.invoke(request, name, version, request.body, answer="whole")
            answer = open_whole_answer(payload)
        except CallError as error:
            answer = self._pass_error(error, target)
        except (ValueError, KeyError, TypeError) as error:
            raise CalleeError(f"{target}: its answer cannot be read", target) from error
        # Of canaries in a row the first one's choice is told.
        passed = (header for header in answer.headers if header[0].lower() != TARGET_HEADER)
        return answer._replace(headers=(*passed, (TARGET_HEADER, target)))

    def _pass_error(self, error: CallError, target: str) -> Answer:
        """The callee's own error as an answer, or ours where the callee did not get to speak."""
        try:
            body = orjson.loads(orjson.loads(error.payload)["errorMessage"])
            own = ServingError(body["detail"], stage=body["stage"], type_name=body["type"])
            own.status = body["status"]
            own.headers = dict(body.get("headers", {}))
            return check_answer(answer_error(own, body["request_id"]))
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
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._shares

    def restore(self) -> None:
        """After a snapshot: what is remembered is of unknown age."""
        self._look_at = -math.inf

    def describe(self) -> dict[str, Any]:
        return {"targets": self._shares}

    def close(self) -> None:
        """Holds nothing."""
