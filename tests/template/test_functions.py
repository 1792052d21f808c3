"""The template's functions, layers and routes against the folders of the repository."""

import re
import tomllib
from typing import Any

import pytest
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving.settings.engines import ENGINES
from lambda_serving_cli.project.template import Template
from tests.servers.built import (
    LAYER,
    PROJECT,
    list_layers,
    list_resources,
    read_globals,
)

Properties = dict[str, Any]


def test_one_function_for_each_folder(
    functions: dict[str, Properties], endpoints: list[str]
) -> None:
    assert sorted(functions) == endpoints
    for endpoint, properties in functions.items():
        assert properties["CodeUri"].rstrip("/") == f"functions/{endpoint}"


def test_one_layer_for_each_folder(template: dict[str, Any]) -> None:
    layers = list_resources(template, LAYER)
    content = sorted(properties["ContentUri"].rstrip("/") for properties in layers.values())
    folders = sorted(f"layers/{path.parent.name}" for path in PROJECT.glob("layers/*/Makefile"))
    assert content == folders
    for properties in layers.values():
        assert properties["CompatibleRuntimes"] == ["python3.13"]


def test_no_layer_is_named_like_a_library() -> None:
    """A folder `layers/onnxruntime` would be imported instead of the library in some tests."""
    names = {path.name for path in PROJECT.glob("layers/[!_]*") if path.is_dir()}
    assert all(name == "runtime" or name.startswith("engine_") for name in names)


def test_endpoint_toml_names_its_folder(endpoints: list[str]) -> None:
    for endpoint in endpoints:
        table = tomllib.loads((PROJECT / "functions" / endpoint / "endpoint.toml").read_text())
        assert table["endpoint"] == endpoint


def test_runtime_and_handler(template: dict[str, Any], functions: dict[str, Properties]) -> None:
    for properties in functions.values():
        merged = read_globals(template) | properties
        assert merged["Runtime"] == "python3.13"
        assert merged["Handler"] == "lambda_serving.handler.lambda_handler"
        assert merged["Architectures"] == [{"Ref": "Architecture"}]
        assert merged["Timeout"] < 30  # the HTTP API gives up after 30 s
        assert (merged["AutoPublishAlias"], merged["AutoPublishAliasAllProperties"]) == (
            "live",
            True,
        )
    assert template["Parameters"]["Architecture"]["Default"] == "x86_64"
    assert set(template["Parameters"]["Architecture"]["AllowedValues"]) == {"x86_64", "arm64"}


def test_engine_has_its_layer(template: dict[str, Any], functions: dict[str, Properties]) -> None:
    content = {
        name: properties["ContentUri"].rstrip("/").removeprefix("layers/")
        for name, properties in list_resources(template, LAYER).items()
    }
    for endpoint, properties in functions.items():
        table = tomllib.loads((PROJECT / "functions" / endpoint / "endpoint.toml").read_text())
        engines = {table["engine"], *(v.get("engine") for v in table.get("version", {}).values())}
        layers = {content[name] for name in list_layers(template, properties)}
        assert layers == {"runtime"} | set(map(find_layer, engines - {None})) - {""}, endpoint


def find_layer(engine: str) -> str:
    """`engine_onnx` for `triton`, whose module is engines/onnx.py; "" where it needs none."""
    module = ENGINES[engine].partition(":")[0].rpartition(".")[2]
    return f"engine_{module}" if (PROJECT / "layers" / f"engine_{module}").exists() else ""


def test_who_is_called_is_there(endpoints: list[str]) -> None:
    for endpoint in endpoints:
        settings = read_endpoint(PROJECT / "functions" / endpoint)
        traffic = settings.traffic if settings.is_canary else None
        targets = list(traffic.weights) if traffic else []
        prefix = [traffic.prefix] if traffic and traffic.prefix else []
        for called in (*settings.calls, *targets, *prefix):
            assert called.partition("/")[0] in endpoints, endpoint


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SAM
def test_sam_local_finds_the_routes() -> None:
    """Whose reader takes few forms of a function's address."""
    stacks, _ = SamLocalStackProvider.get_stacks(str(PROJECT / "template.yaml"))
    found = {
        (route.path, method): route.function_name
        for route in ApiProvider(stacks, cwd=str(PROJECT)).routes
        for method in route.methods
    }
    functions = Template((PROJECT / "template.yaml").read_text()).functions
    assert (
        found.items()
        >= {
            (f"/serve/{endpoint}{rest}", method): function.name
            for endpoint, function in functions.items()
            for rest in ("", "/{proxy+}")
            for method in ("GET", "POST")
        }.items()
    )


def test_environment_is_what_settings_read(
    template: dict[str, Any], functions: dict[str, Properties]
) -> None:
    source = (PROJECT / "layers/runtime/lambda_serving/settings/runtime.py").read_text()
    read = set(re.findall(r'"(SERVING_[A-Z0-9_]+)"', source))
    for endpoint, properties in functions.items():
        variables = dict(read_globals(template)["Environment"]["Variables"])
        variables |= properties.get("Environment", {}).get("Variables", {})
        given = {name for name in variables if name.startswith("SERVING_")}
        assert {"SERVING_MODEL_BUCKET", "SERVING_STACK", "SERVING_ALIAS"} <= given <= read, endpoint
        # send_request asks the others by the alias that SAM makes.
        assert variables["SERVING_ALIAS"] == read_globals(template)["AutoPublishAlias"]


def test_settings_are_the_only_reader_of_the_environment() -> None:
    package = PROJECT / "layers/runtime/lambda_serving"
    readers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"os\.getenv|environ\.get|environ\[[^\]]+\](?! = )", path.read_text())
    ]
    assert readers in ([], ["settings/runtime.py"])


def test_every_function_has_its_output(
    template: dict[str, Any], functions: dict[str, Properties]
) -> None:
    outputs = str([output["Value"] for output in template["Outputs"].values()])
    names = {
        name
        for name, resource in template["Resources"].items()
        if resource.get("Properties") in functions.values()
    }
    assert len(names) == len(functions)
    assert all(f"'Ref': '{name}'" in outputs for name in names)
    assert {"ApiUrl", "ModelBucket"} <= template["Outputs"].keys()
