"""`lambda-serving model publish`, `unpublish`, `tag`, `untag` and `remove`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.registry import (
    Json,
    Name,
    Project,
    Tags,
    VersionOption,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.registry.changes import change_tags, remove_version, set_published
from lambda_serving_cli.registry.layout import ModelName
from lambda_serving_cli.terminal.output import write_json


@with_where
def publish(
    project: Project,
    name: Name,
    version: VersionOption,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Publish a version: endpoints that follow the published ones take it up.

    Example:

      lambda-serving model publish --project churn --name forest --version 3
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    changed = set_published(bucket, named, version, True)
    tell_version(bucket, named, changed, as_json, "Published")


@with_where
def unpublish(
    project: Project,
    name: Name,
    version: VersionOption,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Take a publication back: endpoints that follow the published ones leave that version.

    Example:

      lambda-serving model unpublish --project churn --name forest --version 3
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    changed = set_published(bucket, named, version, False)
    tell_version(bucket, named, changed, as_json, "No longer published")


@with_where
def tag(
    project: Project,
    name: Name,
    version: VersionOption,
    tags: Tags,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Give a version tags, beside those it has.

    Example:

      lambda-serving model tag --project churn --name forest --version 3 --tags eu,reviewed
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    changed = change_tags(bucket, named, version, add=tags, drop=[])
    tell_version(bucket, named, changed, as_json, "Tagged")


@with_where
def untag(
    project: Project,
    name: Name,
    version: VersionOption,
    tags: Tags,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Take tags away from a version.

    Example:

      lambda-serving model untag --project churn --name forest --version 3 --tags reviewed
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    changed = change_tags(bucket, named, version, add=[], drop=tags)
    tell_version(bucket, named, changed, as_json, "Untagged")


def remove(
    project: Project,
    name: Name,
    version: VersionOption,
    force: Annotated[
        bool, typer.Option("--force", help="Even one that is published, or being uploaded.")
    ] = False,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Out of the index only; the same again deletes.")
    ] = False,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Remove a version: out of the index first, then its files. Its number is never given again.

    An endpoint that has it loaded goes on with it; one that starts later cannot load it.

    Example:

      lambda-serving model remove --project churn --name forest --version 2
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    removal = remove_version(bucket, named, version, force=force, keep_files=keep_files)
    if as_json:
        write_json(
            {"project": project, "name": name, "version": removal.number, "deleted": removal.keys}
        )
        return
    what = "Removed" if removal.entry else "Removed what was left of"
    kept = "its files are kept" if keep_files else f"{len(removal.keys)} of its files deleted"
    typer.echo(f"{what} version {removal.number} of model {named}; {kept}.")
