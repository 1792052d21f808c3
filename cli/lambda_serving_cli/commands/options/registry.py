"""What the commands `lambda-serving model …` share: options, and how a version is told."""

from functools import partial
from typing import Annotated, NamedTuple

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_deployed_stack
from lambda_serving_cli.commands.options.parsing import check_with, with_options
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.registry.layout import LATEST, Bucket, Entry, ModelName, check_name
from lambda_serving_cli.terminal.output import format_size, write_fields, write_json, write_line


def parse_version(text: str) -> str:
    """A version as an option gives it: a whole number, or "latest"."""
    if text == LATEST or (text.isascii() and text.isdecimal() and int(text)):
        return text if text == LATEST else str(int(text))
    raise typer.BadParameter(f"expected a whole number from 1, or {LATEST}; got {text!r}")


def parse_tags(texts: list[str]) -> list[str]:
    """Tags of "a,b" and of further such options, each once."""
    tags = [tag.strip() for text in texts for tag in text.split(",")]
    if any(not tag or not tag.isprintable() for tag in tags):
        raise typer.BadParameter("expected visible tags, as in a,b")
    return list(dict.fromkeys(tags))


check_project = check_with(partial(check_name, "project"))
check_model = check_with(partial(check_name, "name"))
Project = Annotated[str, typer.Option(help="Project of the model.", callback=check_project)]
Name = Annotated[str, typer.Option(help="Name of the model.", callback=check_model)]
VersionOption = Annotated[
    str, typer.Option("--version", help=f"A number, or {LATEST}.", callback=parse_version)
]
Tags = Annotated[
    list[str],
    typer.Option("--tags", help="Tags, as in a,b; may be given again.", callback=parse_tags),
]


def open_bucket(selection: StackSelection) -> Bucket:
    """The bucket of the stack that the options name."""
    stack = find_deployed_stack(selection)
    return Bucket(stack.client("s3"), stack.bucket)


class RegisteredModel(NamedTuple):
    """A model of the registry, as the options name it."""

    bucket: Bucket
    name: ModelName


@with_stack_options
def read_model(project: Project, name: Name, *, selection: StackSelection) -> RegisteredModel:
    return RegisteredModel(open_bucket(selection), ModelName(project, name))


with_model_options = with_options("model", read_model, first=("project", "name"))


def tell_version(
    bucket: Bucket, named: ModelName, number: str, entry: Entry, as_json: bool, done: str = ""
) -> None:
    """What a version is now, after what was done to it."""
    if as_json:
        write_json({**vars(named), "version": number, "bucket": bucket.name, **entry})
        return
    if done:
        write_line(f"{done}: version {number} of model {named}")
    told = {
        "model": f"s3://{bucket.name}/{entry['model']}",
        "sha256": entry["sha256"],
        "size": format_size(entry["size"]),
        "framework": entry["framework"],
        "libraries": format_libraries(entry),
        "tags": ", ".join(entry["tags"]),
        "published": "yes" if entry["published"] else "no",
        "created": entry["created"],
        "sample": f"s3://{bucket.name}/{entry['sample']}" if "sample" in entry else "",
    }
    write_fields((key, text) for key, text in told.items() if text)


def format_libraries(entry: Entry) -> str:
    return ", ".join(f"{name} {version}" for name, version in entry["libraries"].items())
