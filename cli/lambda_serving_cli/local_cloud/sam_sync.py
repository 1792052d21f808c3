"""`sam sync --code`: the code of functions of a stack in AWS, past CloudFormation."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from lambda_serving_cli.aws.deployed import ALIAS, require_function
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.local_cloud.layout import environment_with_uv, find_tool
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template, read_template
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.steps import run_logged

ADVICE = "read the log; `make build` and `sam deploy` bring everything"

GET_ATT = "Fn::GetAtt"

CODE = ("CodeUri", "ContentUri", "TemplateURL", "DefinitionUri")
"""Properties that `sam deploy` replaces by what it uploaded."""


def sync_functions(
    project: Project, stack: DeployedStack, endpoints: Collection[str]
) -> dict[str, str]:
    """Build functions and send their code, as new versions that the alias stands for.

    Returns:
        Endpoint -> the version that answers now, "" where its code was there already.

    Raises:
        CommandError: an endpoint is not in the template or the stack, or `sam sync` failed.
    """
    template = read_template(project.template)
    functions = {name: require_function(stack, name) for name in endpoints}
    missing = [name for name in endpoints if template.find_function(name) is None]
    if missing:
        raise CommandError(f"template.yaml has no function of {', '.join(missing)}")
    client = stack.client("lambda")
    before = {name: _find_version(client, each) for name, each in functions.items()}
    _run_sam(project.root, stack, client, template, functions)
    after = {name: _find_version(client, each) for name, each in functions.items()}
    return {name: each if each != before[name] else "" for name, each in after.items()}


def _run_sam(
    root: Path, stack: DeployedStack, client: Any, template: Template, functions: dict[str, str]
) -> None:
    about = client.get_function_configuration(FunctionName=next(iter(functions.values())))
    (architecture,) = about.get("Architectures") or ["x86_64"]
    # No layer of dependencies apart: layers/Makefile packs them into the function.
    command = [find_tool("sam"), "sync", "--code", "--no-dependency-layer"]
    command += ["--stack-name", stack.stack_name, "--region", stack.region]
    command += ["--profile", stack.profile] if stack.profile else []
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    for endpoint in functions:
        function = template.find_function(endpoint)
        assert function is not None
        command += ["--resource-id", function.name]
    output = root / ".aws-sam"
    output.mkdir(exist_ok=True)
    # Its notes of what it sent know of no deploy since.
    (output / "sync.toml").unlink(missing_ok=True)
    environment = {
        **os.environ,
        **environment_with_uv(),
        "LAMBDA_ARCHITECTURE": architecture,
        "UV_PYTHON": sys.executable,
    }
    run_logged(
        command,
        output / "sync.log",
        cwd=root,
        env=environment,
        advice=ADVICE,
        answer="y\n",  # it is a stack for development: who called was asked
    )
    text = (output / "sync.log").read_text(errors="replace")
    if "Cannot" in text:  # it ends with 0 all the same
        raise CommandError("sam sync did not do all", log=output / "sync.log", advice=ADVICE)


def _find_version(client: Any, function: str) -> str:
    return str(client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])


def list_drift(project: Project, stack: DeployedStack) -> list[str]:
    """What of template.yaml is not as it is deployed, which code alone does not bring.

    Raises:
        CommandError: the stack's template is none of SAM.
    """
    client = stack.client("cloudformation")
    body: Any = client.get_template(StackName=stack.stack_name, TemplateStage="Original")
    body = body["TemplateBody"]
    there: Any = body if isinstance(body, dict) else Template(body).data
    here = read_template(project.template).data
    return list(_compare(_strip(here), _strip(there)))


def _strip(template: Any) -> dict[str, Any]:
    """Name -> content of everything in a template, without what a build or a deploy writes."""
    parts = {}
    for section, content in template.items():
        if section == "Resources":
            for name, resource in content.items():
                properties = {
                    key: value
                    for key, value in resource.get("Properties", {}).items()
                    if key not in CODE
                }
                parts[name] = _spell({**resource, "Metadata": None, "Properties": properties})
        elif section in ("Globals", "Parameters", "Conditions", "Mappings"):
            parts[section] = _spell(content)
    return parts


def _spell(value: Any) -> Any:
    """A value as text, whichever way YAML has its scalars and breaks its lines."""
    if isinstance(value, dict):
        if isinstance(name := value.get(GET_ATT), str):
            return {GET_ATT: name.split(".", 1)}
        return {str(key): _spell(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spell(item) for item in value]
    if value is True or value is False:
        return str(value).lower()
    return value if value is None else " ".join(str(value).split())


def _compare(here: dict[str, Any], there: dict[str, Any]) -> Iterator[str]:
    for name in sorted(here.keys() | there.keys()):
        one, other = here.get(name), there.get(name)
        if one == other:
            continue
        if one is None or other is None:
            yield f"{name} ({'not deployed yet' if other is None else 'deployed still'})"
            continue
        one, other = one.get("Properties", one), other.get("Properties", other)
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        yield f"{name} ({', '.join(sorted(keys))})" if keys else name
