"""Where the registry keeps what in the bucket, and what an index holds (docs/registry.md)."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, get_origin, get_type_hints
from urllib.parse import quote

from lambda_serving.settings.location import parse_uri
from lambda_serving_cli.terminal.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = "registry/"
SCHEMA = 1
LATEST = "latest"

LARGEST_KEY = 1024
"""Bytes of a key (Amazon S3, "Naming Amazon S3 objects")."""


# What is read off the bucket is checked by these: which keys must be there, and their types.
class Entry(TypedDict):
    """One version; keys beyond these are kept as they are."""

    model: str
    framework: str
    sha256: str
    size: int
    tags: list[str]
    published: bool
    created: str
    libraries: dict[str, str]
    sample: NotRequired[str]


class Index(TypedDict):
    """All of a model that its readers need to know."""

    schema: int
    project: str
    name: str
    versions: dict[str, Entry]
    next: int
    reserved: NotRequired[dict[str, str]]
    """Number -> whose it is: uploads under way, or given up. Not for readers."""


@dataclass(frozen=True)
class Bucket:
    """The bucket that holds the registry."""

    client: "S3Client"
    name: str

    def list_keys(self, prefix: str) -> list[str]:
        """Every key below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return [item["Key"] for item in pages.build_full_result().get("Contents", [])]

    def delete_keys(self, keys: list[str]) -> None:
        """Delete objects; in a bucket with versions they can be restored."""
        for start in range(0, len(keys), 1000):  # what one request takes
            batch: Any = [{"Key": key} for key in keys[start : start + 1000]]
            answer = self.client.delete_objects(
                Bucket=self.name, Delete={"Objects": batch, "Quiet": True}
            )
            if errors := answer.get("Errors"):
                raise CommandError(f"{errors[0].get('Key')}: {errors[0].get('Message')}")


@dataclass(frozen=True)
class ModelName:
    """A model: its project and its name, any text that is visible."""

    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} of project {self.project!r}"

    @property
    def folder(self) -> str:
        return f"{ROOT}{quote(self.project, safe='')}/{quote(self.name, safe='')}/"

    @property
    def index_key(self) -> str:
        return f"{self.folder}index.json"

    def locate(self, version: str) -> str:
        """The folder of a version."""
        return f"{self.folder}{version}/"


def check_name(what: str, text: str) -> str:
    """Raises ValueError unless a project or a model can have this name."""
    if not text.strip() or not text.isprintable() or text != text.strip():
        raise ValueError(f"the {what} must be visible text, not {text!r}")
    if text in (".", ".."):  # a part of a key that programs take for a way up
        raise ValueError(f"the {what} cannot be {text!r}")
    return text


def parse_index(text: bytes, model: ModelName) -> tuple[Index, dict[str, str]]:
    """The index in an index.json, its versions in their order, without the entries that are wrong
    as far as this relies on them; and what is wrong with each.

    Raises:
        CommandError: it is none, or one of a later lambda-serving.
    """
    where = f"{model.index_key} in the bucket"
    wrong = {}
    try:
        index: Any = json.loads(text)
        if index["schema"] != SCHEMA:
            raise CommandError(
                f"{where} has schema {index['schema']}, this program knows {SCHEMA}",
                advice="take a later lambda-serving",
            )
        _check_keys(index, Index, "the index")
        for number, entry in list(index["versions"].items()):
            try:
                _check_entry(number, entry)
            except ValueError as error:
                wrong[number] = str(error)
                del index["versions"][number]
        index["versions"] = dict(sorted(index["versions"].items(), key=lambda item: int(item[0])))
        if index["next"] <= max(map(int, index["versions"]), default=0):
            raise ValueError("next is the number of a version already")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise refuse_index(model, error) from error
    result: Index = index
    return result, wrong


def refuse_index(model: ModelName, reason: object) -> CommandError:
    """The error where an index is broken."""
    return CommandError(
        f"{model.index_key} in the bucket is not an index of the registry ({reason})",
        advice="an earlier version of that object is whole: see docs/registry.md",
    )


def _check_entry(number: str, entry: Any) -> None:
    """Raises ValueError where no version can be read off it."""
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(f"version {number} is no number")
    _check_keys(entry, Entry, f"version {number}")
    try:
        parse_uri(entry["model"])
    except ValueError as error:
        raise ValueError(
            f"'model' of version {number} is {entry['model']!r}, expected {error}"
        ) from error


def _check_keys(table: Any, form: Any, what: str) -> None:
    """Raises ValueError where a key is missing, or its value of another type."""
    if not isinstance(table, dict):
        raise ValueError(f"{what} is {table!r}")
    for key, kind in get_type_hints(form).items():
        if key in form.__optional_keys__:
            continue
        if key not in table:
            raise ValueError(f"{what} has no {key!r}")
        is_right = type(table[key]) is (get_origin(kind) or kind)
        if key == "tags":
            is_right = is_right and all(isinstance(tag, str) for tag in table[key])
        if not is_right:
            raise ValueError(f"{key!r} of {what} is {table[key]!r}")


def find_version(index: Index, wanted: str) -> str:
    """The number of a version, given as it is or as "latest".

    Raises:
        CommandError: there is none; tells which there are.
    """
    model = ModelName(index["project"], index["name"])
    versions = list(index["versions"])
    if not versions:
        raise CommandError(f"model {model} has no version")
    if wanted == LATEST:
        return versions[-1]
    if wanted not in versions:
        raise CommandError(
            f"model {model} has no version {wanted}", advice=f"it has {', '.join(versions)}"
        )
    return wanted
