"""The command `policies`."""

from lambda_serving_cli.commands.options.output import CheckOption, JsonOption
from lambda_serving_cli.commands.outcome import rewrite_file
from lambda_serving_cli.project.policies import plan_policies


def policies(check: CheckOption = False, as_json: JsonOption = False) -> None:
    """Write what each function may do into template.yaml.

    It follows from functions/*/endpoint.toml: the models that it names, and the endpoints that it
    calls. Commands that edit endpoint.toml do it by themselves.

    Examples:

    \b
      lambda-serving policies
      lambda-serving policies --check
    """
    rewrite_file(plan_policies, check, as_json)
