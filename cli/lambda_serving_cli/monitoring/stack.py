"""`monitoring.yaml`: the nested stack of dashboards, alarms and crash counts, written whole."""

from collections.abc import Collection, Sequence
from typing import Any

import yaml

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving_cli.monitoring.alarms import camel, make_alarms, make_filter, refer
from lambda_serving_cli.monitoring.dashboard import make_dashboards
from lambda_serving_cli.terminal.errors import CommandError

HEADER = """\
# Written by `lambda-serving monitoring` from functions/*/endpoint.toml: do not edit.
# `make up` and `make build` write it too. template.yaml deploys it as its nested stack Monitoring.
"""

PARAMETERS = {
    "StackName": "String",
    "MetricsNamespace": "String",
    "Alarms": "String",
    "AlarmTopicArn": "String",
    "AlarmEmail": "String",
    "AlarmErrorPercent": "Number",
    "AlarmMinimumRequests": "Number",
    "AlarmLatencyMilliseconds": "Number",
}
"""What template.yaml hands down; it describes them, and has the defaults."""

CONDITIONS = {
    "HasAlarms": {"Fn::Not": [{"Fn::Equals": [refer("Alarms"), "none"]}]},
    "HasRateAlarms": {"Fn::Equals": [refer("Alarms"), "all"]},
    "HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [refer("AlarmTopicArn"), ""]}]},
    "HasAlarmEmail": {"Fn::Not": [{"Fn::Equals": [refer("AlarmEmail"), ""]}]},
}

TOPIC = {
    "Type": "AWS::SNS::Topic",
    "Condition": "HasAlarmEmail",
    # Not encrypted: CloudWatch may not use AWS's own key of SNS, and there is nothing to hide.
    "Properties": {"Subscription": [{"Protocol": "email", "Endpoint": refer("AlarmEmail")}]},
}


def write_stack(endpoints: Sequence[EndpointSettings], counted: Collection[str]) -> str:
    """The text of the file. Crashes of the endpoints in ``counted`` are counted: those with a log
    group of their own, `/aws/lambda/<stack>-<endpoint>`.

    Raises:
        CommandError: two endpoints are one name to CloudFormation, or one has too much to show.
    """
    _refuse_twins(endpoints)
    resources = {"AlarmTopic": TOPIC, **make_dashboards(endpoints)}
    for settings in endpoints:
        resources |= make_alarms(settings)
        if settings.endpoint in counted:
            resources |= make_filter(settings.endpoint)
    stack = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Dashboards and alarms of the endpoints",
        "Parameters": {name: {"Type": kind} for name, kind in PARAMETERS.items()},
        "Conditions": CONDITIONS,
        "Resources": resources,
    }
    return HEADER + yaml.dump(stack, Dumper=_Dumper, width=100, allow_unicode=True, indent=2)


def _refuse_twins(endpoints: Sequence[EndpointSettings]) -> None:
    taken: dict[str, str] = {}
    for settings in endpoints:
        other = taken.setdefault(camel(settings.endpoint), settings.endpoint)
        if other != settings.endpoint:
            raise CommandError(
                f"the endpoints {other} and {settings.endpoint} are one name to CloudFormation,"
                " which knows letters and digits alone",
                advice="rename one of them",
            )


class _Dumper(yaml.CSafeDumper):
    """Writes a text of several lines line by line, and everything out each time it occurs.

    The one in C is six times as fast, which shows from some dozens of endpoints on.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
