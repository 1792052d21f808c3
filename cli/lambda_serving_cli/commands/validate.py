"""The command `validate`."""

from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_optional_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import format_size, write_json, write_line
from lambda_serving_cli.terminal.tables import write_table
from lambda_serving_cli.validation.report import Report, validate_files, validate_models
from lambda_serving_cli.validation.sizes import LARGEST


@with_stack_options
def validate(
    no_models: Annotated[
        bool, typer.Option("--no-models", help="Do not look whether the models are there.")
    ] = False,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Check all endpoints and their models.

    It checks settings, code, imports, the template, built sizes and the models. Models are
    looked for in the stack's bucket; where no stack is named and none is there yet, in
    .local/models. Imports are compared with what was built last, where it is up to date, else
    with the requirements. Ends with 1 where something is wrong.

    Examples:

    \b
      lambda-serving validate
      lambda-serving validate --no-models --json
    """
    project = find_project()
    report = validate_files(project)
    if not no_models:
        report.findings.extend(validate_models(project, find_optional_stack(selection)))
    if as_json:
        write_json(report)
    else:
        show_report(report)
    if report.findings:
        raise typer.Exit(1)


def show_report(report: Report) -> None:
    """Sizes of what is built, then what is wrong."""
    if report.sizes:
        heads = ("endpoint", "build", "size", "parts", "heaviest packages")
        rows = [
            [
                *(each.endpoint, each.build),
                f"{format_size(each.size)} of {format_size(LARGEST)}",
                *(each.describe_parts(), each.describe_packages()),
            ]
            for each in report.sizes
        ]
        write_table(heads, rows)
        write_line()
    for each in report.warnings:
        write_line(f"Warning: {each.where}: {each.problem}")
    if report.findings:
        rows = [[each.endpoint, each.where, each.problem] for each in report.findings]
        write_table(("endpoint", "where", "what is wrong"), rows)
    else:
        write_line(f"{len(report.endpoints)} endpoints, and nothing wrong with them")
