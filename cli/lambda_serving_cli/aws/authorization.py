"""What lets a request in: AWS's signature or a bearer token, whichever the HTTP API asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_serving_cli.terminal.errors import CommandError

if TYPE_CHECKING:
    from botocore.credentials import Credentials

IAM, JWT, NONE = "AWS_IAM", "JWT", "NONE"
"""Values of the template's parameter Auth."""

TOKEN_VARIABLE = "SERVING_TOKEN"  # noqa: S105  (its name)
SERVICE = "execute-api"
"""What API Gateway is called in a signature."""


class TokenError(CommandError):
    """The HTTP API wants a token and there is none."""


@dataclass(frozen=True)
class Access:
    """Who may call an HTTP API, and what is at hand to be one of them. Secrets are never shown."""

    auth: str = NONE
    region: str = ""
    token: str | None = field(default=None, repr=False)
    find_credentials: Callable[[], Credentials | None] = field(default=lambda: None, repr=False)

    def authorize(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """The headers to add to a request.

        Raises:
            TokenError: a token is wanted, and there is none.
            NoCredentialsError: a signature is wanted, and there are no credentials.
        """
        if self.auth == IAM:
            return sign(method, url, body, headers, self.region, self.find_credentials())
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.auth == JWT:
            raise TokenError(
                "the HTTP API wants a token",
                advice=f"set {TOKEN_VARIABLE} to one; `--lambda` goes around the HTTP API",
            )
        return {}


def check_token(token: str) -> str | None:
    """The token, where it may be one; None for an empty one. Its text is in no error.

    Raises:
        ValueError: it has characters that no token has (RFC 6750, section 2.1).
    """
    if token and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):
        raise ValueError("expected a bearer token: letters, digits and . _ ~ + / - alone")
    return token or None


def sign(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    region: str,
    credentials: Credentials | None,
) -> dict[str, str]:
    """The headers of AWS Signature Version 4."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import NoCredentialsError

    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest(method, url, headers=dict(headers), data=body or b"")
    SigV4Auth(credentials, SERVICE, region).add_auth(request)
    signed = dict(request.headers.items())
    return {name: value for name, value in signed.items() if name not in headers}
