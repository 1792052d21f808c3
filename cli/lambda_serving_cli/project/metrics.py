"""`[metrics]` of an endpoint.toml, edited variable by variable."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import Variable
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.lock import edits_project
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.creation import Outcome, finish, plan_update
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.toml_file import EndpointFile, open_file
from lambda_serving_cli.terminal.errors import CommandError

Variables = dict[str, dict[str, Any]]


@edits_project
def add_variables(
    project: Project, endpoint: str, variables: Variables, log_frequency: float | None
) -> Outcome:
    """Add or replace variables of an endpoint, and set its sampling where that is given.

    Raises:
        CommandError: there is no such endpoint, or the runtime refuses what comes of it.
    """
    file = open_file(project.require(endpoint))
    metrics = file.get("metrics", {})
    replaced = [name for name in variables if name in metrics.get("variables", {})]
    merged = dict(metrics)
    if log_frequency is not None:
        merged["log_frequency"] = log_frequency
    if variables:
        merged["variables"] = {**metrics.get("variables", {}), **variables}
    file.set("metrics", merged)
    return _save(project, file, [f"{name} was there, and is replaced" for name in replaced])


@edits_project
def remove_variables(project: Project, endpoint: str, names: Sequence[str]) -> Outcome:
    """Take variables of an endpoint away; without names the whole of `[metrics]`.

    Raises:
        CommandError: there is no such endpoint, or no such variable.
    """
    file = open_file(project.require(endpoint))
    metrics = file.get("metrics")
    if metrics is None:
        raise CommandError(f"{endpoint} has no metrics of its own")
    known = metrics.get("variables", {})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(
            f"{endpoint} has no variable {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    left = {name: variable for name, variable in known.items() if name not in names}
    rest = {key: value for key, value in metrics.items() if key != "variables"}
    if names and (left or rest):
        file.set("metrics", {**rest, **({"variables": left} if left else {})})
    else:
        file.remove("metrics")
    return _save(project, file, [])


def _save(project: Project, file: EndpointFile, notes: list[str]) -> Outcome:
    changes = Changes()
    plan_update(project, changes, file)
    endpoint = file.path.parent.name
    return finish(project, changes, endpoint, notes, metrics=file.get("metrics", {}))


def list_metrics(project: Project, endpoint: str | None) -> dict[str, dict[str, Any]]:
    """Endpoint -> its `[metrics]`, of one or of all endpoints; empty where it has none.

    Raises:
        CommandError: there is no such endpoint, or an endpoint.toml is no TOML.
    """
    names = [endpoint] if endpoint else project.list_endpoints()
    return {name: open_file(project.require(name)).get("metrics", {}) for name in names}


def read_declared(endpoint: str) -> Mapping[str, Variable]:
    """What the project's endpoint.toml declares; nothing where there is none, or a wrong one."""
    try:
        return read_endpoint(find_root_or_cwd() / "functions" / endpoint).metrics.variables
    except (SettingsError, OSError, RecursionError):
        return {}
