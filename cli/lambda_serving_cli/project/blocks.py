"""What an endpoint is in `template.yaml`: its function, log group and output, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.engines import ENGINES
from lambda_serving_cli.monitoring.alarms import KINDS, camel
from lambda_serving_cli.project.policy import compare_policies, is_ours, read_policy, write_policy
from lambda_serving_cli.project.template import STACK, Entry, Template
from lambda_serving_cli.project.template_edits import insert, set_policy, set_references
from lambda_serving_cli.terminal.errors import CommandError

FUNCTION = """\
  {resource}:
    Type: AWS::Serverless::Function
    Metadata: *build
    Properties:
      FunctionName: !Sub ${{AWS::StackName}}-{endpoint}
      Description: {description}
      CodeUri: functions/{endpoint}
      VersionDescription: *version
      DeploymentPreference: {{Alarms: !If [HasRateAlarms, [{alarms}], []]}}
      Layers: [{layers}]
{policies}      LoggingConfig: {{LogGroup: !Ref {resource}Logs}}
  {resource}Logs:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /aws/lambda/${{AWS::StackName}}-{endpoint}
      <<: *logs
"""
PATHS = """\
          /serve/{endpoint}: &{resource}
            get: &{resource}Call
              security: *callers
              x-amazon-apigateway-integration: {{<<: *call, uri: !Sub ["${{U}}/functions/${{{resource}.Arn}}:live/invocations", {{U: *uri}}]}}
            post: *{resource}Call
          /serve/{endpoint}/{{proxy+}}: *{resource}
"""  # noqa: E501
"""Of the HTTP API's document. `sam local` reads the function's name off `functions/${{X.Arn}}`."""

OUTPUT = """\
  {resource}Function: {{Value: !Ref {resource}}}
"""
ANCHORS = ("build", "version", "logs", "decrypt", "callers", "call", "uri")
"""What an older template lacks."""

RUNTIME = "runtime"
"""The folder of the layer that every function has."""

DERIVED = (
    "Logs",
    "Function",
    "Role",
    "Aliaslive",
    "Version",
    "Call",
)
"""What follows a function's logical id in names and anchors that we or SAM make of it (SAM,
"Generated CloudFormation resources for AWS::Serverless::Function")."""

YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""What YAML 1.1 reads as something else than text."""


def add_function(
    template: Template, endpoint: str, settings: EndpointSettings, description: str
) -> tuple[str, str]:
    """The template's text with a function for the endpoint, and the function's logical id.

    Raises:
        CommandError: the template is of an older version.
    """
    check_anchors(template)
    resource = name_resource(endpoint, [*template.resources, *template.outputs])
    layers = [
        name for name in list_layers(template, settings) if name not in template.global_layers
    ]
    function = FUNCTION.format(
        resource=resource,
        endpoint=endpoint,
        description=quote(description or f"The endpoint {endpoint}"),
        alarms=", ".join(f'!Sub "{STACK}{endpoint}-{kind}"' for kind in KINDS),
        layers=_refer(layers),
        policies=f"      Policies: [{write_policy(settings, f'{resource}Logs')}]\n",
    )
    output = OUTPUT.format(resource=resource)
    paths = PATHS.format(endpoint=endpoint, resource=resource)
    return insert(template, function, output, f"{resource}Logs", paths), resource


def check_anchors(template: Template) -> None:
    """Check that the template has what functions refer to.

    Raises:
        CommandError: it is of an older version.
    """
    if missing := [name for name in ANCHORS if f"&{name} " not in template.text]:
        raise CommandError(
            f"template.yaml has no anchor &{missing[0]}: it is of an older version",
            advice="docs/upgrade.md says how it is brought up to date",
        )


def adapt_function(
    template: Template, function: Entry, settings: EndpointSettings, before: EndpointSettings
) -> str:
    """The template's text, with the layers and the policy that the endpoint needs by now.

    Layers that it did not need ``before`` either are the user's: code may import what it likes.

    Raises:
        CommandError: they are not written in one line.
    """
    layers = [
        name for name in list_layers(template, settings) if name not in template.global_layers
    ]
    own = [*list_layers(template, before), *layers]
    there = [name for name in template.list_references(function, "Layers") if name in own]
    if set(there) != set(layers):
        template = Template(set_references(template, function, "Layers", layers, own))
    return adapt_policy(template, template.resources[function.name], settings)


def adapt_policy(template: Template, function: Entry, settings: EndpointSettings) -> str:
    """The template's text, where the function may do what the endpoint needs and no more.

    Raises:
        CommandError: `Policies` is no list, or the template is of an older version.
    """
    if not describe_policy(template, function, settings):
        return template.text
    check_anchors(template)
    return set_policy(template, function, _write_policy(template, function, settings), is_ours)


def describe_policy(template: Template, function: Entry, settings: EndpointSettings) -> str:
    """How the function's policy differs from what the endpoint needs; "" where it does not."""
    listed = function.properties.get("Policies")
    ours = [item for item in listed if is_ours(item)] if isinstance(listed, list) else []
    wanted = read_policy(_write_policy(template, function, settings))
    return compare_policies(ours, [wanted] if wanted else [])


def _write_policy(template: Template, function: Entry, settings: EndpointSettings) -> str:
    group = template.find_log_group(function)
    return write_policy(settings, group.name if group else None)


def list_layers(template: Template, settings: EndpointSettings) -> list[str]:
    """Logical ids of the layers that an endpoint needs: the runtime's and its engines'."""
    wanted = [RUNTIME, *sorted(set(list_folders(settings)))]
    return [template.layers[folder] for folder in wanted if folder in template.layers]


def list_folders(settings: EndpointSettings) -> Iterator[str]:
    """`engine_onnx` for `triton`, whose module is engines/onnx.py."""
    for version in settings.described:
        module = ENGINES[version.engine].partition(":")[0].rpartition(".")[2]
        yield f"engine_{module}"


def name_resource(endpoint: str, taken: Collection[str]) -> str:
    """A logical id for the endpoint: `IrisOnnx` for `iris_onnx`, or one like it that is free.

    Neither it nor a name made of it may be another's.
    """
    base = camel(endpoint)
    if not base or base[0].isdigit() or base.lower() in YAML_WORDS:
        base = f"Endpoint{base}"
    roots = {name.removesuffix(suffix) for name in taken for suffix in DERIVED}
    count, name = 1, base
    while name in roots or any(name == f"{other}{suffix}" for other in taken for suffix in DERIVED):
        name = f"{base}Endpoint{count if count > 1 else ''}"
        count += 1
    return name


def quote(text: str) -> str:
    """A text as a YAML scalar in one line."""
    text = " ".join(text.split())
    is_plain = re.fullmatch(r"[A-Za-z][\w ,.()/'+-]*", text) and text.lower() not in YAML_WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _refer(names: Sequence[str]) -> str:
    return ", ".join(f"!Ref {name}" for name in names)
