"""What AWS and its client refuse, as a person is told it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lambda_serving_cli.terminal.errors import CommandError

SIGN_IN = (
    "sign in (`aws configure`, `aws sso login`) or name a profile by --profile;"
    " `make up` starts the local cloud"
)


@contextmanager
def tell_aws_errors(then: str = "") -> Iterator[None]:
    """Turn what AWS and its client raise into a CommandError with what to do, and `then`."""
    try:
        yield
    except Exception as error:
        found = explain_aws_error(error, then)
        if found is None:
            raise
        raise found from error


def explain_aws_error(error: Exception, then: str = "") -> CommandError | None:
    """An error of AWS or its client in plain words; None where it is another one."""
    if "botocore" not in sys.modules:  # nobody asked AWS
        return None
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    if isinstance(error, NoCredentialsError):
        return CommandError("there are no AWS credentials", advice=SIGN_IN)
    if isinstance(error, ClientError):
        about = error.response["Error"]
        code, message = about.get("Code", ""), about.get("Message", "")
        reason = ": ".join(part for part in (error.operation_name, code, message) if part)
        return CommandError(reason, advice=_join(_advise(code), then))
    if isinstance(error, BotoCoreError):
        advice = _advise(type(error).__name__) or "check the network, --profile and --region"
        return CommandError(str(error), advice=_join(advice, then or "try again"))
    return None


def _advise(name: str) -> str:
    """What to do about an error of this code or class."""
    if name.startswith("AccessDenied") or name in ("403", "Forbidden", "UnauthorizedOperation"):
        return "the credentials do not permit it: take another --profile, or have it permitted"
    if name == "RequestExpired" or any(
        word in name for word in ("Credential", "Token", "SSO", "Signature", "InvalidClient")
    ):
        return SIGN_IN
    if name == "NoSuchBucket":
        return "the stack's bucket is gone: deploy again"
    return ""


def _join(advice: str, then: str) -> str:
    return "; then ".join(part for part in (advice, then) if part)
