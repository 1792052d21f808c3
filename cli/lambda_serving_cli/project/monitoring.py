"""`monitoring.yaml` of a project: compared with the endpoints and the template, and written."""

from pathlib import Path

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.content import Rewrite, read_text, require_regular
from lambda_serving_cli.files.lock import edit_project
from lambda_serving_cli.monitoring.stack import write_stack
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import MONITORING, read_template
from lambda_serving_cli.terminal.errors import CommandError


def update_monitoring(root: Path) -> bool:
    """Bring the project's monitoring.yaml up to date. Returns whether it was not."""
    with edit_project(root):
        return plan_monitoring(Project(root)).apply()


def plan_monitoring(project: Project) -> Rewrite:
    """The file as it is, and as it should be.

    Raises:
        CommandError: an endpoint.toml is wrong, or the template has no nested stack for it.
    """
    template = read_template(project.template)
    if template.monitoring is None:
        raise CommandError(
            f"template.yaml has no nested stack whose TemplateURL is {MONITORING}",
            advice="docs/upgrade.md says what to put into it; a template of an older version"
            " holds dashboard and alarms itself, between two comment lines, which go",
        )
    file = project.root / MONITORING
    old = read_text(file).replace("\r\n", "\n") if file.exists() else ""
    new = write_stack(read_endpoints(project.root), template.own_log_groups)
    return Rewrite(file, old, new)


def read_endpoints(root: Path) -> list[EndpointSettings]:
    """Every folder of functions/ that holds an endpoint.toml, by name."""
    endpoints = []
    for file in sorted(root.glob("functions/*/endpoint.toml")):
        try:
            require_regular(file)
            endpoints.append(read_endpoint(file.parent))
        except SettingsError as error:
            raise CommandError(f"functions/{file.parent.name}/{error}") from error
        except RecursionError as error:
            raise CommandError(f"{file}: nested too deeply") from error
    return endpoints
