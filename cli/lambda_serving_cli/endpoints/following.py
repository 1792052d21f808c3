"""`[auto_update]`: an endpoint whose versions follow a model of the registry."""

from __future__ import annotations

from typing import Any

from lambda_serving_cli.endpoints.addition import Version, plan_endpoint
from lambda_serving_cli.endpoints.changes import Changes
from lambda_serving_cli.endpoints.creation import Outcome, finish, plan_creation, plan_update
from lambda_serving_cli.endpoints.project import Project
from lambda_serving_cli.endpoints.toml_file import open_file
from lambda_serving_cli.local_cloud.steps import StepError


def follow_model(project: Project, version: Version, rule: dict[str, Any]) -> Outcome:
    """Make an endpoint that follows the registry, or give one that is there another rule.

    Raises:
        StepError: the endpoint has another engine or code of its own already, or the runtime
            refuses it. Nothing is written then.
    """
    changes, notes = Changes(), []
    if project.has(version.endpoint):
        file = open_file(project.folder(version.endpoint))
        engine = file.get("engine")
        if engine != version.engine:
            raise StepError(f"the engine of {version.endpoint!r} is {engine}, not {version.engine}")
        if version.preprocess is not None:
            raise StepError(
                f"{version.endpoint!r} has its own folder: change the code there",
                advice="leave --preprocess out",
            )
        if "auto_update" in file.table:
            notes.append("it followed a model before: the rule is replaced")
        for key, value in {**version.tables, "auto_update": rule}.items():
            file.set(key, value)
        plan_update(project, changes, file)
    else:
        file = plan_endpoint(project, changes, version, None)
        file.set("auto_update", rule)
        plan_creation(project, changes, file)
    notes.append(
        f"`make up` or `sam deploy` makes it known; from then on it takes new versions of "
        f"{rule['name']!r} of project {rule['project']!r} without a deployment"
    )
    return finish(project, changes, version.endpoint, notes, auto_update=rule)
