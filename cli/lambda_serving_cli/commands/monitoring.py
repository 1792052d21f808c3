"""The command `monitoring`."""

from lambda_serving_cli.commands.options.output import CheckOption, JsonOption
from lambda_serving_cli.commands.outcome import rewrite_file
from lambda_serving_cli.project.monitoring import plan_monitoring


def monitoring(check: CheckOption = False, as_json: JsonOption = False) -> None:
    """Write dashboards and alarms into monitoring.yaml.

    They follow from functions/*/endpoint.toml.

    Examples:

    \b
      lambda-serving monitoring
      lambda-serving monitoring --check
    """
    rewrite_file(plan_monitoring, check, as_json)
