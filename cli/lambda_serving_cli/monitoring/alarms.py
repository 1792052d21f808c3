"""The alarms of an endpoint: faults, latency, throttles.

Source: AWS CloudFormation, AWS::CloudWatch::Alarm; Amazon CloudWatch user guide, "Using metric
math".
"""

from textwrap import indent

from lambda_serving.settings import EndpointSettings

PERIOD = 300
"""Seconds."""

LOOK = "Look at the log group /aws/lambda/${AWS::StackName}-%s and the dashboard ${AWS::StackName}."

ACTIONS = (
    "[!If [HasAlarmTopic, !Ref AlarmTopicArn, !Ref AWS::NoValue],"
    " !If [HasAlarmEmail, !Ref AlarmTopic, !Ref AWS::NoValue]]"
)

FAULTS = """\
Metrics:
  - Id: rate
    Label: failed requests, %
    Expression: !Sub IF(requests >= ${AlarmMinimumRequests}, 100 * FILL(faults, 0) / requests, 0)
  - Id: requests
    ReturnData: false
    MetricStat: {Period: PERIOD, Stat: Sum, Metric: {REQUESTS}}
  - Id: faults
    ReturnData: false
    MetricStat: {Period: PERIOD, Stat: Sum, Metric: {FAULTS}}
Threshold: !Ref AlarmErrorPercent
EvaluationPeriods: 1
"""

LATENCY = """\
METRIC
ExtendedStatistic: p99
Period: PERIOD
Threshold: !Ref AlarmLatencyMilliseconds
EvaluationPeriods: 3
DatapointsToAlarm: 2
"""

THROTTLES = """\
METRIC
Statistic: Sum
Period: PERIOD
Threshold: 0
EvaluationPeriods: 1
"""


def write_alarms(settings: EndpointSettings) -> str:
    """Three resources of the template."""
    endpoint = settings.endpoint
    if settings.metrics.log_frequency:
        count, latency = (describe_own(metric, endpoint) for metric in ("Count", "Latency"))
    else:  # without samples there is neither
        count = describe_function("Invocations", endpoint)
        latency = describe_function("Duration", endpoint)
    faults = FAULTS.replace("FAULTS", ", ".join(describe_own("Faults", endpoint)))
    throttles = "\n".join(describe_function("Throttles", endpoint))
    alarms = [
        write_alarm(
            endpoint,
            "faults",
            f"Over ${{AlarmErrorPercent}} % of the requests to {endpoint} failed (status 5xx).",
            faults.replace("REQUESTS", ", ".join(count)),
            condition="HasRateAlarms",
        ),
        write_alarm(
            endpoint,
            "latency",
            f"The p99 of {endpoint} was twice over ${{AlarmLatencyMilliseconds}} ms in 15 minutes.",
            LATENCY.replace("METRIC", "\n".join(latency)),
        ),
        write_alarm(
            endpoint,
            "throttles",
            f"Lambda refused requests to {endpoint}: no concurrency is left, its or the account's.",
            THROTTLES.replace("METRIC", throttles),
        ),
    ]
    return "\n".join(alarms)


def write_alarm(
    endpoint: str, what: str, description: str, properties: str, condition: str = "HasAlarms"
) -> str:
    """One alarm as a resource; no news is good news."""
    own = indent(properties.replace("PERIOD", str(PERIOD)), " " * 6)
    return f"""\
  {name_alarm(endpoint, what)}:
    Type: AWS::CloudWatch::Alarm
    Condition: {condition}
    Properties:
      AlarmName: !Sub ${{AWS::StackName}}-{endpoint}-{what}
      AlarmDescription: !Sub >-
        {description}
        {LOOK % endpoint}
{own}      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: {ACTIONS}
      OKActions: {ACTIONS}
"""


def describe_own(metric: str, endpoint: str) -> list[str]:
    """Properties of a metric that the runtime records, over all versions."""
    dimension = f'{{Name: Endpoint, Value: "{endpoint}"}}'
    return [
        "Namespace: !Ref MetricsNamespace",
        f"MetricName: {metric}",
        f"Dimensions: [{dimension}]",
    ]


def describe_function(metric: str, endpoint: str) -> list[str]:
    """Properties of a metric that Lambda records of the endpoint's function."""
    dimension = f'{{Name: FunctionName, Value: !Sub "${{AWS::StackName}}-{endpoint}"}}'
    return ["Namespace: AWS/Lambda", f"MetricName: {metric}", f"Dimensions: [{dimension}]"]


def list_alarms(endpoint: str) -> list[str]:
    """Logical ids of an endpoint's alarms."""
    return [name_alarm(endpoint, what) for what in ("faults", "latency", "throttles")]


def name_alarm(endpoint: str, what: str) -> str:
    return f"{camel(endpoint)}{what.capitalize()}Alarm"


def camel(endpoint: str) -> str:
    """`IrisOnnx` of `iris_onnx`, as CloudFormation wants names: of letters and digits."""
    words = endpoint.replace("-", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)
