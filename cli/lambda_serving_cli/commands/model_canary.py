"""The command `model canary`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lambda_serving_cli.commands.options.model import EndpointOption
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.project.traffic import split_traffic


def canary(
    endpoint: EndpointOption,
    weights: Annotated[
        list[float],
        typer.Option(min=0, max=1, help="Shares that sum to 1, in the order of the targets."),
    ],
    input_endpoints: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET", help="Who answers: endpoints, or versions like churn/2."),
    ] = None,
    input_endpoint_prefix: Annotated[
        str | None,
        typer.Option(metavar="ENDPOINT", help="An endpoint whose newest versions answer."),
    ] = None,
    sticky: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="header:<name> or body:<key>: requests with the same value get the same answerer.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Split traffic between versions, or between endpoints.

    The first weight is that of the first target; with a prefix, that of the newest version.

    Examples:

    \b
      lambda-serving model canary --endpoint churn --weights 0.1 0.9 \\
          --input-endpoints churn/2 churn/1
      lambda-serving model canary --endpoint churn_test --weights 0.5 0.5 \\
          --input-endpoints churn churn_onnx
      lambda-serving model canary --endpoint churn --weights 0.1 0.9 \\
          --input-endpoint-prefix churn
    """
    shares = read_shares(weights, input_endpoints, input_endpoint_prefix)
    prefix = input_endpoint_prefix.strip("/") if input_endpoint_prefix else None
    outcome = split_traffic(find_project(), endpoint, shares, prefix, sticky)
    show_outcome(outcome, as_json)


def read_shares(
    weights: Sequence[float], targets: Sequence[str] | None, prefix: str | None
) -> dict[str, float] | list[float]:
    """Target -> its share; with a prefix the shares alone.

    Raises:
        typer.BadParameter: there are not as many targets as weights, or not one kind of them.
    """
    if bool(targets) == bool(prefix):
        raise typer.BadParameter("give --input-endpoints, or --input-endpoint-prefix")
    if targets is None:
        return list(weights)
    names = [name.strip("/") for name in targets]
    if len(set(names)) != len(names):
        raise typer.BadParameter("a target is named twice", param_hint="--input-endpoints")
    if len(names) != len(weights):
        raise typer.BadParameter(
            f"{len(weights)} weights for {len(names)} targets", param_hint="--weights"
        )
    return dict(zip(names, weights, strict=True))
