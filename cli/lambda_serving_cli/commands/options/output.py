"""The option `--json`, the same for every command."""

from typing import Annotated

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="Write JSON to stdout, and everything else to stderr.")
]
