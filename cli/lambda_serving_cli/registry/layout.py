"""Where the registry keeps what in the bucket, and what an index holds (docs/registry.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict
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


INDEX_KEYS = {"project": str, "name": str, "versions": dict, "next": int}
ENTRY_KEYS = {
    "model": str,
    "framework": str,
    "sha256": str,
    "size": int,
    "tags": list,
    "published": bool,
    "created": str,
    "libraries": dict,
}
"""What must be there, and of which type, as JSON has it."""


@dataclass(frozen=True)
class Bucket:
    """The bucket that holds the registry."""

    client: S3Client
    name: str

    def list_keys(self, prefix: str) -> list[str]:
        """Every key below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

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
    """A project's or a model's name, as given, where it can be one.

    Raises:
        ValueError: it cannot.
    """
    if not text.strip() or not text.isprintable() or text != text.strip():
        raise ValueError(f"the {what} must be visible text, not {text!r}")
    if text in (".", ".."):  # a part of a key that programs take for a way up
        raise ValueError(f"the {what} cannot be {text!r}")
    return text


def make_index(model: ModelName) -> Index:
    return Index(schema=SCHEMA, project=model.project, name=model.name, versions={}, next=1)


def parse_index(text: bytes, model: ModelName) -> Index:
    """Check the content of an index.json, as far as this relies on it.

    Raises:
        CommandError: it is none, or one of a later lambda-serving; or one of its entries is wrong.
    """
    index, wrong = parse_readable(text, model)
    if wrong:
        raise _refuse(model, next(iter(wrong.values())))
    return index


def parse_readable(text: bytes, model: ModelName) -> tuple[Index, dict[str, str]]:
    """The index without the entries that are wrong, and what is wrong with each: for who reads.

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
        _check_keys(index, INDEX_KEYS, "the index")
        for number, entry in list(index["versions"].items()):
            try:
                _check_entry(number, entry)
            except ValueError as error:
                wrong[number] = str(error)
                del index["versions"][number]
        if index["next"] <= max(map(int, index["versions"]), default=0):
            raise ValueError("next is the number of a version already")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refuse(model, error) from error
    result: Index = index
    return result, wrong


def _refuse(model: ModelName, reason: object) -> CommandError:
    return CommandError(
        f"{model.index_key} in the bucket is not an index of the registry ({reason})",
        advice="an earlier version of that object is whole: see docs/registry.md",
    )


def _check_entry(number: str, entry: Any) -> None:
    """Raises ValueError where no version can be read off it."""
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(f"version {number} is no number")
    _check_keys(entry, ENTRY_KEYS, f"version {number}")
    try:
        parse_uri(entry["model"])
    except ValueError as error:
        raise ValueError(
            f"'model' of version {number} is {entry['model']!r}, expected {error}"
        ) from error


def _check_keys(table: Any, keys: Mapping[str, type], what: str) -> None:
    """Raises ValueError where a key is missing, or its value of another type."""
    if not isinstance(table, dict):
        raise ValueError(f"{what} is {table!r}")
    for key, kind in keys.items():
        if key not in table:
            raise ValueError(f"{what} has no {key!r}")
        value = table[key]
        is_right = type(value) is kind
        if key == "tags":
            is_right = is_right and all(isinstance(tag, str) for tag in value)
        if not is_right:
            raise ValueError(f"{key!r} of {what} is {value!r}")


def format_index(index: Index) -> bytes:
    """An index as JSON that people can read, its versions in their order."""
    versions = dict(sorted(index["versions"].items(), key=lambda item: int(item[0])))
    ordered = {**index, "versions": versions}
    return (json.dumps(ordered, indent=2, ensure_ascii=False) + "\n").encode()


def find_version(index: Index, wanted: str) -> str:
    """The number of a version, given as it is or as "latest".

    Raises:
        CommandError: there is none; tells which there are.
    """
    model = ModelName(index["project"], index["name"])
    versions = sorted(index["versions"], key=int)
    if not versions:
        raise CommandError(f"model {model} has no version")
    if wanted == LATEST:
        return versions[-1]
    if wanted not in versions:
        raise CommandError(
            f"model {model} has no version {wanted}", advice=f"it has {', '.join(versions)}"
        )
    return wanted
