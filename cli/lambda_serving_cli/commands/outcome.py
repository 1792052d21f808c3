"""What commands that edit the project print."""

from lambda_serving_cli.project.creation import Outcome
from lambda_serving_cli.terminal.output import write_json, write_line, write_text


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """What a command did, and what there is to do next."""
    if as_json:
        write_json(outcome)
        return
    for verb, names in (("wrote", outcome.written), ("removed", outcome.removed)):
        for name in names:
            write_line(f"{verb:8}{name}")
    if not outcome.written and not outcome.removed:
        write_line("nothing to change: it is so already")
    for note in outcome.notes:
        write_text(f"- {note}")
