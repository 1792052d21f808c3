"""Shares of traffic: between the versions of one endpoint, or between endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambda_serving_cli.files.lock import edits_project
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.creation import (
    Outcome,
    finish,
    new_file,
    plan_file,
    refuse_existing,
)
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.toml_file import EndpointFile, open_file
from lambda_serving_cli.terminal.errors import CommandError

CANARY = "canary"
Shares = Mapping[str, float] | Sequence[float]


@edits_project
def split_traffic(
    project: Project, endpoint: str, shares: Shares, prefix: str | None, sticky: str | None
) -> Outcome:
    """Share the requests of an endpoint by `shares`: by target, or newest first below `prefix`.

    Where the targets are the endpoint's own versions, it chooses among them itself. Else it is a
    canary, made where it is not there yet, which asks the other endpoints.

    Raises:
        CommandError: a target is not there, own versions and others are mixed, the endpoint is none
            that can do this or has too few versions, or the runtime refuses it. Nothing is written
            then.
    """
    names = [prefix] if prefix else [str(name).partition("/")[0] for name in shares]
    _require_targets(project, endpoint, shares, prefix)
    is_inside = set(names) == {endpoint}
    if endpoint in names and not is_inside:
        raise CommandError(
            f"{endpoint!r} cannot share between its own versions and other endpoints"
        )
    changes = Changes()
    file = _open(project, endpoint, is_inside)
    if is_inside and prefix:
        _require_versions(file, len(shares))
    traffic: dict[str, Any] = {} if is_inside or not prefix else {"prefix": prefix}
    if isinstance(shares, Mapping):
        by_name = {name.partition("/")[2] if is_inside else name: s for name, s in shares.items()}
        traffic["weights"] = by_name
    else:
        traffic["latest"] = list(shares)
    if sticky := sticky or file.get("traffic", {}).get("sticky"):
        traffic["sticky"] = sticky
    file.set("traffic", traffic)
    plan_file(project, changes, file, f"Passes requests on to {', '.join(names)}"[:256])
    notes = ["`make up` or `sam deploy` makes it known"]
    return finish(project, changes, endpoint, notes, traffic=traffic)


def _open(project: Project, endpoint: str, is_inside: bool) -> EndpointFile:
    """The endpoint's file, or that of a new canary."""
    if not project.has(endpoint):
        refuse_existing(project, endpoint)
        return new_file(project, endpoint, CANARY)
    file = open_file(project.folder(endpoint))
    if is_inside == (file.get("engine") == CANARY):
        kind = "a canary" if is_inside else f"of the engine {file.get('engine')}"
        missing = "it has no versions of its own" if is_inside else "it cannot ask other endpoints"
        raise CommandError(
            f"{endpoint!r} is {kind}: {missing}",
            advice="name other endpoints" if is_inside else "take a new name for the canary",
        )
    return file


def _require_versions(file: EndpointFile, count: int) -> None:
    """That an endpoint which follows the registry serves as many versions as there are shares."""
    served = file.get("auto_update", {}).get("max_versions", 1)
    if "auto_update" in file.table and count > served:
        raise CommandError(
            f"{count} weights, and the endpoint serves the newest {served} of its model",
            advice=f"give it more first: `model auto-update` with `--max-versions {count}`",
        )


def _require_targets(project: Project, endpoint: str, shares: Shares, prefix: str | None) -> None:
    if prefix:
        project.require(prefix)
    for target in shares if isinstance(shares, Mapping) else ():
        name, _, version = target.partition("/")
        file = open_file(project.require(name))
        if not version and name == endpoint:
            raise CommandError(f"{endpoint!r} cannot ask itself", advice=f"name versions: {name}/1")
        # Versions that follow the registry come and go.
        if version and version not in file.versions and "auto_update" not in file.table:
            known = ", ".join(file.versions)
            raise CommandError(f"endpoint {name!r} has no version {version}; it has {known}")
