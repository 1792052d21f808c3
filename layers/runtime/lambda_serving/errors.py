"""All errors, with their HTTP status.

::

    ServingError                       500
    ├── RequestError                   400  the request cannot be read
    │   ├── MalformedEventError        400  a field is missing, or of the wrong type
    │   ├── MalformedBodyError         400  not JSON, not gzip as claimed, bad base64
    │   ├── UnknownEndpointError       404
    │   ├── UnknownVersionError        404
    │   ├── UnknownPathError           404
    │   ├── MethodNotAllowedError      405
    │   ├── BodyTooLargeError          413
    │   ├── UnsupportedEncodingError   415
    │   └── InputError                 422  JSON but no object; ValueError; the engine refuses
    ├── UserHTTPError                  as the user's exception says
    ├── RequestTimeoutError            504  ``Timeout``: user code runs until shortly before the end
    ├── UserCodeError                  500  any other exception in user code or engine
    ├── CallDepthError                 508  endpoints call each other endlessly
    ├── CalleeError                    502  a canary's target cannot be called (503, 504, 508)
    ├── ResultError                    500  the result cannot be sent
    │   └── ResultTooLargeError        500
    ├── InternalError                  500  a defect of lambda-serving itself
    └── LoadError                      503  with Retry-After
        ├── SettingsError              503  endpoint.toml or the environment is wrong
        ├── MissingLibraryError        503  an engine's layer is not attached
        ├── UserCodeLoadError          503  preprocess.py cannot be imported or made
        ├── CredentialsError           503  Lambda gives the function none
        ├── ModelFetchError            503
        ├── ModelVerificationError     503  sha256 differs
        ├── PickleNotAllowedError      503  a pickle that nobody has allowed
        ├── LoadTimeoutError           504  ``Timeout``: the load runs until shortly before the end
        └── ModelLoadError             503  fetched, but the engine or `load` refuses it

``detail`` goes to the caller, and never contains a path, a bucket or a credential. ``private`` and
the exception's cause are logged only.
"""

from __future__ import annotations

import logging
from typing import Any

from lambda_serving.redaction import shorten
from lambda_serving.user_values import read_attribute, read_headers, show

logger = logging.getLogger("lambda_serving")


class ServingError(Exception):
    """The root: ``detail`` for the caller, ``private`` for the log, ``stage`` of the pipeline.

    ``type`` is what the caller sees as the error's class: this class's name, or the name of
    the user's own exception class where one was raised.
    """

    status = 500
    stage = "request"

    def __init__(
        self,
        detail: str,
        *,
        private: str = "",
        stage: str | None = None,
        type_name: str | None = None,
    ) -> None:
        detail = shorten(detail)
        super().__init__(detail)
        self.detail: Any = detail
        self.private = shorten(private)
        self.type = shorten(type_name or type(self).__name__)
        self.headers: dict[str, str] = {}
        if stage is not None:
            self.stage = stage


class RequestError(ServingError):
    status = 400


class MalformedEventError(RequestError):
    status = 400


class MalformedBodyError(RequestError):
    status = 400


class UnknownEndpointError(RequestError):
    status = 404


class UnknownVersionError(RequestError):
    status = 404


class UnknownPathError(RequestError):
    status = 404


class MethodNotAllowedError(RequestError):
    status = 405


class BodyTooLargeError(RequestError):
    status = 413


class UnsupportedEncodingError(RequestError):
    status = 415


class InputError(RequestError):
    status = 422


class UserHTTPError(ServingError):
    """The user raised an exception with ``status_code`` and ``detail``; both pass unchanged.

    So do its ``headers``, as far as HTTP can send them.
    """

    def __init__(self, exception: BaseException, status: int, detail: Any, stage: str) -> None:
        super().__init__("", stage=stage, type_name=type(exception).__name__)
        self.status = status
        self.detail = shorten(detail) if isinstance(detail, str) else detail
        self.headers = read_headers(read_attribute(exception, "headers"))


class UserCodeError(ServingError):
    status = 500


class TimeIsOver(BaseException):
    """Raised within user code where its time is over. No ``except Exception`` of its own holds it.

    Told as a ``RequestTimeoutError``.
    """

    type = "Timeout"
    status = 504


class RequestTimeoutError(ServingError):
    """User code still ran shortly before the deadline, and was left."""

    status = TimeIsOver.status

    def __init__(self, stage: str) -> None:
        told = f"{stage} took until shortly before the time limit of the request, and was left"
        super().__init__(told, stage=stage, type_name=TimeIsOver.type)


class CallDepthError(ServingError):
    status = 508


class CalleeError(ServingError):
    """``target`` is the endpoint that a canary asked in vain."""

    status = 502
    stage = "process"

    def __init__(self, detail: str, target: str, *, private: str = "") -> None:
        super().__init__(detail, private=private)
        self.headers["x-serving-target"] = target


class ResultError(ServingError):
    status = 500
    stage = "result"


class ResultTooLargeError(ResultError):
    status = 500


class InternalError(ServingError):
    status = 500


class LoadError(ServingError):
    """A version cannot be loaded now; ``Retry-After`` is in whole seconds."""

    status = 503
    stage = "load"

    def __init__(self, detail: str, *, private: str = "") -> None:
        super().__init__(detail, private=private)
        self.set_retry_after(1)

    def set_retry_after(self, seconds: int) -> None:
        self.headers["retry-after"] = str(seconds)


class SettingsError(LoadError):
    pass


class MissingLibraryError(LoadError):
    pass


class UserCodeLoadError(LoadError):
    pass


class CredentialsError(LoadError):
    pass


class ModelFetchError(LoadError):
    pass


class ModelVerificationError(LoadError):
    pass


class PickleNotAllowedError(LoadError):
    pass


class LoadTimeoutError(LoadError):
    """A load still ran shortly before the deadline, and was left. It is tried again."""

    status = TimeIsOver.status

    def __init__(self) -> None:
        super().__init__("the load took until shortly before the time limit of the request")
        self.type = TimeIsOver.type


class ModelLoadError(LoadError):
    pass


def describe_error(error: ServingError, request_id: str) -> dict[str, Any]:
    """The body of an error answer, the same for all event sources."""
    return {
        "detail": error.detail,
        "type": error.type,
        "stage": error.stage,
        "request_id": request_id,
    }


def report_error(exception: BaseException, request_id: str) -> ServingError:
    """Log an error once, with its whole traceback, and give it as a ``ServingError``."""
    if isinstance(exception, ServingError):
        error = exception
    else:
        error = InternalError("an internal error; the log has the traceback", stage="serving")
        error.__cause__ = exception
    is_refusal = isinstance(error, RequestError) and error.stage == "request"
    detail = show(error.detail)
    private = f" [{error.private}]" if error.private not in ("", detail) else ""
    logger.log(
        logging.ERROR if error.status >= 500 else logging.WARNING,
        "%s %d in %s: %s%s (request %s)",
        error.type,
        error.status,
        error.stage,
        detail,
        private,
        request_id,
        exc_info=None if is_refusal else error,
        extra={"error_type": error.type, "status": error.status, "stage": error.stage},
    )
    return error
