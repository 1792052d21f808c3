"""The commands `model tag` and `model untag`."""

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    Name,
    Project,
    Tags,
    VersionOption,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.registry.changes import change_tags
from lambda_serving_cli.registry.layout import ModelName


@with_stack_options
def tag(
    project: Project,
    name: Name,
    version: VersionOption,
    tags: Tags,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Give a version tags, beside those it has.

    Examples:

    \b
      lambda-serving model tag --project churn --name forest --version 3 \\
          --tags eu,reviewed
    """
    bucket, named = open_bucket(selection), ModelName(project, name)
    changed = change_tags(bucket, named, version, add=tags, drop=[])
    tell_version(bucket, named, changed, as_json, "Tagged")


@with_stack_options
def untag(
    project: Project,
    name: Name,
    version: VersionOption,
    tags: Tags,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Take tags away from a version.

    Examples:

    \b
      lambda-serving model untag --project churn --name forest --version 3 \\
          --tags reviewed
    """
    bucket, named = open_bucket(selection), ModelName(project, name)
    changed = change_tags(bucket, named, version, add=[], drop=tags)
    tell_version(bucket, named, changed, as_json, "Untagged")
