"""The stack that a command may do without."""

from __future__ import annotations

from lambda_serving_cli.aws.target import Target, find_target
from lambda_serving_cli.commands.options.where import Where
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.steps import StepError


def find_stack(where: Where) -> Target | None:
    """The stack; None where none was named and none can be reached, which is told.

    Raises:
        StepError: the one that was named cannot be reached.
    """
    try:
        return find_target(where)
    except StepError as error:
        if where.is_said:
            raise
        remark(f"No stack is there yet ({error.reason}): .local/models stands for its bucket.")
        return None
