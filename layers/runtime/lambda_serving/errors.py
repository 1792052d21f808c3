"""All errors, with their HTTP status; docs/errors.md has them in a table.

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
    """The request cannot be read."""

    status = 400


class MalformedEventError(RequestError):
    """A field is missing, or of the wrong type."""


class MalformedBodyError(RequestError):
    """Not JSON, not gzip as claimed, or bad base64."""


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
    """JSON but no object; a ``ValueError`` of the user's; or the engine refuses."""

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
    """Any other exception in user code or engine."""


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
    """Endpoints call each other endlessly."""

    status = 508


class CalleeError(ServingError):
    """A canary's ``target`` cannot be called."""

    status = 502
    stage = "process"

    def __init__(self, detail: str, target: str, *, private: str = "") -> None:
        super().__init__(detail, private=private)
        self.headers["x-serving-target"] = target


class ResultError(ServingError):
    """The result cannot be sent."""

    stage = "result"


class ResultTooLargeError(ResultError):
    """The result is over Lambda's limit."""


class InternalError(ServingError):
    """A defect of lambda-serving itself."""


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
    """endpoint.toml or the environment is wrong."""


class MissingLibraryError(LoadError):
    """An engine's layer is not attached."""


class UserCodeLoadError(LoadError):
    """preprocess.py cannot be imported, or its class not made."""


class CredentialsError(LoadError):
    """Lambda gives the function none."""


class ModelFetchError(LoadError):
    """The model is not there, or does not come."""


class ModelVerificationError(LoadError):
    """The model's sha256 is not the pinned one."""


class PickleNotAllowedError(LoadError):
    """The model is a pickle that nobody has allowed."""


class LoadTimeoutError(LoadError):
    """A load still ran shortly before the deadline, and was left. It is tried again."""

    status = TimeIsOver.status

    def __init__(self) -> None:
        super().__init__("the load took until shortly before the time limit of the request")
        self.type = TimeIsOver.type


class ModelLoadError(LoadError):
    """The model was fetched, but the engine or ``load`` refuses it."""


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
