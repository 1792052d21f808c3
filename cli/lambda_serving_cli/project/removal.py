"""An endpoint goes, or one of its versions; models stay in the bucket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_serving.settings.endpoint import DEFAULT_VERSION
from lambda_serving_cli.files.lock import edits_project
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.creation import Outcome, finish, plan_update
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import read_template
from lambda_serving_cli.project.template_edits import remove
from lambda_serving_cli.project.toml_file import EndpointFile, open_file
from lambda_serving_cli.terminal.errors import CommandError

DEPLOYED = "it is there until the next deployment: `make up`, or `sam deploy`"


def plan_removal(project: Project, endpoint: str, version: str | None) -> Changes:
    """What goes, for a person to look at before it does.

    Raises:
        CommandError: there is no such endpoint or version, or something else needs it.
    """
    folder = project.require(endpoint)
    _refuse_needed(project, endpoint, version)
    changes = Changes()
    if version is not None:
        _plan_version(project, changes, open_file(folder), version)
        return changes
    template = read_template(project.template)
    function = template.find_function(endpoint)
    if function is not None:
        changes.write(project.template, remove(template, function))
    changes.remove(folder)
    changes.remove(project.test(endpoint))
    return changes


@edits_project
def remove_endpoint(project: Project, endpoint: str, version: str | None) -> Outcome:
    """Do what `plan_removal` plans, which is asked again: a person was asked in between.

    Raises:
        CommandError: there is no such endpoint or version any more, or something needs it by now.
    """
    changes = plan_removal(project, endpoint, version)
    kept = "its models stay in the bucket, and in .local/models"
    return finish(project, changes, endpoint, [kept, DEPLOYED], version=version)


def _plan_version(project: Project, changes: Changes, file: EndpointFile, version: str) -> None:
    endpoint, table = file.path.parent.name, file.table
    if version not in file.versions:
        known = ", ".join(file.versions)
        raise CommandError(f"endpoint {endpoint!r} has no version {version}; it has {known}")
    if version not in table.get("version", {}):
        advice = f"`lambda-serving model remove --endpoint {endpoint}` removes the endpoint"
        raise CommandError(
            f"version {DEFAULT_VERSION} is the top level of endpoint.toml, which the others "
            "inherit from",
            advice=advice if len(file.versions) == 1 else f"edit it by hand; or {advice}",
        )
    if version in table.get("traffic", {}).get("weights", {}):
        raise CommandError(
            f"version {version} has a share of the traffic",
            advice=f"`lambda-serving model canary --endpoint {endpoint} …` gives it to others",
        )
    own = table["version"].pop(version).get("preprocess", "").partition("/")[0]
    file.remove("version", version)
    plan_update(project, changes, file)
    others = [table, *table["version"].values()]
    used = {str(other.get("preprocess", "")).partition("/")[0] for other in others}
    if own and own not in used and (file.path.parent / own).is_dir():
        changes.remove(file.path.parent / own)


def _refuse_needed(project: Project, endpoint: str, version: str | None) -> None:
    """Raises CommandError where another endpoint asks what is to go."""
    for other in project.list_endpoints():
        if other == endpoint:
            continue
        for name in _list_asked(open_file(project.folder(other)).table):
            asked, _, asked_version = name.partition("/")
            if asked == endpoint and (version is None or asked_version == version):
                raise CommandError(
                    f"endpoint {other!r} asks {name!r}",
                    advice=f"take that out of functions/{other} first, or remove {other!r}",
                )


def _list_asked(table: dict[str, Any]) -> Iterator[str]:
    """The endpoints that an endpoint.toml says it asks, as `name` or `name/version`."""
    calls, traffic = table.get("calls", []), table.get("traffic", {})
    yield from calls if isinstance(calls, list) else [calls]
    if table.get("engine") == "canary":
        yield from traffic.get("weights", {})
        yield from [traffic["prefix"]] if "prefix" in traffic else []


def describe_removal(project: Project, changes: Changes) -> str:
    """The question's list of what goes and what is edited."""

    def show(paths: list[Path]) -> str:
        return "\n".join(f"  {project.show(path)}" for path in paths)

    gone = f"These go:\n{show(changes.removed)}\n" if changes.removed else ""
    return f"{gone}This is edited:\n{show(changes.written)}"
