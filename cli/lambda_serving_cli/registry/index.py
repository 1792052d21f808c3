"""Read and change the index of a model. Only conditional writes change it, so that nothing that
another program changed meanwhile is lost."""

import copy
import json
import random
import time
from collections.abc import Callable
from typing import Any

from lambda_serving_cli.registry.layout import (
    SCHEMA,
    Bucket,
    Index,
    ModelName,
    parse_index,
    refuse_index,
)
from lambda_serving_cli.terminal.errors import CommandError

PATIENCE = 60.0
"""Seconds in which a change must find a moment when nobody else changes the index."""

LONGEST_PAUSE = 1.0

OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
"""Another write was there first, or is under way (Amazon S3, "Conditional writes")."""

MISSING = {"NoSuchKey", "404"}


def read_index(bucket: Bucket, model: ModelName) -> tuple[Index | None, str]:
    """The index and its ETag, as `read_versions`; an entry that is wrong is a CommandError."""
    index, wrong, etag = read_versions(bucket, model)
    if wrong:
        raise refuse_index(model, next(iter(wrong.values())))
    return index, etag


def read_versions(bucket: Bucket, model: ModelName) -> tuple[Index | None, dict[str, str], str]:
    """The index without the entries that are wrong, what is wrong with each, and its ETag; for
    who changes nothing. (None, {}, "") where there is none.

    Raises:
        CommandError: it is broken as a whole.
    """
    try:
        answer = bucket.client.get_object(Bucket=bucket.name, Key=model.index_key)
        return *parse_index(answer["Body"].read(), model), answer["ETag"]
    except bucket.client.exceptions.ClientError as error:
        if error.response["Error"].get("Code") in MISSING:
            return None, {}, ""
        raise


def require_versions(bucket: Bucket, model: ModelName) -> tuple[Index, dict[str, str]]:
    """As `read_versions`, of a model that is there; a CommandError where it is not."""
    index, wrong, _ = read_versions(bucket, model)
    if index is None:
        raise miss_model(model)
    return index, wrong


def change_index[T](
    bucket: Bucket, model: ModelName, change: Callable[[Index], T], *, create: bool = False
) -> T:
    """Apply `change` to the index and write it; gives what `change` gave.

    `change` is called again on the newest index whenever another write came first, and also where
    a write of this very change was done but its answer lost: applied to an index that holds it,
    it must leave that as it is. An index that it leaves unchanged is not written.

    Raises:
        CommandError: what `change` raises; or there is no such model and `create` is not set;
            or others kept changing the index for PATIENCE seconds.
    """
    deadline, pause = time.monotonic() + PATIENCE, 0.02
    while True:
        before, etag = read_index(bucket, model)
        if before is None and not create:
            raise miss_model(model)
        index = copy.deepcopy(before) or Index(
            schema=SCHEMA, project=model.project, name=model.name, versions={}, next=1
        )
        result = change(index)
        if index == before or _write(bucket, model, index, etag):
            return result
        if time.monotonic() > deadline:
            raise CommandError(
                f"others kept changing {model.index_key} for {PATIENCE:.0f} s",
                advice="try again when they are done",
            )
        time.sleep(random.uniform(0, pause))
        pause = min(2 * pause, LONGEST_PAUSE)


def _write(bucket: Bucket, model: ModelName, index: Index, etag: str) -> bool:
    """Write the index if it is still the one with this ETag, or still absent; whether it was."""
    condition: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=model.index_key,
            # For people, too. New versions come last: their numbers only go up.
            Body=(json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode(),
            ContentType="application/json",
            **condition,
        )
    except bucket.client.exceptions.ClientError as error:
        code = error.response["Error"].get("Code")
        if code in OVERTAKEN or (etag and code in MISSING):
            return False
        raise
    return True


def miss_model(model: ModelName) -> CommandError:
    """The error where there is no such model."""
    advice = "`lambda-serving model list` shows all there are"
    return CommandError(f"the registry has no model {model}", advice=advice)
