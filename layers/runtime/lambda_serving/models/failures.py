"""Names for the errors of S3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lambda_serving.errors import ModelFetchError
from lambda_serving.settings.location import Location

ANOTHER_REGION = "the bucket is in another region than the function"

MEANINGS = {
    "AccessDenied": "the function may not read it, or it is not there",
    "AuthorizationHeaderMalformed": ANOTHER_REGION,
    "ExpiredToken": "the credentials have expired",
    "InvalidObjectState": "it is in an archive",
    "InvalidPath": "a key has an empty part, `.`, `..` or a control character",
    "NoConnection": "S3 cannot be reached",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": ANOTHER_REGION,
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "SlowDown": "S3 asks for fewer requests",
    "TemporaryRedirect": ANOTHER_REGION,
    "Timeout": "S3 did not answer in time",
}
"""S3's code (Amazon S3 API reference, "Error responses"), or a name of ours, in words."""

SIGNS = {
    "redirect without LOCATION": "PermanentRedirect",
    "kind: Timeout": "Timeout",
    "kind: Connect": "NoConnection",
    "kind: Request": "NoConnection",
}
"""What obstore writes where there is no code; the first that fits."""


def describe_failure(error: BaseException) -> str:
    """A name for the caller, with what it means; nothing of it is secret."""
    text = str(error)
    code = re.search(r"<Code>([\w.]{1,64})</Code>", text)
    if code is not None:
        name = code[1]
    else:
        fallback = type(error).__name__.removesuffix("Error")
        name = next((name for sign, name in SIGNS.items() if sign in text), fallback)
    meaning = MEANINGS.get(name, "")
    region = re.search(r"<Region>([a-z0-9-]{1,32})</Region>", text)
    if region is not None and meaning == ANOTHER_REGION:
        meaning += f", {region[1]}"
    return f"{name}: {meaning}" if meaning else name


@contextmanager
def translate_errors(
    location: Location,
    told: str = "the model cannot be fetched",
    missing: str = "the model is not there",
) -> Iterator[None]:
    """Translate obstore's errors; ``missing`` is the detail if an object does not exist.

    Raises:
        ModelFetchError: whatever went wrong.
    """
    from obstore.exceptions import BaseError, PreconditionError

    try:
        yield
    except PreconditionError as error:
        raise replace_model(location) from error
    except (BaseError, OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and not is_missing_bucket(error):
            raise ModelFetchError(missing, private=str(location)) from error
        reason = describe_failure(error)
        raise ModelFetchError(f"{told} ({reason})", private=f"{location}: {error}") from error


def replace_model(location: Location) -> ModelFetchError:
    """The error where a model is not one any more."""
    return ModelFetchError("the model was replaced while it was fetched", private=str(location))


def is_missing_bucket(error: BaseException) -> bool:
    """Whether there is not only no such object, but no such bucket."""
    return "<Code>NoSuchBucket</Code>" in str(error)
