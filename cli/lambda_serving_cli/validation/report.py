"""All that `validate` tells, and what `make up` tells of it before its deploy."""

from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.project.limits import count_project
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template, read_template
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.validation import files
from lambda_serving_cli.validation.findings import Finding
from lambda_serving_cli.validation.imports import check_code_of_endpoints, check_misfits
from lambda_serving_cli.validation.models import check_models
from lambda_serving_cli.validation.samples import check_samples
from lambda_serving_cli.validation.sizes import FunctionSize, check_sizes, list_builds, measure


@dataclass(frozen=True)
class Report:
    """What is wrong, and how large what was built is."""

    endpoints: list[str]
    findings: list[Finding]
    sizes: list[FunctionSize]
    warnings: list[Finding]


def validate_files(project: Project) -> Report:
    """Everything but the models, for which a stack may be asked."""
    template = read_template(project.template)
    builds = _read_builds(list_builds(project))
    settings, findings = files.check_files(project)
    findings += files.check_template(project, template, settings)
    findings += files.check_policies(template, settings)
    if len(settings) == len(project.list_endpoints()):
        findings += files.check_monitoring(project)
    findings += files.check_names(project, list(settings))
    findings += check_samples(project, template, settings)
    findings += check_misfits(project)
    findings += check_code_of_endpoints(project, template, settings, builds)
    sizes = [size for folder, _ in builds for size in measure(project, folder)]
    findings += check_sizes(sizes)
    limits, warnings = _check_limits(project)
    return Report(project.list_endpoints(), findings + limits, sizes, warnings)


def _check_limits(project: Project) -> tuple[list[Finding], list[Finding]]:
    """What of the stack is over a limit of AWS, and what is near one."""
    try:
        usages = count_project(project.root)
    except CommandError as error:
        return [Finding("all", "template.yaml", error.reason)], []
    over = [Finding("all", u.template, f"{u}; {u.limit.advice}") for u in usages if u.is_over]
    near = [Finding("all", u.template, str(u)) for u in usages if u.is_near and not u.is_over]
    return over, near


def validate_models(project: Project, stack: DeployedStack | None) -> list[Finding]:
    """The models, in the stack's bucket or without a stack below .local/models."""
    settings, _ = files.check_files(project)
    return list(check_models(project, settings, stack))


def refuse_misfits(project: Project) -> None:
    """Before a build, which would install gigabytes for nothing.

    Raises:
        CommandError: a function asks for a package that never fits.
    """
    found = [f"{each.endpoint}: {each.problem}" for each in check_misfits(project)]
    if found:
        raise CommandError(
            "\n  ".join(found), advice="take it out of the function's requirements.txt"
        )


def list_doubts(project: Project, build: Path) -> list[Finding]:
    """What is wrong with the code of the endpoints, their policies and their local models."""
    settings, _ = files.check_files(project)
    template, builds = read_template(project.template), _read_builds([build])
    found = list(check_code_of_endpoints(project, template, settings, builds))
    found += files.check_policies(template, settings)
    return found + [
        each for each in check_models(project, settings, None) if "does not load" in each.problem
    ]


def _read_builds(folders: list[Path]) -> list[tuple[Path, Template]]:
    return [(folder, read_template(folder / "template.yaml")) for folder in folders]
