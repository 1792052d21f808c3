"""Translates exceptions of user code and engines to the errors in ``errors``."""

from __future__ import annotations

from collections.abc import Callable

from lambda_serving.errors import (
    InputError,
    RequestTimeoutError,
    ServingError,
    TimeIsOver,
    UserCodeError,
    UserHTTPError,
)
from lambda_serving.redaction import redact
from lambda_serving.user_values import ABSENT, get_text, read_attribute, read_status, show


def translate_exception(
    exception: BaseException, stage: str, blames_caller: bool = False
) -> ServingError:
    """What user code or an engine raised in ``stage``, as the error table says.

    The text of an unforeseen exception stays in the log: it may hold a path or a secret. Where the
    stage ``blames_caller``, a ``ValueError`` is the user speaking to the caller, and passes.
    """
    if isinstance(exception, ServingError):
        if isinstance(exception, InputError):
            exception.stage = stage
        return exception
    if isinstance(exception, TimeIsOver):
        return RequestTimeoutError(stage)
    name = type(exception).__name__
    text = get_text(exception)
    code, detail = read_attribute(exception, "status_code"), read_attribute(exception, "detail")
    no_status = ""
    if code is not ABSENT and detail is not ABSENT:
        status = read_status(code, 400)
        if status is not None:
            return UserHTTPError(exception, status, detail, stage)
        no_status = (
            f": its status_code is {redact(show(code))[:40]}, expected an error's from 400 to 599"
        )
    if blames_caller and isinstance(exception, ValueError):
        return InputError(redact(text), private=text, stage=stage, type_name=name)
    from lambda_serving.user_code.causes import describe_cause

    return UserCodeError(
        f"{name} in {stage}{no_status}; the log has the traceback under this request id"
        f"{describe_cause(exception)}",
        private=text,
        stage=stage,
        type_name=name,
    )


def call_user[**P, T](stage: str, function: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
    """Call what runs user code, or reads what it gave.

    Raises:
        ServingError: it fails, with whatever: ``sys.exit()``, KeyboardInterrupt and the
            CancelledError of a task that it awaits are no Exceptions, and errors like any other.
    """
    try:
        return function(*given, **more)
    except ServingError:
        raise
    except BaseException as error:  # noqa: BLE001  (user code may raise anything)
        raise translate_exception(error, stage) from error
