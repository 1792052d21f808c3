"""The stack that a command may do without."""

from __future__ import annotations

from pathlib import Path

from lambda_serving_cli.local_cloud.steps import StepError
from lambda_serving_cli.output import remark
from lambda_serving_cli.target import Target, find_target


def find_stack(stack: str | None, state: Path | None, aws: bool) -> Target | None:
    """The stack; None where none was named and none can be reached, which is told.

    Raises:
        StepError: the one that was named cannot be reached.
    """
    try:
        return find_target(stack, state, aws)
    except StepError as error:
        if stack or state or aws:
            raise
        remark(f"No stack is there yet ({error.reason}): .local/models stands for its bucket.")
        return None
