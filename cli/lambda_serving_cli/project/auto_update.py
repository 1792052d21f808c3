"""`[auto_update]`: an endpoint whose versions follow a model of the registry."""

from collections.abc import Mapping
from typing import Any

from lambda_serving.settings.auto_update import AutoUpdate
from lambda_serving_cli.files.lock import edits_project
from lambda_serving_cli.project.addition import Version, plan_endpoint, refuse_sample
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.creation import Outcome, finish, plan_file
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.toml_file import open_file
from lambda_serving_cli.terminal.errors import CommandError


@edits_project
def enable_auto_update(project: Project, version: Version, given: Mapping[str, Any]) -> Outcome:
    """Make an endpoint that follows the registry, or change the rule of one that is there.

    `given` holds keys of `[auto_update]`; what it leaves out stays as it is, or is the runtime's
    default.

    Raises:
        CommandError: the endpoint has another engine or code of its own already, or the runtime
            refuses it. Nothing is written then.
    """
    changes, notes, before = Changes(), [], None
    if project.has(version.endpoint):
        file = open_file(project.folder(version.endpoint))
        engine = file.get("engine")
        if engine != version.engine:
            raise CommandError(
                f"the engine of {version.endpoint!r} is {engine}, not {version.engine}"
            )
        if version.preprocess is not None:
            raise CommandError(
                f"{version.endpoint!r} has its own folder: change the code there",
                advice="leave --preprocess out",
            )
        refuse_sample(version)
        before = file.read().auto_update
        if before:
            notes.append("it followed a model before: what is not given stays as it was")
        for key, value in version.tables.items():
            file.set(key, value)
    else:
        file = plan_endpoint(project, changes, version, None)
    updated = before._replace(**given) if before else AutoUpdate(**given)
    rule = updated._asdict() | {"tags": list(updated.tags)}
    file.set("auto_update", rule)
    plan_file(project, changes, file)
    if not rule["published"]:
        notes.append("versions that nobody published are served too: --published leaves them out")
    notes.append(
        f"`make up` or `sam deploy` makes it known; from then on it takes new "
        f"{'published ' * rule['published']}versions of {rule['name']!r} of project "
        f"{rule['project']!r} without a deployment"
    )
    return finish(project, changes, version.endpoint, notes, auto_update=rule)
