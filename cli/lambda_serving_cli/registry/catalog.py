"""What the registry holds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

from lambda_serving_cli.registry.index import read_versions
from lambda_serving_cli.registry.layout import ROOT, Bucket, Entry, Index, ModelName
from lambda_serving_cli.terminal.errors import CommandError

THREADS = 8


@dataclass(frozen=True)
class Selection:
    """Which versions: every condition must hold; those left out do."""

    project: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    published: bool = False

    def takes(self, entry: Entry) -> bool:
        return set(self.tags) <= set(entry["tags"]) and entry["published"] >= self.published

    def require_versions(self, index: Index) -> list[str]:
        """The numbers of the selected versions of a model, newest first.

        Raises:
            CommandError: there is none; tells which there are.
        """
        found = [number for number, entry in index["versions"].items() if self.takes(entry)]
        if not found:
            wanted = ["published"] * self.published
            wanted += [f"tagged {', '.join(self.tags)}"] * bool(self.tags)
            model = ModelName(index["project"], index["name"])
            raise CommandError(
                f"model {model} has no version that is {' and '.join(wanted) or 'there'}",
                advice=f"it has {', '.join(index['versions']) or 'none'}; "
                "`lambda-serving model list` shows them",
            )
        return found[::-1]


def list_models(bucket: Bucket, selection: Selection) -> tuple[list[Index], list[str]]:
    """The indexes of the models that have a selected version, with those versions alone; and what
    is wrong with the indexes and entries that cannot be read."""
    models = [
        model
        for model in _list_names(bucket)
        if selection.project in (None, model.project) and selection.name in (None, model.name)
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        read = list(pool.map(lambda model: _read(bucket, model), models))
    found = [index for index, _ in read if index is not None]
    for index in found:
        index["versions"] = {n: e for n, e in index["versions"].items() if selection.takes(e)}
    broken = [reason for _, wrong in read for reason in wrong]
    return [index for index in found if index["versions"]], broken


def _read(bucket: Bucket, model: ModelName) -> tuple[Index | None, list[str]]:
    """No index where a folder holds none: files of an upload that was given up."""
    try:
        index, wrong, _ = read_versions(bucket, model)
        return index, [tell_wrong(model, reason) for reason in wrong.values()]
    except CommandError as error:
        return None, [error.reason]


def tell_wrong(model: ModelName, reason: str) -> str:
    """What is wrong with an entry, for a person."""
    return f"left out of model {model}: {reason}; an earlier version of its index is whole"


def _list_names(bucket: Bucket) -> Iterator[ModelName]:
    for project in _list_folders(bucket, ROOT):
        for name in _list_folders(bucket, project):
            _, project_part, name_part, _ = name.split("/")
            yield ModelName(unquote(project_part), unquote(name_part))


def _list_folders(bucket: Bucket, prefix: str) -> list[str]:
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=prefix, Delimiter="/"
    )
    return [item["Prefix"] for item in pages.build_full_result().get("CommonPrefixes", [])]
