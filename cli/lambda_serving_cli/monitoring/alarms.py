"""The alarms of an endpoint: faults and crashes, latency, throttles.

Source: AWS CloudFormation, AWS::CloudWatch::Alarm; Amazon CloudWatch user guide, "Using metric
math".
"""

from textwrap import indent

from lambda_serving.settings.endpoint import EndpointSettings

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
    Expression: !Sub >-
      IF(requests >= ${AlarmMinimumRequests},
      100 * (FILL(faults, 0) + FILL(crashes, 0)) / requests, 0)
  - Id: requests
    ReturnData: false
    MetricStat: {Period: PERIOD, Stat: Sum, Metric: {REQUESTS}}
  - Id: faults
    ReturnData: false
    MetricStat: {Period: PERIOD, Stat: Sum, Metric: {FAULTS}}
  - Id: crashes
    ReturnData: false
    MetricStat: {Period: PERIOD, Stat: Sum, Metric: {CRASHES}}
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

CRASH = (
    '{ $.type = "platform.report" && ($.record.status = "timeout"'
    ' || $.record.errorType = "Runtime.ExitError" || $.record.errorType = "Runtime.OutOfMemory") }'
)
"""Reports of requests that ended without a record of their own (AWS Lambda, "Telemetry API event
schema reference", platform.report; the log holds the same objects where its format is JSON). What
the handler raises, as a direct invoke does, is an error too, but none of these."""

THROTTLES = """\
METRIC
Statistic: Sum
Period: PERIOD
Threshold: 0
EvaluationPeriods: 1
"""


def write_alarms(settings: EndpointSettings, log_group: str | None) -> str:
    """Three alarms, and the metric of crashes, as resources of the template.

    ``log_group`` is the function's, by its logical id; crashes are not counted where it has none
    in the template.
    """
    endpoint = settings.endpoint
    if settings.metrics.log_frequency:
        latency = describe_own("Latency", endpoint)
    else:  # without samples there is none
        latency = describe_function("Duration", endpoint)
    # Exact, like the errors: Count is a sample, and holds no request that crashed.
    requests = describe_function("Invocations", endpoint)
    faults = FAULTS.replace("FAULTS", ", ".join(describe_own("Faults", endpoint)))
    faults = faults.replace("CRASHES", ", ".join(describe_crashes(endpoint)))
    throttles = "\n".join(describe_function("Throttles", endpoint))
    alarms = [
        write_alarm(
            endpoint,
            "faults",
            f"Over ${{AlarmErrorPercent}} % of the requests to {endpoint} failed (5xx) or crashed.",
            faults.replace("REQUESTS", ", ".join(requests)),
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
    counted = [] if log_group is None else [write_filter(endpoint, log_group)]
    return "\n".join(counted + alarms)


def write_filter(endpoint: str, log_group: str) -> str:
    """What counts crashes: a request that times out, or whose process ends, records nothing."""
    return f"""\
  {camel(endpoint)}CrashesFilter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref {log_group}
      FilterPattern: >-
        {CRASH}
      MetricTransformations:
        - MetricNamespace: !Ref MetricsNamespace
          MetricName: {name_crashes(endpoint)}
          MetricValue: "1"
          Unit: Count
"""


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


def describe_crashes(endpoint: str) -> list[str]:
    """Properties of the metric that ``write_filter`` makes."""
    return ["Namespace: !Ref MetricsNamespace", f"MetricName: {name_crashes(endpoint)}"]


def name_crashes(endpoint: str) -> str:
    """A metric of each endpoint: a filter's dimensions come from the log, which has none of it."""
    return f"Crashes-{endpoint}"


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
