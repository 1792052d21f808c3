"""The commands `metrics add`, `metrics list` and `metrics remove`."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from lambda_serving_cli.commands.options.clearml import Repeating, split_commas
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import refuse_option
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project import metrics
from lambda_serving_cli.project.project import check_name, find_project
from lambda_serving_cli.terminal.output import write_json, write_text
from lambda_serving_cli.terminal.tables import write_table

app = typer.Typer(
    no_args_is_help=True,
    help="Metrics of requests and answers, endpoint by endpoint.",
)


def check_endpoint(text: str | None) -> str | None:
    """An endpoint's name; ClearML's `name/*` too, which means the same here."""
    name, slash, version = (text or "").partition("/")
    if slash and version not in ("", "*"):
        raise typer.BadParameter(
            f"metrics are of an endpoint with all its versions, which CloudWatch keeps apart: "
            f"take {name!r}"
        )
    with refuse_option():
        return text and check_name(name)


EndpointOption = Annotated[str, typer.Option(callback=check_endpoint, help="The endpoint's name.")]


@app.command("add", cls=Repeating)
def add(
    endpoint: EndpointOption,
    variable_scalar: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BUCKETS",
            help="Numbers, drawn as a distribution: x0=0,0.1,1 names the edges of its buckets, "
            "x1=0.0/1.0/5 asks for five from 0 to 1, x2 alone for quantiles.",
        ),
    ] = None,
    variable_enum: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES", help="Classes, counted: animal=cat,dog; all others are one."
        ),
    ] = None,
    variable_value: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A gauge: its mean, least and most.")
    ] = None,
    variable_counter: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A number that is summed up.")
    ] = None,
    log_freq: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The share of requests that is recorded, 0 to 1."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add variables to an endpoint's metrics, or replace them.

    It also sets how often they are recorded. A variable is a key of the request or of the
    answer, or one of the custom statistics.

    Examples:

    \b
      lambda-serving metrics add --endpoint iris_onnx \\
          --variable-scalar petal_length=0/7/7
      lambda-serving metrics add --endpoint iris_onnx \\
          --variable-enum species=setosa,virginica
      lambda-serving metrics add --endpoint iris_onnx --log-freq 0.1
    """
    variables = read_variables(
        variable_scalar or (), variable_enum or (), variable_value or (), variable_counter or ()
    )
    if not variables and log_freq is None:
        raise typer.BadParameter("nothing to add: give a --variable-… or --log-freq")
    outcome = metrics.add_variables(find_project(), endpoint, variables, log_freq)
    outcome.notes.append("it counts from the next deployment on: `make up`, or `sam deploy`")
    show_outcome(outcome, as_json)


def describe(variable: Mapping[str, Any]) -> str:
    """Its buckets or values, in one line."""
    parts = variable.get("buckets") or variable.get("values") or []
    return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)


@app.command("list")
def list_all(
    endpoint: Annotated[
        str | None, typer.Option(callback=check_endpoint, help="One endpoint instead of all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the metrics that the endpoints declare.

    Examples:

    \b
      lambda-serving metrics list
      lambda-serving metrics list --endpoint iris_onnx --json
    """
    found = metrics.list_metrics(find_project(), endpoint)
    if as_json:
        write_json(found)
        return
    rows = [
        [name, str(table.get("log_frequency", 1.0)), variable, about["type"], describe(about)]
        for name, table in found.items()
        for variable, about in table.get("variables", {}).items()
    ]
    silent = [name for name, table in found.items() if not table.get("variables")]
    if rows:
        write_table(("endpoint", "log-freq", "variable", "type", "buckets or values"), rows)
    if silent:
        write_text(f"without variables of their own: {', '.join(silent)}")


@app.command("remove", cls=Repeating)
def remove(
    endpoint: EndpointOption,
    variable: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One variable; all without this.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Remove variables of an endpoint's metrics, or all of them.

    Examples:

    \b
      lambda-serving metrics remove --endpoint iris_onnx \\
          --variable species petal_length
      lambda-serving metrics remove --endpoint iris_onnx
    """
    names = split_commas(variable)
    show_outcome(metrics.remove_variables(find_project(), endpoint, names), as_json)


def read_variables(
    scalars: Sequence[str], enums: Sequence[str], values: Sequence[str], counters: Sequence[str]
) -> metrics.Variables:
    """The options as tables of `[metrics.variables]`.

    Raises:
        typer.BadParameter: an option is not of its form, or a name is given twice.
    """
    found = [_read_scalar(text) for text in scalars]
    found += [_read_enum(text) for text in enums]
    found += [(_check_name(name, name), {"type": "value"}) for name in values]
    found += [(_check_name(name, name), {"type": "counter"}) for name in counters]
    names = [name for name, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise typer.BadParameter(f"given twice: {', '.join(twice)}")
    return dict(found)


def _read_scalar(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, buckets = text.partition("=")
    variable: dict[str, Any] = {"type": "scalar"}
    if equals:
        try:
            variable["buckets"] = _read_buckets(buckets)
        except ValueError as error:
            raise typer.BadParameter(
                f"{text!r}: {error}; expected x0=0,0.1,1 or x1=min/max/number",
                param_hint="--variable-scalar",
            ) from error
    return _check_name(name, text), variable


def _read_buckets(text: str) -> list[float]:
    """`0,0.1,1` as it is, and `0.0/1.0/5` as the six edges of five buckets of one width."""
    if "/" not in text:
        edges = [_read_number(part) for part in text.split(",")]
    else:
        low, high, count = (_read_number(part) for part in text.split("/"))
        if count != int(count) or not 1 <= count <= 100:
            raise ValueError(f"the number of buckets is 1 to 100, got {count}")
        number = int(count)
        # Rounded: 3 * 0.2 is 0.6000000000000001, and nobody wrote that.
        edges = [float(f"{low + (high - low) * i / number:.12g}") for i in range(number + 1)]
    if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
        raise ValueError("the edges of buckets ascend")
    return edges


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no number")
    return int(number) if text.strip().lstrip("+-").isdecimal() else number


def _read_enum(text: str) -> tuple[str, dict[str, Any]]:
    name, _, values = text.partition("=")
    texts = [value.strip() for value in values.split(",")]
    if not all(texts):
        raise typer.BadParameter(f"{text!r}: expected animal=cat,dog", param_hint="--variable-enum")
    return _check_name(name, text), {"type": "enum", "values": texts}


def _check_name(name: str, option: str) -> str:
    if not name.strip() or "=" in name:
        raise typer.BadParameter(f"{option!r}: expected a variable's name")
    return name.strip()
