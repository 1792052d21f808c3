"""What is wrong with endpoint.toml, the template and samconfig.toml, all of it at once."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from lambda_serving.errors import SettingsError, UserCodeLoadError
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving.settings.version_keys import WITHOUT_MODEL
from lambda_serving.user_code.preprocess import find_preprocess
from lambda_serving_cli.files.content import read_toml
from lambda_serving_cli.project.blocks import describe_policy, list_layers
from lambda_serving_cli.project.code import check_code, may_load
from lambda_serving_cli.project.monitoring import plan_monitoring
from lambda_serving_cli.project.policy import list_targets
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import MONITORING, Entry, Template
from lambda_serving_cli.project.toml_file import FILE
from lambda_serving_cli.project.yaml_nodes import dig, read_node
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.validation.findings import Finding

MOST_FINDINGS = 20
"""Of one file."""

STAND_INS = {"endpoint": "x", "engine": "custom"}
"""Keys that must be there, with values that are right."""

LONGEST_NAME = 64
"""Characters of a function's name (AWS Lambda API, CreateFunction)."""


def check_files(project: Project) -> tuple[dict[str, EndpointSettings], list[Finding]]:
    """Read every endpoint: its settings where they can be read, and what is wrong."""
    settings, findings = {}, []
    for folder in sorted(path for path in project.functions.glob("*") if path.is_dir()):
        if folder.name.startswith((".", "__")):
            continue
        endpoint = folder.name
        if not (folder / FILE).is_file():
            findings.append(Finding(endpoint, f"functions/{endpoint}", f"there is no {FILE}"))
            continue
        try:
            table = tomllib.loads((folder / FILE).read_bytes().decode())
        except (OSError, ValueError, RecursionError) as error:
            findings.append(Finding(endpoint, FILE, f"not TOML: {error}"))
            continue
        problems = list(list_problems(table))
        findings += [Finding(endpoint, FILE, problem) for problem in problems]
        if not problems:
            settings[endpoint] = parse_endpoint(table)
            findings += _check_folder(project, endpoint, settings[endpoint])
    known = project.list_endpoints()
    for endpoint, each in settings.items():
        findings += _check_calls(endpoint, each, known, settings)
    return settings, findings


def list_problems(table: dict[str, Any]) -> Iterator[str]:
    """Every error that the runtime would tell, one after another.

    It stops at the first: so what that names is mended, and it is asked again.
    """
    for _ in range(MOST_FINDINGS):
        try:
            parse_endpoint(table)
            return
        except SettingsError as error:
            text = str(error).removeprefix(f"{FILE}: ")
            yield text
            if not _mend(table, text.partition(": ")[0]):
                return


def _mend(table: Any, key: str) -> bool:
    """Remove a key like `version.2.foo`, or give one that must be there a value that is right.

    The parts of a key may hold dots themselves. Whether anything was changed.
    """
    if not isinstance(table, dict):
        return False
    if key in STAND_INS and table.get(key) != STAND_INS[key]:
        table[key] = STAND_INS[key]
        return True
    if key in table:
        del table[key]
        return True
    names = sorted((name for name in table if key.startswith(f"{name}.")), key=len, reverse=True)
    return any(_mend(table[name], key.removeprefix(f"{name}.")) for name in names)


def _check_folder(project: Project, endpoint: str, settings: EndpointSettings) -> Iterator[Finding]:
    """The name, and that the code of every version can be read."""
    folder = project.folder(endpoint)
    if settings.endpoint != endpoint:
        problem = f"endpoint: it says {settings.endpoint!r}, its folder {endpoint!r}"
        yield Finding(endpoint, FILE, problem)
    files = set()
    for name, version in settings.versions.items():
        try:
            file = find_preprocess(folder, version.preprocess)
        except UserCodeLoadError as error:
            yield Finding(endpoint, FILE, str(error).removeprefix(f"{FILE}: "))
            continue
        files.add(file)
        if version.model is None and version.engine not in WITHOUT_MODEL and not may_load(file):
            problem = f"version {name}: the engine {version.engine} needs a model, or a load in"
            yield Finding(endpoint, FILE, f"{problem} the code that returns one")
        custom = version.engine in ("custom", "custom_async")
        if custom and file is None:
            problem = f"version {name}: the engine {version.engine} runs your code: there is none"
            yield Finding(endpoint, f"functions/{endpoint}", problem)
    for file in sorted(files, key=str):
        try:
            if file is not None:
                check_code(file)
        except CommandError as error:
            reason = error.reason.removeprefix(f"{file}").lstrip(",: ")
            yield Finding(endpoint, str(file.relative_to(folder)) if file else "", reason)


def _check_calls(
    endpoint: str,
    settings: EndpointSettings,
    known: list[str],
    readable: Mapping[str, EndpointSettings],
) -> Iterator[Finding]:
    """That whom it asks is there, and has the version that it asks for."""
    for target in list_targets(settings):
        name, _, version = target.partition("/")
        asked = readable.get(name)
        if name not in known:
            yield Finding(endpoint, FILE, f"it asks {target!r}: there is no endpoint {name!r}")
        # Versions that follow the registry come and go.
        elif version and asked and not asked.auto_update and version not in asked.versions:
            has = ", ".join(asked.versions)
            problem = f"it asks {target!r}: {name!r} has no version {version}; it has {has}"
            yield Finding(endpoint, FILE, problem)


def check_template(
    project: Project, template: Template, settings: Mapping[str, EndpointSettings]
) -> Iterator[Finding]:
    """A function for each endpoint, with what it needs; and none for what is no endpoint."""
    for endpoint in sorted(set(template.functions) - set(project.list_endpoints())):
        function = template.functions[endpoint].name
        yield Finding(endpoint, "template.yaml", f"{function} has no folder functions/{endpoint}")
    for problem in _check_paths(template):
        yield Finding("all", "template.yaml, Api", problem)
    for endpoint, each in settings.items():
        found = template.find_function(endpoint)
        if found is None:
            yield Finding(endpoint, "template.yaml", "there is no function for it")
            continue
        for problem in _check_function(template, endpoint, found, each):
            yield Finding(endpoint, f"template.yaml, {found.name}", problem)


def _check_function(
    template: Template, endpoint: str, function: Entry, settings: EndpointSettings
) -> Iterator[str]:
    uri = str(function.properties.get("CodeUri", "")).rstrip("/")
    if uri != f"functions/{endpoint}":
        yield f"CodeUri is {uri!r}, not functions/{endpoint}"
    layers = {*template.list_references(function, "Layers"), *template.global_layers}
    if missing := set(list_layers(template, settings)) - layers:
        yield f"Layers lacks {', '.join(sorted(missing))}"
    group = template.find_log_group(function)
    if group is None:
        yield "LoggingConfig names no log group of this template"
    elif "RetentionInDays" not in group.properties:
        yield f"{group.name} keeps its logs for ever: it has no RetentionInDays"
    if template.monitoring and (needed := template.own_log_groups.get(endpoint)):
        if needed not in template.list_dependencies(template.monitoring):
            yield f"{template.monitoring.name} counts crashes in {needed}: its DependsOn lacks it"
    for path in (f"/serve/{endpoint}", f"/serve/{endpoint}/{{proxy+}}"):
        if template.routes.get(path) != function.name:
            yield f"Api has no path {path} that leads to it"
    if not template.find_outputs(function):
        yield "no output gives its name"


def _check_paths(template: Template) -> Iterator[str]:
    """That each path leads somewhere, and asks for what the parameter says."""
    methods = read_node(template.paths) or {}
    for path, function in template.routes.items():
        if not function:
            yield f"its path {path} leads to no function"
        operations = methods[path] if isinstance(methods[path], dict) else {}
        for method, operation in operations.items():
            if dig(operation, "security") is None:
                yield f"{method} {path} has no security: it asks for AWS_IAM, whatever Auth says"


def check_policies(
    template: Template, settings: Mapping[str, EndpointSettings]
) -> Iterator[Finding]:
    """That each function may do what its endpoint.toml asks for, and no more."""
    for endpoint, each in settings.items():
        function = template.find_function(endpoint)
        if function and (difference := describe_policy(template, function, each)):
            problem = f"Policies {difference}: `lambda-serving policies` writes them"
            yield Finding(endpoint, f"template.yaml, {function.name}", problem)


def check_monitoring(project: Project) -> Iterator[Finding]:
    """That dashboard and alarms are those of the endpoints, which must all be readable."""
    try:
        rewrite = plan_monitoring(project)
    except CommandError as error:
        yield Finding("all", MONITORING, error.reason)
        return
    if rewrite.old != rewrite.new:
        problem = "dashboard and alarms are not up to date: `lambda-serving monitoring` writes them"
        yield Finding("all", MONITORING, problem)


def check_names(project: Project, endpoints: list[str]) -> Iterator[Finding]:
    """Function names of each stack that samconfig.toml knows."""
    for name, environment in read_toml(project.root / "samconfig.toml").items():
        stack = dig(environment, "global", "parameters", "stack_name")
        for endpoint in endpoints:
            length = len(f"{stack}-{endpoint}")
            if stack and length > LONGEST_NAME:
                problem = f"{stack}-{endpoint} has {length} characters, Lambda takes {LONGEST_NAME}"
                yield Finding(endpoint, f"samconfig.toml, {name}", problem)
