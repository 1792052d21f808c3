"""`monitoring.yaml` of a project: compared with the endpoints and the template, and written."""

import difflib
from pathlib import Path

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.content import read_text, require_regular, write_atomically
from lambda_serving_cli.files.lock import edit_project
from lambda_serving_cli.monitoring.stack import write_stack
from lambda_serving_cli.project.template import MONITORING, Template, read_template
from lambda_serving_cli.terminal.errors import CommandError


def update_monitoring(root: Path) -> bool:
    """Bring the project's monitoring.yaml up to date. Returns whether it was not.

    Raises:
        CommandError: an endpoint.toml is wrong, or the template has no nested stack for it.
    """
    with edit_project(root):
        old, new = compare_monitoring(root)
        if old != new:
            write_atomically(root / MONITORING, new)
    return old != new


def describe_changes(root: Path) -> str:
    """The difference that ``update_monitoring`` would make, "" where there is none.

    Raises:
        CommandError: as ``update_monitoring``.
    """
    old, new = (text.splitlines(keepends=True) for text in compare_monitoring(root))
    return "".join(difflib.unified_diff(old, new, MONITORING, "as it should be"))


def compare_monitoring(root: Path) -> tuple[str, str]:
    """The file as it is, "" where there is none, and as it should be."""
    template = read_template(root / "template.yaml")
    require_stack(template)
    file = root / MONITORING
    old = read_text(file).replace("\r\n", "\n") if file.exists() else ""
    return old, write_stack(read_endpoints(root), template.own_log_groups)


def require_stack(template: Template) -> None:
    """Raises CommandError where the template does not deploy monitoring.yaml."""
    if template.monitoring is None:
        raise CommandError(
            f"template.yaml has no nested stack whose TemplateURL is {MONITORING}",
            advice="docs/upgrade.md says what to put into it; a template of an older version"
            " holds dashboard and alarms itself, between two comment lines, which go",
        )


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
