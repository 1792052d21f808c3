"""What CloudFormation and API Gateway take of a stack, against what the template becomes by SAM.

Sources: AWS CloudFormation user guide, "Understand CloudFormation quotas"; Amazon API Gateway
developer guide, "Quotas for configuring and running an HTTP API".
"""

import json
import logging
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lambda_serving_cli.files.content import read_text, read_toml
from lambda_serving_cli.project.template import FUNCTION, LAYER, MONITORING, Template
from lambda_serving_cli.project.yaml_nodes import compose, dig, read_node
from lambda_serving_cli.terminal.errors import CommandError

WARN_AT = 0.8
"""Share of a limit from which it is told."""

FEW = 100
"""Resources as they are written. SAM makes 2.5 of each, 3 with CodeDeploy: so few are not near any
limit, and need not wait seconds for SAM."""

PREFERENCE, AT_ONCE = "DeploymentPreference", "AllAtOnce"
HTTP_API = "AWS::ApiGatewayV2::Api"
ADVICE = "make another stack for some of the endpoints (docs/limits.md)"


@dataclass(frozen=True)
class Limit:
    """The most that AWS takes of one kind of thing."""

    most: int
    of: str
    advice: str = ADVICE


LIMITS: Mapping[str, Limit] = {
    "resources": Limit(500, "a stack"),
    "outputs": Limit(200, "a stack"),
    "parameters": Limit(200, "a stack"),
    "bytes": Limit(1_000_000, "a template"),
    "routes": Limit(300, "an HTTP API", f"ask AWS for more, or {ADVICE}"),
    "integrations": Limit(300, "an HTTP API"),
}


@dataclass(frozen=True)
class Usage:
    """How much of a limit a template uses."""

    template: str
    kind: str
    count: int

    @property
    def limit(self) -> Limit:
        return LIMITS[self.kind]

    @property
    def is_over(self) -> bool:
        return self.count > self.limit.most

    @property
    def is_near(self) -> bool:
        return self.count >= WARN_AT * self.limit.most

    def __str__(self) -> str:
        return f"{self.count:,} {self.kind}: AWS takes {self.limit.most:,} {self.limit.of}"


def require_room(root: Path, template: str) -> list[str]:
    """What is near a limit with this text of template.yaml, as notes.

    Raises:
        CommandError: it is over one.
    """
    try:
        usages = list(count_template(template, read_deploy(root)))
    except CommandError:  # `validate` tells what SAM refuses
        return []
    for usage in usages:
        if usage.is_over:
            raise CommandError(f"template.yaml would have {usage}", advice=usage.limit.advice)
    return [f"template.yaml has {usage}" for usage in usages if usage.is_near]


def count_project(root: Path) -> list[Usage]:
    """Of template.yaml and monitoring.yaml as they are.

    Raises:
        CommandError: SAM refuses template.yaml.
    """
    text = read_text(root / "template.yaml")
    usages = list(count_template(text, read_deploy(root)))
    nested = root / MONITORING
    if nested.is_file():
        usages += count_nested(read_text(nested))
    return usages


def count_template(text: str, parameters: Mapping[str, str]) -> Iterator[Usage]:
    """Of a text of template.yaml, with these values of parameters.

    A small one is counted as it is written.

    Raises:
        CommandError: SAM refuses it.
    """
    plain = Template(text)
    translated = plain.data if len(plain.resources) < FEW else translate(text, parameters)
    for kind in LIMITS:
        count = _count(kind, translated)
        yield Usage("template.yaml", kind, max(count, len(text.encode()) * (kind == "bytes")))


def count_nested(text: str) -> Iterator[Usage]:
    """The same of monitoring.yaml, which SAM leaves as it is.

    Raises:
        CommandError: it is no YAML mapping.
    """
    try:
        content = read_node(compose(text))
    except yaml.YAMLError as error:
        raise CommandError(f"{MONITORING}: {error}") from error
    if not isinstance(content, dict):
        raise CommandError(f"{MONITORING}: expected a mapping")
    for kind in ("resources", "parameters"):
        yield Usage(MONITORING, kind, _count(kind, content))
    yield Usage(MONITORING, "bytes", len(text.encode()))


def _count(kind: str, translated: Mapping[str, Any]) -> int:
    if kind == "bytes":
        return len(json.dumps(translated))
    if kind in ("routes", "integrations"):
        return max(_count_routes(translated, kind), default=0)
    return len(translated.get(kind.capitalize(), {}))


def _count_routes(translated: Mapping[str, Any], kind: str) -> Iterator[int]:
    """Of each HTTP API, whose `Body` holds a route with its own integration for each method."""
    for resource in translated["Resources"].values():
        if resource.get("Type") == HTTP_API:
            paths = dig(resource, "Properties", "Body", "paths") or {}
            operations = [each for path in paths.values() for each in path.values()]
            key = "x-amazon-apigateway-integration"
            yield sum(1 for each in operations if kind == "routes" or key in each)


def translate(text: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What CloudFormation gets of a SAM template; code lies in S3 by then. Asks AWS nothing.

    Raises:
        CommandError: SAM refuses it.
    """
    # It takes a second to import, and warns of its own toggles and metrics.
    from boto3 import Session
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # Without YAML's aliases, as `sam build` writes it: what SAM adds to one path would be in all.
    template: dict[str, Any] = json.loads(json.dumps(yaml_parse(text)))
    for resource in template.get("Resources", {}).values():
        key = {FUNCTION: "CodeUri", LAYER: "ContentUri"}.get(resource.get("Type"))
        if key and isinstance(dig(resource, "Properties", key), str):
            resource["Properties"][key] = f"s3://packages/{resource['Properties'][key]}"
    session = Session(region_name="us-east-1")
    try:
        translated: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(
            template, parameter_values=dict(parameters), get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        raise CommandError(f"template.yaml: {error.message}") from error
    return translated


def read_deploy(root: Path) -> dict[str, str]:
    """The value of the parameter on which it depends what resources there are: gradual deploys
    have more, and count where one environment of samconfig.toml has them."""
    for parameters in list_parameters(root).values():
        value = parameters.get(PREFERENCE, AT_ONCE)
        if value != AT_ONCE:
            return {PREFERENCE: value}
    return {}


def list_parameters(root: Path) -> dict[str, dict[str, str]]:
    """Environment of samconfig.toml -> the template's parameters that it deploys with."""
    found = {}
    for name, environment in read_toml(root / "samconfig.toml").items():
        given = dig(environment, "deploy", "parameters", "parameter_overrides") or ""
        pairs = given if isinstance(given, list) else shlex.split(str(given))
        found[name] = dict(str(pair).split("=", 1) for pair in pairs if "=" in str(pair))
    return found
