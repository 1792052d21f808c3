"""ClearML's options of a model, as `model add` and `model auto-update` share them."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lambda_serving_cli.commands.options.clearml import split_commas
from lambda_serving_cli.commands.options.parsing import check_with, with_options
from lambda_serving_cli.project.project import check_engine, check_name

Texts = list[str] | None

EndpointOption = Annotated[
    str, typer.Option(callback=check_with(check_name), help="The endpoint's name.")
]
EngineOption = Annotated[
    str,
    typer.Option(
        callback=check_with(check_engine),
        help="triton (or onnx), sklearn, xgboost, lightgbm, custom or custom_async.",
    ),
]
PreprocessOption = Annotated[
    Path | None,
    typer.Option(help="Your code: a file, or a folder. Without it, bodies go to the model as is."),
]
SampleOption = Annotated[
    Path | None,
    typer.Option(
        help="A file with the body of a request, for `make up`, the docs page and checks.",
        show_default="made of the keys that the code reads",
    ),
]
SHAPE = "like 1 28 28, or for several like '[1, 28, 28]' '[1, 4]'; -1 for any length."


def read_tables(
    input_size: Annotated[
        Texts, typer.Option(metavar="SIZE", help=f"Shape of the input, {SHAPE}")
    ] = None,
    input_type: Annotated[
        Texts, typer.Option(metavar="TYPE", help="NumPy type of each input, such as float32.")
    ] = None,
    input_name: Annotated[Texts, typer.Option(metavar="NAME", help="Name of each input.")] = None,
    output_size: Annotated[
        Texts, typer.Option(metavar="SIZE", help=f"Shape of the output, {SHAPE}")
    ] = None,
    output_type: Annotated[
        Texts, typer.Option(metavar="TYPE", help="NumPy type of each output, such as float32.")
    ] = None,
    output_name: Annotated[Texts, typer.Option(metavar="NAME", help="Name of each output.")] = None,
    aux_config: Annotated[
        Texts,
        typer.Option(
            metavar="KEY=VALUE",
            help="More settings, which your code finds in model_endpoint.auxiliary_cfg; or one "
            ".json or .toml file of them.",
        ),
    ] = None,
) -> dict[str, dict[str, Any]]:
    """The tables `input`, `output` and `auxiliary_cfg` of endpoint.toml, those that are given.

    Raises:
        typer.BadParameter: an option is not of its form.
    """
    tables = {
        "input": _read_tensors("input", input_name, input_type, input_size),
        "output": _read_tensors("output", output_name, output_type, output_size),
        "auxiliary_cfg": _read_settings(aux_config or ()),
    }
    return {key: table for key, table in tables.items() if table}


with_table_options = with_options("tables", read_tables)


def _read_tensors(side: str, names: Texts, types: Texts, sizes: Texts) -> dict[str, Any]:
    parts = {
        "name": split_commas(names),
        "type": split_commas(types),
        "size": _read_sizes(sizes or (), f"--{side}-size"),
    }
    return {part: values for part, values in parts.items() if values}


def _read_sizes(texts: Sequence[str], option: str) -> list[list[int]]:
    """`1 28 28` is one shape, `[1, 28] [1, 4]` are two."""
    try:
        values = [json.loads(text) for text in texts]
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(
            f"expected {SHAPE} got {' '.join(texts)!r}", param_hint=option
        ) from error
    shapes = [values] if all(isinstance(value, int) for value in values) and values else values
    for shape in shapes:
        if not isinstance(shape, list) or not all(type(length) is int for length in shape):
            raise typer.BadParameter(f"expected {SHAPE} got {' '.join(texts)!r}", param_hint=option)
    return shapes


def _read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`max_batch_size=8 platform="onnx" a.b=true`, each value as TOML, or else as a text."""
    if len(texts) == 1 and Path(texts[0]).is_file():
        return _read_settings_file(Path(texts[0]))
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        *path, last = key.split(".")
        if not equals or not all([*path, last]):
            raise typer.BadParameter(f"expected key=value, got {text!r}", param_hint="--aux-config")
        table = settings
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise typer.BadParameter(f"{text!r}: {part} has a value already")
        table[last] = _read_value(value.strip())
    return settings


def _read_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _read_settings_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise typer.BadParameter(
            f"{path}: expected a .json or .toml file: {error}", param_hint="--aux-config"
        ) from error
    if not isinstance(table, dict):
        raise typer.BadParameter(f"{path}: expected an object", param_hint="--aux-config")
    return table
