"""An endpoint, or a version of one, from a model and a `preprocess.py`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_serving.models.pickles import PICKLING_ENGINES, SAFE_SUFFIX
from lambda_serving.settings.endpoint import DEFAULT_VERSION
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.files.lock import edit_project, edits_project
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.code import plan_code
from lambda_serving_cli.project.creation import (
    ALLOWED,
    Outcome,
    finish,
    new_file,
    plan_file,
    refuse_existing,
)
from lambda_serving_cli.project.new_sample import plan_sample
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.source import Source, bring
from lambda_serving_cli.project.toml_file import EndpointFile, open_file
from lambda_serving_cli.terminal.errors import CommandError

CUSTOM = ("custom", "custom_async")
"""Engines that run nothing but the user's code."""


@dataclass(frozen=True)
class Version:
    """What a version is made of; `tables` are `input`, `output` and `auxiliary_cfg`."""

    endpoint: str
    version: str | None
    engine: str
    preprocess: Path | None = None
    sample: Path | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


def add_version(
    project: Project, version: Version, source: Source | None, stack: DeployedStack | None
) -> Outcome:
    """Make the endpoint, or add a version to it; then bring the model to its place.

    Raises:
        CommandError: it is there already, something is missing, or the runtime refuses it.
            Nothing is written then.
    """
    with edit_project(project.root):
        _plan(project, Changes(), version, source)  # what is refused brings no model anywhere
    brought = bring(source, project, stack) if source else []
    return _add(project, version, source, brought)


@edits_project
def _add(project: Project, version: Version, source: Source | None, brought: list[str]) -> Outcome:
    """Plan again and write it: bringing a model takes long, and others edit meanwhile."""
    changes = Changes()
    notes = _plan(project, changes, version, source)
    notes += _tell_pickle(version, source)
    notes = [*brought, *notes, "`make up` or `sam deploy` makes it known"]
    more = {
        "version": version.version or DEFAULT_VERSION,
        "model": source.model if source else None,
    }
    return finish(project, changes, version.endpoint, notes, **more)


def _plan(project: Project, changes: Changes, version: Version, source: Source | None) -> list[str]:
    """The files of a new endpoint or version among the changes, and what there is to say of it."""
    name = version.version or DEFAULT_VERSION
    if not project.has(version.endpoint):
        if name != DEFAULT_VERSION:
            raise CommandError(
                f"there is no endpoint {version.endpoint!r} yet, and the first version of one "
                f"is {DEFAULT_VERSION}",
                advice=f"leave --version out, or give {DEFAULT_VERSION}",
            )
        file = plan_endpoint(project, changes, version, source)
        plan_file(project, changes, file)
        return []
    file = open_file(project.folder(version.endpoint))
    _refuse_version(file, version)
    refuse_sample(version)
    _plan_version(changes, file, version, name, source)
    plan_file(project, changes, file)
    return [
        f"/serve/{version.endpoint}/{name} asks it; `lambda-serving model canary` gives it a "
        f"share of /serve/{version.endpoint}"
    ]


def plan_endpoint(
    project: Project, changes: Changes, version: Version, source: Source | None
) -> EndpointFile:
    """A new endpoint's file, and its code among the changes."""
    refuse_existing(project, version.endpoint)
    file = new_file(project, version.endpoint, version.engine)
    if version.preprocess is not None:
        plan_code(changes, version.preprocess, project.folder(version.endpoint))
    elif version.engine in CUSTOM:
        raise CommandError(
            f"the engine {version.engine} runs your code, and there is none",
            advice=f"--preprocess FILE, or `lambda-serving new {version.endpoint} "
            f"--engine {version.engine}` to begin with some",
        )
    folder = project.folder(version.endpoint)
    plan_sample(changes, folder, version.sample, version.preprocess)
    for key, value in _list_values(version, source).items():
        file.set(key, value)
    return file


def _refuse_version(file: EndpointFile, version: Version) -> None:
    endpoint, name = version.endpoint, version.version
    advice = f"it has {', '.join(file.versions)}; --version takes another name"
    if name is None:
        raise CommandError(f"there is an endpoint {endpoint!r} already", advice=advice)
    if name in file.versions:
        raise CommandError(f"endpoint {endpoint!r} has a version {name} already", advice=advice)
    if file.get("engine") == "canary":
        raise CommandError(f"{endpoint!r} is a canary: it has no models of its own")


def refuse_sample(version: Version) -> None:
    """Raises CommandError where a sample is given for an endpoint that is there."""
    if version.sample is not None:
        raise CommandError(
            f"{version.endpoint!r} has its samples: all its versions answer them",
            advice=f"change functions/{version.endpoint}/sample.json, and leave --sample out",
        )


def _plan_version(
    changes: Changes, file: EndpointFile, version: Version, name: str, source: Source | None
) -> None:
    """The table [version.name]: what differs from the top level, which it inherits."""
    values = _list_values(version, source)
    if version.engine != file.get("engine"):
        values = {"engine": version.engine, **values}
    if version.preprocess is not None:
        folder = file.path.parent
        values["preprocess"] = plan_code(changes, version.preprocess, folder, f"v{name}")
    file.add_below("version", name, values)


def _list_values(version: Version, source: Source | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if source is not None:
        values["model"] = source.model
        if source.sha256 is not None:
            values["sha256"] = source.sha256
        elif may_be_pickle(version.engine, source.model):
            values["allow_pickle"] = True
    return values | version.tables


def may_be_pickle(engine: str, model: str) -> bool:
    """Whether the engine would unpickle the model, and run code with it."""
    return engine in PICKLING_ENGINES and not model.endswith(SAFE_SUFFIX)


def _tell_pickle(version: Version, source: Source | None) -> list[str]:
    """What was written so that the runtime loads a pickle, and why."""
    if source is None or not may_be_pickle(version.engine, source.model):
        return []
    if source.sha256 is None:
        return [f"{ALLOWED}; a .skops file needs no such line"]
    return [
        "sha256 pins the model: it is a pickle, which runs code where it is loaded, and this"
        " very file alone is"
    ]
