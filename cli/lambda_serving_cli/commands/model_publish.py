"""The commands `model publish` and `model unpublish`."""

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    Name,
    Project,
    VersionOption,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.registry.changes import set_published
from lambda_serving_cli.registry.layout import ModelName


@with_stack_options
def publish(
    project: Project,
    name: Name,
    version: VersionOption,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Publish a version.

    Endpoints with auto-update that take published versions take it up.

    Examples:

    \b
      lambda-serving model publish --project churn --name forest --version 3
    """
    bucket, named = open_bucket(selection), ModelName(project, name)
    changed = set_published(bucket, named, version, True)
    tell_version(bucket, named, changed, as_json, "Published")


@with_stack_options
def unpublish(
    project: Project,
    name: Name,
    version: VersionOption,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Take a publication back.

    Endpoints with auto-update that take published versions leave it.

    Examples:

    \b
      lambda-serving model unpublish --project churn --name forest --version 3
    """
    bucket, named = open_bucket(selection), ModelName(project, name)
    changed = set_published(bucket, named, version, False)
    tell_version(bucket, named, changed, as_json, "No longer published")
