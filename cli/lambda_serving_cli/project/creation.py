"""A new endpoint: its folder, its function in the template, its tests."""

from dataclasses import dataclass, field
from typing import Any

from lambda_serving.models.pickles import PICKLING_ENGINES
from lambda_serving_cli.files.lock import edits_project
from lambda_serving_cli.monitoring.alarms import camel
from lambda_serving_cli.project.blocks import adapt_function, add_function
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.limits import require_room
from lambda_serving_cli.project.monitoring import update_monitoring
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.starter_code import SAMPLE, write_starter
from lambda_serving_cli.project.template import MONITORING, read_template
from lambda_serving_cli.project.toml_file import FILE, EndpointFile
from lambda_serving_cli.terminal.errors import CommandError

MODEL_FILES = {
    "onnx": "model.onnx",
    "triton": "model.onnx",
    "sklearn": "model.joblib",
    "xgboost": "model.ubj",
    "lightgbm": "model.txt",
}
"""What a model of an engine is usually called; engines that are not here need none."""

ALLOWED = (
    "allow_pickle = true lets the model load: a pickle runs code of whoever made it, and of whoever"
    " can write to the bucket (docs/security.md)"
)


@dataclass(frozen=True)
class Outcome:
    """What a command did: the files it wrote and removed, and what there is to say about it."""

    endpoint: str
    written: list[str]
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        own = {name: value for name, value in vars(self).items() if name != "more"}
        return own | self.more


@edits_project
def scaffold(project: Project, endpoint: str, engine: str, description: str) -> Outcome:
    """Make an endpoint that is there to be filled in, with a test that passes.

    Raises:
        CommandError: there is one of this name, or the template cannot be edited.
    """
    refuse_existing(project, endpoint)
    changes = Changes()
    file = new_file(project, endpoint, engine)
    model = MODEL_FILES.get(engine)
    if model is not None:
        file.set("model", f"{endpoint}/1/{model}")
    if engine in PICKLING_ENGINES:
        file.set("allow_pickle", True)
    plan_file(project, changes, file, description)
    code = project.folder(endpoint) / "preprocess.py"
    changes.write(code, write_starter("preprocess", endpoint, engine))
    changes.write(project.folder(endpoint) / "sample.json", SAMPLE)
    changes.write(project.test(endpoint), write_starter("test", endpoint, engine))
    notes = [
        f"write functions/{endpoint}/preprocess.py, and a request into sample.json beside it; "
        "`make test` tries the code, `make up` sends the sample"
    ]
    if model is not None:
        notes.append(
            f"put the model into .local/models/{endpoint}/1/{model}, where `lambda-serving dev` "
            "looks for it, and which `make up` publishes"
        )
    if engine in PICKLING_ENGINES:
        notes.append(
            f"{ALLOWED}; without the line the model must be a .skops file, or pinned by sha256"
        )
    return finish(project, changes, endpoint, notes)


def refuse_existing(project: Project, endpoint: str) -> None:
    """Raises CommandError where the name is taken, in any way that would be in a new one's way."""
    taken = [project.folder(endpoint), project.test(endpoint)]
    there = [project.show(path) for path in taken if path.exists()]
    if read_template(project.template).find_function(endpoint) is not None:
        there.append(f"a function in {project.template.name}")
    if there:
        raise CommandError(
            f"the name {endpoint!r} is taken: there is {' and '.join(there)}",
            advice="choose another name, or remove the endpoint: "
            f"`lambda-serving model remove --endpoint {endpoint}`",
        )
    alike = [name for name in project.list_endpoints() if camel(name) == camel(endpoint)]
    if alike:
        raise CommandError(
            f"{endpoint} and the endpoint {alike[0]} are one name to CloudFormation",
            advice="choose another name",
        )


def new_file(project: Project, endpoint: str, engine: str) -> EndpointFile:
    """The endpoint.toml to begin with."""
    text = f'endpoint = "{endpoint}"\nengine = "{engine}"\n'
    return EndpointFile(project.folder(endpoint) / FILE, text)


def plan_file(
    project: Project, changes: Changes, file: EndpointFile, description: str = ""
) -> None:
    """Add endpoint.toml and the endpoint's part of the template to the changes, new or edited.

    Raises:
        CommandError: the runtime refuses the file, the template cannot be edited, or AWS would
            refuse it as too large.
    """
    endpoint = file.path.parent.name
    if project.has(endpoint):
        plan_update(project, changes, file)
        return
    changes.write(file.path, file.render())
    template = read_template(project.template)
    text, _ = add_function(template, endpoint, file.read(), description)
    changes.notes += require_room(project.root, text)
    changes.write(project.template, text)


def plan_update(project: Project, changes: Changes, file: EndpointFile) -> None:
    """Add an edited endpoint.toml to the changes, and its layers and policies where they change."""
    text = file.render()
    if text != file.text:
        changes.write(file.path, text)
    template = read_template(project.template)
    function = template.find_function(file.path.parent.name)
    if function is None:
        raise CommandError(
            f"{project.template.name} has no function for {file.path.parent.name!r}",
            advice="`lambda-serving validate` tells what else is missing",
        )
    adapted = adapt_function(template, function, file.read(), file.read_before())
    if adapted != template.text:
        changes.write(project.template, adapted)


def finish(
    project: Project, changes: Changes, endpoint: str, notes: list[str], **more: Any
) -> Outcome:
    """Do the changes, bring dashboard and alarms up to date, and tell of it."""
    written, removed = changes.written, changes.removed
    notes = [*changes.notes, *notes]
    changes.apply()
    try:
        if update_monitoring(project.root):
            written.append(project.root / MONITORING)
    except CommandError as error:
        notes = [f"dashboards and alarms are as before: {error.reason}", *notes]
    shown = [project.show(path) for path in written]
    return Outcome(endpoint, shown, [project.show(path) for path in removed], notes, more)
