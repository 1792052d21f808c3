"""Change what is in the registry: publish, tag and remove versions."""

from collections.abc import Sequence
from typing import NamedTuple

from lambda_serving_cli.registry.index import change_index
from lambda_serving_cli.registry.layout import Bucket, Entry, Index, ModelName, find_version
from lambda_serving_cli.terminal.errors import CommandError


def change_version(
    bucket: Bucket,
    model: ModelName,
    version: str,
    published: bool | None = None,
    add: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> tuple[str, Entry]:
    """Publish a version or take that back, give it tags and take tags away; one it has, or has
    not, is left as it is. Gives the version's number, and what it is now.

    Raises:
        CommandError: there is no such version.
    """

    def change(index: Index) -> tuple[str, Entry]:
        number = find_version(index, version)
        entry = index["versions"][number]
        if published is not None:
            entry["published"] = published
        kept = [tag for tag in entry["tags"] if tag not in drop]
        entry["tags"] = list(dict.fromkeys([*kept, *add]))
        return number, entry

    return change_index(bucket, model, change)


class Removal(NamedTuple):
    """What is gone; `entry` is None where only files were left."""

    number: str
    entry: Entry | None
    keys: list[str]


def remove_version(
    bucket: Bucket, model: ModelName, version: str, *, force: bool, keep_files: bool
) -> Removal:
    """Take a version out of the index, then delete its files.

    The files of a number that is in no index, of an upload or a removal that was given up, go too.

    Raises:
        CommandError: there is nothing of that number; it is published, or an upload under way, and
            `force` is not set.
    """
    seen: dict[str, Entry] = {}

    def change(index: Index) -> str:
        number = next(iter(seen), "") or _find(bucket, index, version)
        entry = index["versions"].get(number)
        if entry and entry["published"] and not force:
            raise CommandError(
                f"version {number} of model {model} is published",
                advice="`model unpublish` it first, or add --force",
            )
        reserved = index.get("reserved", {})
        if number in reserved and not force:
            raise CommandError(
                f"version {number} of model {model} is being uploaded, or its upload was cut",
                advice="the same upload again goes on with it; --force removes its files",
            )
        reserved.pop(number, None)
        if entry:
            seen[number] = entry
            del index["versions"][number]
        return number

    number = change_index(bucket, model, change)
    keys = bucket.list_keys(model.locate(number))
    if not keep_files:
        bucket.delete_keys(keys)
    return Removal(number, seen.get(number), [] if keep_files else keys)


def _find(bucket: Bucket, index: Index, version: str) -> str:
    """The number of a version, or one that has nothing but files."""
    model = ModelName(index["project"], index["name"])
    if version.isdecimal() and version not in index["versions"]:
        number = str(int(version))
        if number in index.get("reserved", {}) or bucket.list_keys(model.locate(number)):
            return number
    return find_version(index, version)
