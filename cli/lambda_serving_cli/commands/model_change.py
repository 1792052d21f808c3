"""The commands `model publish`, `unpublish`, `tag` and `untag`: a version is changed in place."""

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    RegisteredModel,
    Tags,
    VersionOption,
    tell_version,
    with_model_options,
)
from lambda_serving_cli.registry.changes import change_version


@with_model_options
def publish(version: VersionOption, as_json: JsonOption = False, *, model: RegisteredModel) -> None:
    """Publish a version.

    Endpoints with auto-update that take published versions take it up.

    Examples:

    \b
      lambda-serving model publish --project churn --name forest --version 3
    """
    tell_version(*model, *change_version(*model, version, True), as_json, "Published")


@with_model_options
def unpublish(
    version: VersionOption, as_json: JsonOption = False, *, model: RegisteredModel
) -> None:
    """Take a publication back.

    Endpoints with auto-update that take published versions leave it.

    Examples:

    \b
      lambda-serving model unpublish --project churn --name forest --version 3
    """
    tell_version(*model, *change_version(*model, version, False), as_json, "No longer published")


@with_model_options
def tag(
    version: VersionOption, tags: Tags, as_json: JsonOption = False, *, model: RegisteredModel
) -> None:
    """Give a version tags, beside those it has.

    Examples:

    \b
      lambda-serving model tag --project churn --name forest --version 3 \\
          --tags eu,reviewed
    """
    tell_version(*model, *change_version(*model, version, add=tags), as_json, "Tagged")


@with_model_options
def untag(
    version: VersionOption, tags: Tags, as_json: JsonOption = False, *, model: RegisteredModel
) -> None:
    """Take tags away from a version.

    Examples:

    \b
      lambda-serving model untag --project churn --name forest --version 3 \\
          --tags reviewed
    """
    tell_version(*model, *change_version(*model, version, drop=tags), as_json, "Untagged")
