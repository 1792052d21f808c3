"""monitoring.yaml: as committed, against the endpoints and the template; of made-up endpoints."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import parse_endpoint, read_endpoint
from lambda_serving_cli.monitoring.dashboard import make_dashboards
from lambda_serving_cli.monitoring.graphs import divide
from lambda_serving_cli.monitoring.stack import write_stack
from lambda_serving_cli.project.monitoring import read_endpoints
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.terminal.errors import CommandError
from tests.servers.built import PROJECT, list_resources, read_globals
from tests.template.dashboard_rules import read_widgets
from tests.template.validation import validate

Widgets = list[dict[str, Any]]

COMMITTED = (PROJECT / "monitoring.yaml").read_bytes().decode()
"""Read before any test runs: tests that bring a local cloud up also bring the file up to date."""

MADE_UP = parse_endpoint(
    {
        "endpoint": "made-up",
        "engine": "custom",
        "version": {"2": {}},
        "calls": ["other"],
        "metrics": {
            "variables": {
                "x0": {"type": "scalar", "buckets": [0, 0.25, 1e6]},
                "below": {"type": "scalar", "buckets": [-1, 0, 1]},
                "free": {"type": "scalar"},
                "kind of y": {"type": "enum", "values": ["a", "b"]},
                "load": {"type": "value"},
                "rows": {"type": "counter"},
            }
        },
    }
)


def select_endpoint(widgets: Widgets, endpoint: str) -> dict[str, list[list[Any]]]:
    """title -> lines of the graphs between this endpoint's headline and the next."""
    graphs, is_own = {}, False
    for widget in widgets:
        properties = widget["properties"]
        if widget["type"] == "text":
            is_own = properties["markdown"].startswith(f"## {endpoint}\n")
        elif is_own:
            graphs[properties["title"]] = properties["metrics"]
    return graphs


def draw_dashboard(*endpoints: EndpointSettings) -> Widgets:
    [dashboard] = make_dashboards(endpoints).values()
    return read_widgets(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])


@pytest.fixture(scope="module")
def widgets(monitoring: dict[str, Any]) -> Widgets:
    [dashboard] = list_resources(monitoring, "AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == {"Fn::Sub": "${StackName}"}
    return read_widgets(dashboard["DashboardBody"]["Fn::Sub"])


@pytest.fixture(scope="module")
def made_up() -> dict[str, list[list[Any]]]:
    return select_endpoint(draw_dashboard(MADE_UP), "made-up")


def test_committed_file_is_what_the_generator_makes() -> None:
    """If this fails: `uv run lambda-serving monitoring`."""
    template = Template((PROJECT / "template.yaml").read_text())
    assert write_stack(read_endpoints(PROJECT), template.own_log_groups) == COMMITTED


def test_the_template_hands_down_what_the_nested_stack_asks_for(
    template: dict[str, Any], monitoring: dict[str, Any]
) -> None:
    [nested] = list_resources(template, "AWS::CloudFormation::Stack").values()
    assert nested["TemplateURL"] == "monitoring.yaml"
    own = {"StackName": {"Ref": "AWS::StackName"}}
    given = {name: {"Ref": name} for name in monitoring["Parameters"]} | own
    assert nested["Parameters"] == given
    for name, parameter in monitoring["Parameters"].items():
        outer = template["Parameters"].get(name, {"Type": "String"})
        assert parameter == {"Type": outer["Type"]}  # described, and with a default, in one place


def test_what_counts_crashes_waits_for_the_logs(template: dict[str, Any]) -> None:
    """A metric filter needs its log group; no reference between the stacks says so."""
    groups = {
        properties["LoggingConfig"]["LogGroup"]["Ref"]
        for properties in list_resources(template, "AWS::Serverless::Function").values()
    }
    assert sorted(template["Resources"]["Monitoring"]["DependsOn"]) == sorted(groups)


def test_sam_validates_it(tmp_path: Path) -> None:
    """As a template of its own, once SAM's transform is named."""
    file = tmp_path / "template.yaml"
    file.write_text(f"Transform: AWS::Serverless-2016-10-31\n{COMMITTED}")
    done = validate(file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_endpoint_and_variable_is_shown(widgets: Widgets, endpoints: list[str]) -> None:
    for endpoint in endpoints:
        graphs = select_endpoint(widgets, endpoint)
        assert {"Requests", "Latency and its stages, ms", "Errors"} <= graphs.keys(), endpoint
        settings = read_endpoint(PROJECT / "functions" / endpoint)
        for variable in settings.metrics.variables:
            assert any(title.startswith(variable) for title in graphs), (endpoint, variable)
        for lines in graphs.values():
            assert f'"{endpoint}"' in json.dumps(lines) or f'\\"{endpoint}\\"' in json.dumps(lines)


def test_examples_declare_variables() -> None:
    declared = [endpoint.metrics.variables for endpoint in read_endpoints(PROJECT)]
    assert sum(map(bool, declared)) >= 5


def test_overview_finds_endpoints_by_itself(widgets: Widgets) -> None:
    overview = [widget for widget in widgets if widget["y"] < 8 and widget["type"] == "metric"]
    lines = [line for widget in overview for line in widget["properties"]["metrics"]]
    assert len(overview) == 5
    assert all("expression" in line[-1] for line in lines)
    assert not any("Endpoint=" in line[-1]["expression"] for line in lines)


def test_three_alarms_for_each_endpoint(monitoring: dict[str, Any], endpoints: list[str]) -> None:
    alarms = list_resources(monitoring, "AWS::CloudWatch::Alarm")
    names = {alarm["AlarmName"]["Fn::Sub"] for alarm in alarms.values()}
    kinds = ("faults", "latency", "throttles")
    wanted = {f"${{StackName}}-{each}-{kind}" for each in endpoints for kind in kinds}
    assert names == wanted
    assert len(alarms) == len(wanted)
    for name, alarm in alarms.items():
        [endpoint] = re.findall(r"Name\}-(.*)-\w+$", alarm["AlarmName"]["Fn::Sub"])
        command = f"`lambda-serving logs {endpoint} --errors --stack ${{StackName}}`"
        assert command in str(alarm["AlarmDescription"])
        assert "dashboards of ${StackName}" in str(alarm["AlarmDescription"])
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == alarm["OKActions"]
        expected = "HasRateAlarms" if "faults" in str(alarm["AlarmName"]) else "HasAlarms"
        assert monitoring["Resources"][name]["Condition"] == expected


def test_alarm_of_faults_needs_requests(monitoring: dict[str, Any]) -> None:
    alarm = monitoring["Resources"]["IrisOnnxFaultsAlarm"]["Properties"]
    rate, *queries = alarm["Metrics"]
    assert rate["Expression"] == {
        "Fn::Sub": "IF(requests >= ${AlarmMinimumRequests},"
        " 100 * (FILL(faults, 0) + FILL(crashes, 0)) / requests, 0)"
    }
    assert not any(query["ReturnData"] for query in queries)
    requests, faults, crashes = (query["MetricStat"]["Metric"] for query in queries)
    assert (requests["Namespace"], requests["MetricName"]) == ("AWS/Lambda", "Invocations")
    assert faults["Namespace"] == crashes["Namespace"] == {"Ref": "MetricsNamespace"}
    assert faults["MetricName"] == "Faults"
    assert faults["Dimensions"] == [{"Name": "Endpoint", "Value": "iris_onnx"}]
    counted = monitoring["Resources"]["IrisOnnxCrashesFilter"]["Properties"]
    assert counted["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${StackName}-iris_onnx"}
    [made] = counted["MetricTransformations"]
    assert crashes == {"Namespace": made["MetricNamespace"], "MetricName": made["MetricName"]}
    assert made["MetricName"] == "Crashes-iris_onnx"
    assert alarm["Threshold"] == {"Ref": "AlarmErrorPercent"}


def test_crashes_of_every_function_are_counted(
    template: dict[str, Any], monitoring: dict[str, Any], endpoints: list[str]
) -> None:
    filters = list_resources(monitoring, "AWS::Logs::MetricFilter").values()
    counted = [each["LogGroupName"]["Fn::Sub"] for each in filters]
    assert sorted(counted) == [f"/aws/lambda/${{StackName}}-{name}" for name in endpoints]
    groups = list_resources(template, "AWS::Logs::LogGroup").values()
    names = {each["LogGroupName"]["Fn::Sub"] for each in groups}
    assert {name.replace("{StackName}", "{AWS::StackName}") for name in counted} <= names
    # Reports are objects in the log, which a filter looks into, only in this format.
    assert read_globals(template)["LoggingConfig"]["LogFormat"] == "JSON"
    (pattern,) = {each["FilterPattern"] for each in filters}
    for ended in ("timeout", "Runtime.ExitError", "Runtime.OutOfMemory"):
        assert f'= "{ended}"' in pattern
    assert 'status = "error"' not in pattern  # direct invokes raise what callers did wrong


def test_crashes_are_shown(widgets: Widgets, endpoints: list[str]) -> None:
    for endpoint in endpoints:
        names = [line[1] for line in select_endpoint(widgets, endpoint)["Errors"] if len(line) == 3]
        assert names == [f"Crashes-{endpoint}"]


def test_functions_record_where_the_dashboard_looks(template: dict[str, Any]) -> None:
    variables = read_globals(template)["Environment"]["Variables"]
    assert variables["SERVING_METRICS_NAMESPACE"] == {"Ref": "MetricsNamespace"}
    parameter = template["Parameters"]["MetricsNamespace"]
    assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])


def test_buckets_cover_every_value_once() -> None:
    """A percentile rank: lower bound out, upper bound in."""
    ranks = [statistic[3:-1].split(":") for statistic, _ in divide([0, 0.1, 2, 1e7])]
    bounds = [(float(low or "-inf"), float(high or "inf")) for low, high in ranks]
    for value in (0, 0.05, 0.1, 0.100001, 2, 3, 1e7, 1e7 + 1, 1e99):
        assert sum(low < value <= high for low, high in bounds) == 1, value


def test_scalar_with_buckets_is_drawn_for_each_version(made_up: dict[str, Any]) -> None:
    for version in ("1", "2"):
        first, *others = made_up[f"x0, % of its values, version {version}"]
        assert first[1:-1] == ["x0", "Endpoint", "made-up", "Version", version]
        statistics = [line[-1]["stat"] for line in (first, *others)]
        assert statistics == ["PR(:0)", "PR(0:0.25)", "PR(0.25:1000000)", "PR(1000000:)"]


def test_negative_buckets_are_no_percentile_ranks(made_up: dict[str, Any]) -> None:
    """CloudWatch knows no percentiles of a metric with negative values, but its extremes."""
    for name in ("below", "free"):
        statistics = {line[-1]["expression"].rsplit("'", 2)[1] for line in made_up[name]}
        assert statistics == {"p10", "p50", "p90", "Minimum", "Average", "Maximum"}


def test_other_types(made_up: dict[str, Any]) -> None:
    [classes] = made_up["kind of y, requests by class"]
    assert '{"Some/Space",Endpoint,Version,"kind of y"}' in classes[-1]["expression"]
    assert classes[-1]["label"] == "${PROP('Dim.kind of y')}, version ${PROP('Dim.Version')}"
    assert [line[-1]["expression"].rsplit("'", 2)[1] for line in made_up["load"]] == [
        "Minimum", "Average", "Maximum",
    ]  # fmt: skip
    assert [line[-1]["expression"].rsplit("'", 2)[1] for line in made_up["rows"]] == ["Sum"]
    assert "Failed calls of other endpoints" in made_up


@pytest.mark.parametrize("frequency", [0.01, 1])
def test_samples_are_no_divisor(frequency: float) -> None:
    """Errors are exact: of 50 requests at 0.01, half the periods would have no Count."""
    table = {"endpoint": "x", "engine": "custom", "metrics": {"log_frequency": frequency}}
    text = write_stack([parse_endpoint(table)], [])
    assert "MetricName: Invocations" in text and "MetricName: Count" not in text
    assert "MetricName: Latency" in text


def test_without_samples_lambda_counts_for_the_alarms() -> None:
    table = {"endpoint": "x", "engine": "custom", "metrics": {"log_frequency": 0}}
    text = write_stack([parse_endpoint(table)], [])
    assert "MetricName: Invocations" in text and "MetricName: Duration" in text
    assert "MetricName: Count" not in text and "MetricName: Latency" not in text


def test_too_much_for_a_dashboard() -> None:
    variables = {f"x{n}": {"type": "scalar", "buckets": list(range(99))} for n in range(26)}
    table = {"endpoint": "x", "engine": "custom", "metrics": {"variables": variables}}
    with pytest.raises(CommandError, match="x would have .* 2500"):
        make_dashboards([parse_endpoint(table)])


def test_as_many_dashboards_as_it_takes() -> None:
    variables = {f"x{n}": {"type": "scalar", "buckets": list(range(99))} for n in range(9)}
    names = [f"e{number}" for number in range(7)]
    endpoints = [
        parse_endpoint({"endpoint": name, "engine": "custom", "metrics": {"variables": variables}})
        for name in names
    ]
    dashboards = make_dashboards(endpoints)
    assert list(dashboards) == ["Dashboard", "Dashboard2", "Dashboard3", "Dashboard4"]
    told = [each["Properties"]["DashboardName"]["Fn::Sub"] for each in dashboards.values()]
    assert told == ["${StackName}", *(f"${{StackName}}-{number}" for number in (2, 3, 4))]
    shown = []
    for each in dashboards.values():
        body = read_widgets(each["Properties"]["DashboardBody"]["Fn::Sub"])
        headlines = [widget["properties"].get("markdown", "") for widget in body]
        shown += [text[3:5] for text in headlines if text.startswith("## ")]
    assert shown == names


def test_versions_of_the_registry_are_searched_for() -> None:
    """The template does not know them; a canary's widgets are for canaries alone."""
    x0 = {"type": "scalar", "buckets": [0, 1]}
    follows = parse_endpoint(
        {
            "endpoint": "follows",
            "engine": "sklearn",
            "auto_update": {"project": "p", "name": "n", "max_versions": 2},
            "traffic": {"latest": [0.1, 0.9]},
            "metrics": {"variables": {"x0": x0}},
        }
    )
    graphs = select_endpoint(draw_dashboard(follows), "follows")
    shares = [line[0]["expression"] for line in graphs["x0, % of its values"]]
    assert len(shares) == 3 and all("SEARCH" in share and "'PR(" in share for share in shares)
    assert "Failed updates; versions taken out" in graphs
    assert "Requests by target" not in graphs and "Failed calls of other endpoints" not in graphs
