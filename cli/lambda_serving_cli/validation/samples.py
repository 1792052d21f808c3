"""What is wrong with the samples of the endpoints."""

from collections.abc import Iterator, Mapping
from typing import Any

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.runtime import BODY_SHARE, MEGABYTE, PAYLOAD_LIMIT
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.samples import make_payload, read_samples
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.project.yaml_nodes import dig
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.validation.findings import Finding

BODY_VARIABLE = "SERVING_MAX_BODY_BYTES"


def check_samples(
    project: Project, template: Template, settings: Mapping[str, EndpointSettings]
) -> Iterator[Finding]:
    """That each can be the body of a request, of a size that Lambda and the function take."""
    for endpoint in settings:
        try:
            samples = read_samples(project.folder(endpoint), _find_limit(template, endpoint))
        except CommandError as error:
            where, _, problem = error.reason.partition(", ")[2].partition(": ")
            yield Finding(endpoint, where, problem)
            continue
        for sample in samples:
            if (size := len(make_payload(sample))) > PAYLOAD_LIMIT:
                problem = f"{size} bytes as a payload of Lambda, which takes {PAYLOAD_LIMIT}"
                yield Finding(endpoint, f"sample {sample.name}", problem)


def _find_limit(template: Template, endpoint: str) -> int:
    """Bytes of the largest body that the function takes, as the runtime reckons it."""
    variable = _find_setting(template, endpoint, "Environment", "Variables", BODY_VARIABLE)
    if str(variable).isdecimal():
        return int(variable)
    memory = _find_setting(template, endpoint, "MemorySize")
    return memory * MEGABYTE // BODY_SHARE if isinstance(memory, int) else PAYLOAD_LIMIT


def _find_setting(template: Template, endpoint: str, *keys: str) -> Any:
    """A setting of the function, or that of all functions."""
    function = template.find_function(endpoint)
    own = dig(function.properties, *keys) if function else None
    return dig(template.data, "Globals", "Function", *keys) if own is None else own
