"""Options that say what a command writes, the same for every command."""

from typing import Annotated

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="Write JSON to stdout, and everything else to stderr.")
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
]
