"""The alarms of an endpoint: faults and crashes, latency, throttles.

Source: AWS CloudFormation, AWS::CloudWatch::Alarm; Amazon CloudWatch user guide, "Using metric
math". ``${StackName}`` is the name of the stack that has the functions.
"""

from typing import Any

from lambda_serving.settings.endpoint import EndpointSettings

Resources = dict[str, dict[str, Any]]

PERIOD = 300
"""Seconds."""

KINDS = ("faults", "latency", "throttles")
"""An endpoint's alarms are named `<stack>-<endpoint>-<kind>`."""

FAILURES = (
    "IF(requests >= ${AlarmMinimumRequests},"
    " 100 * (FILL(faults, 0) + FILL(crashes, 0)) / requests, 0)"
)

CRASH = (
    '{ $.type = "platform.report" && ($.record.status = "timeout"'
    ' || $.record.errorType = "Runtime.ExitError" || $.record.errorType = "Runtime.OutOfMemory") }'
)
"""Reports of requests that ended without a record of their own (AWS Lambda, "Telemetry API event
schema reference", platform.report; the log holds the same objects where its format is JSON). What
the handler raises, as a direct invoke does, is an error too, but none of these."""


def make_alarms(settings: EndpointSettings) -> Resources:
    """Three alarms, by their logical ids."""
    endpoint = settings.endpoint
    if settings.metrics.log_frequency:
        latency = describe_own("Latency", endpoint)
    else:  # without samples there is none
        latency = describe_function("Duration", endpoint)
    return {
        **make_alarm(
            endpoint,
            "faults",
            f"Over ${{AlarmErrorPercent}} % of the requests to {endpoint} failed (5xx) or crashed.",
            Metrics=list_fault_metrics(endpoint),
            Threshold=refer("AlarmErrorPercent"),
        ),
        **make_alarm(
            endpoint,
            "latency",
            f"The p99 of {endpoint} was twice over ${{AlarmLatencyMilliseconds}} ms in 15 minutes.",
            **latency,
            ExtendedStatistic="p99",
            Period=PERIOD,
            Threshold=refer("AlarmLatencyMilliseconds"),
            EvaluationPeriods=3,
            DatapointsToAlarm=2,
        ),
        **make_alarm(
            endpoint,
            "throttles",
            f"Lambda refused requests to {endpoint}: no concurrency is left, its or the account's.",
            **describe_function("Throttles", endpoint),
            Statistic="Sum",
            Period=PERIOD,
            Threshold=0,
        ),
    }


def list_fault_metrics(endpoint: str) -> list[dict[str, Any]]:
    """The share of failed requests. Invocations are exact, like the errors: Count is a sample, and
    holds no request that crashed."""
    queries = {
        "requests": describe_function("Invocations", endpoint),
        "faults": describe_own("Faults", endpoint),
        "crashes": {"Namespace": refer("MetricsNamespace"), "MetricName": name_crashes(endpoint)},
    }
    rate = {"Id": "rate", "Label": "failed requests, %", "Expression": substitute(FAILURES)}
    sums = {
        name: {"Metric": metric, "Period": PERIOD, "Stat": "Sum"}
        for name, metric in queries.items()
    }
    return [
        rate,
        *({"Id": name, "ReturnData": False, "MetricStat": sum_} for name, sum_ in sums.items()),
    ]


def make_alarm(endpoint: str, kind: str, description: str, **properties: Any) -> Resources:
    """One alarm; no news is good news."""
    look = (
        f"See `lambda-serving logs {endpoint} --errors --stack ${{StackName}}`, and the dashboards"
    )
    actions = [
        choose("HasAlarmTopic", refer("AlarmTopicArn")),
        choose("HasAlarmEmail", refer("AlarmTopic")),
    ]
    common = {
        "AlarmName": substitute(f"${{StackName}}-{endpoint}-{kind}"),
        "AlarmDescription": substitute(f"{description} {look} of ${{StackName}}."),
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": actions,
        "OKActions": actions,
    }
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        # The local cloud knows no metric math.
        "Condition": "HasRateAlarms" if kind == "faults" else "HasAlarms",
        "Properties": common | properties,
    }
    return {f"{camel(endpoint)}{kind.capitalize()}Alarm": alarm}


def make_filter(endpoint: str) -> Resources:
    """What counts crashes: a request that times out, or whose process ends, records nothing."""
    transformation = {
        "MetricNamespace": refer("MetricsNamespace"),
        "MetricName": name_crashes(endpoint),
        "MetricValue": "1",
        "Unit": "Count",
    }
    properties = {
        "LogGroupName": substitute(f"/aws/lambda/${{StackName}}-{endpoint}"),
        "FilterPattern": CRASH,
        "MetricTransformations": [transformation],
    }
    resource = {"Type": "AWS::Logs::MetricFilter", "Properties": properties}
    return {f"{camel(endpoint)}CrashesFilter": resource}


def describe_own(metric: str, endpoint: str) -> dict[str, Any]:
    """Properties of a metric that the runtime records, over all versions."""
    dimensions = [{"Name": "Endpoint", "Value": endpoint}]
    namespace = refer("MetricsNamespace")
    return {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}


def describe_function(metric: str, endpoint: str) -> dict[str, Any]:
    """Properties of a metric that Lambda records of the endpoint's function."""
    name = substitute(f"${{StackName}}-{endpoint}")
    dimensions = [{"Name": "FunctionName", "Value": name}]
    return {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}


def name_crashes(endpoint: str) -> str:
    """A metric of each endpoint: a filter's dimensions come from the log, which has none of it."""
    return f"Crashes-{endpoint}"


def camel(endpoint: str) -> str:
    """`IrisOnnx` of `iris_onnx`, as CloudFormation wants names: of letters and digits."""
    words = endpoint.replace("-", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)


def refer(name: str) -> dict[str, str]:
    return {"Ref": name}


def substitute(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def choose(condition: str, value: Any) -> dict[str, Any]:
    """The value where the condition holds, else nothing."""
    return {"Fn::If": [condition, value, refer("AWS::NoValue")]}
