"""The dashboard and the alarms as they are deployed."""

import json

from tests.stack.conftest import Stack


def test_dashboard_is_deployed(stack: Stack) -> None:
    name = stack.state["stack_name"]
    answer = stack.connect("cloudwatch").get_dashboard(DashboardName=name)
    body = answer["DashboardBody"]
    texts = [
        widget["properties"]["markdown"]
        for widget in json.loads(body)["widgets"]
        if widget["type"] == "text"
    ]
    assert texts[0].startswith(f"# {name}\n")
    for endpoint in stack.state["functions"]:
        assert any(text.startswith(f"## {endpoint}\n") for text in texts), endpoint
    assert "LambdaServing" in body
    assert "${PROP('Dim.Version')}" in body  # for CloudWatch to fill in
    assert "${AWS" not in body and "${Metrics" not in body


def test_functions_record_into_the_namespace(stack: Stack) -> None:
    for function in stack.state["functions"].values():
        settings = stack.functions.get_function_configuration(FunctionName=function)
        assert settings["Environment"]["Variables"]["SERVING_METRICS_NAMESPACE"] == "LambdaServing"


def test_alarms_are_deployed(stack: Stack) -> None:
    """Those of metric math are missing: ministack knows none (parameter `Alarms`)."""
    prefix = f"{stack.state['stack_name']}-"
    answer = stack.connect("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)
    alarms = {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}
    kinds = ("latency", "throttles")
    assert alarms.keys() == {
        f"{prefix}{endpoint}-{kind}" for endpoint in stack.state["functions"] for kind in kinds
    }
    for endpoint, function in stack.state["functions"].items():
        latency = alarms[f"{prefix}{endpoint}-latency"]
        assert (latency["Namespace"], latency["MetricName"]) == ("LambdaServing", "Latency")
        assert latency["Dimensions"] == [{"Name": "Endpoint", "Value": endpoint}]
        assert (latency["ExtendedStatistic"], latency["Threshold"]) == ("p99", 5000)
        throttles = alarms[f"{prefix}{endpoint}-throttles"]
        assert throttles["Dimensions"] == [{"Name": "FunctionName", "Value": function}]
        for alarm in (latency, throttles):
            assert alarm["AlarmActions"] == alarm["OKActions"] == []
            command = (
                f"`lambda-serving logs {endpoint} --errors --stack {stack.state['stack_name']}`"
            )
            assert command in alarm["AlarmDescription"]


def test_crashes_are_counted_of_every_log(stack: Stack) -> None:
    logs = stack.connect("logs")
    for endpoint, function in stack.state["functions"].items():
        group = f"/aws/lambda/{function}"
        [crashes] = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
        [made] = crashes["metricTransformations"]
        assert made["metricName"] == f"Crashes-{endpoint}"
        assert made["metricNamespace"] == "LambdaServing"
