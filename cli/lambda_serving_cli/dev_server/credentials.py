"""The user's ordinary AWS credentials: environment, profile, SSO, whatever boto3 finds."""

import logging
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

logger = logging.getLogger("lambda_serving")


class SessionCredentials(Mapping[str, str]):
    """Looked up when a model is fetched, and no sooner; expired ones are renewed by botocore."""

    @cached_property
    def _source(self) -> Any:
        from boto3 import Session
        from botocore.exceptions import BotoCoreError

        try:
            return Session().get_credentials()
        except BotoCoreError as error:
            logger.warning("AWS credentials: %s", error)
            return None

    def _read(self) -> dict[str, str]:
        if self._source is None:
            return {}
        frozen = self._source.get_frozen_credentials()
        found = {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "session_token": frozen.token,
        }
        return {name: value for name, value in found.items() if value}

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def find_region() -> str:
    """The region of the environment or of the user's profile."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        profile = Session().get_config_variable("region")
    except BotoCoreError as error:
        logger.warning("AWS region: %s", error)
        profile = None
    return os.environ.get("AWS_REGION") or profile or "us-east-1"
