"""What the stack has against what AWS takes of one."""

from lambda_serving_cli.project.limits import count_project
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.validation.findings import Finding


def check_limits(project: Project) -> tuple[list[Finding], list[Finding]]:
    """What is over a limit, and what is near one."""
    try:
        usages = count_project(project.root)
    except CommandError as error:
        return [Finding("all", "template.yaml", error.reason)], []
    over = [
        Finding("all", usage.template, f"{usage}; {usage.limit.advice}")
        for usage in usages
        if usage.is_over
    ]
    near = [
        Finding("all", usage.template, str(usage))
        for usage in usages
        if usage.is_near and not usage.is_over
    ]
    return over, near
