"""The stack of a local cloud, as its folder of state tells how to reach it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lambda_serving_cli.files.content import write_atomically

STACK_NAME = "lambda-serving"
REGION = "us-east-1"
CREDENTIAL = "test"
"""Key and secret of the local cloud's root user."""

STACK_FILE = "stack.json"
ENVIRONMENT_FILE = "sam_local.json"
"""Of the folder of state. The second one is for `sam local invoke`."""


@dataclass(frozen=True)
class LocalStack:
    """A deployed stack, as `stack.json` tells it. `functions` maps endpoints to function names."""

    api_url: str
    aws_endpoint_url: str
    region: str
    stack_name: str
    model_bucket: str
    functions: Mapping[str, str]
    auth: str = "NONE"
    """Who may call the HTTP API: the template's parameter Auth."""
    token_client: str = ""
    """With JWT: the client of the user pool that issues the tokens."""

    def write(self, state: Path) -> None:
        """Write `stack.json`, and the environment that points `sam local` at this stack."""
        write_atomically(state / STACK_FILE, json.dumps(asdict(self), indent=2) + "\n")
        # Seen from a container, 127.0.0.1 is the container itself.
        endpoint = self.aws_endpoint_url.replace("127.0.0.1", "host.docker.internal")
        variables = {
            "AWS_ENDPOINT_URL": endpoint,
            "SERVING_MODEL_BUCKET": self.model_bucket,
            "SERVING_STACK": self.stack_name,
        }
        text = json.dumps({"Parameters": variables}, indent=2) + "\n"
        write_atomically(state / ENVIRONMENT_FILE, text)


USER = {"USERNAME": "local", "PASSWORD": "Local-cloud-1"}
"""The one user of the local cloud's user pool. Both are as public as its credentials."""


def ask_token(client: Any, token_client: str) -> str:
    """An access token of the local cloud's user pool, good for an hour."""
    answer = client.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId=token_client, AuthParameters=USER
    )
    return str(answer["AuthenticationResult"]["AccessToken"])


def read_local_stack(state: Path) -> LocalStack:
    """The stack that a folder of state tells of.

    Raises:
        FileNotFoundError: no local cloud is up there.
        OSError, ValueError, TypeError, RecursionError: its file cannot be read.
    """
    return LocalStack(**json.loads((state / STACK_FILE).read_text()))
