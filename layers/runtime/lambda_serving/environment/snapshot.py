"""SnapStart: what is done before Lambda takes its snapshot, and after each restore from it.

All environments that are restored begin as the same memory: with connections that are long dead,
credentials and clocks of unknown age, and random generators that would all go on alike (AWS Lambda,
"Handling uniqueness with Lambda SnapStart", "Networking"; docs/decisions/0017-snapstart.md).
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import report_error
from lambda_serving.telemetry.logs import import_formatter
from lambda_serving.versions.sample import answer_sample, read_sample

if TYPE_CHECKING:
    from lambda_serving.environment.environment import Environment

GENERATORS = ("random", "numpy.random")
"""Modules with a generator of their own, which ``seed()`` seeds by the system. What else draws
random numbers here asks the system each time."""


def register_hooks(environment: Environment) -> None:
    """Where there will be a snapshot; before the user's own hooks, which so see all that is loaded,
    and find connections that work after a restore."""
    if not environment.runtime.is_snapshot:
        return
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(freeze)  # the client calls the first one last
    register_after_restore(restore, environment)


def warm_up(environment: Environment) -> None:
    """Load what answers without being asked for by its version, and let it answer a sample.

    What the first request, and the first line in the log, would import is imported, too.

    Raises:
        LoadError: a version does not load, or does not answer.
    """
    if environment.runtime.function_name:
        import_formatter()
    environment.follow()  # the cold start tried the newest version of the registry alone
    sample = read_sample(environment.runtime)
    rollout = environment.rollout
    # The default one last: where memory is short, it is not the one to go.
    for version in [*(set(rollout.shares) - {rollout.default}), rollout.default]:
        endpoint = environment.get_endpoint(version)
        if sample is not None:
            answer_sample(endpoint, sample)


def freeze() -> None:
    """What is there by now stays: the collector need not look at it, and touch its pages, again."""
    gc.collect()
    gc.freeze()


def restore(environment: Environment) -> None:
    """Make the environment one of its own. Where this fails, Lambda drops it and restores another.

    Raises:
        LoadError: the user's ``after_restore`` fails.
    """
    reseed()
    try:
        environment.restore()
    except Exception as error:
        report_error(error, "restore")
        raise


def reseed() -> None:
    """Give the generators that are in use a seed of this environment's own."""
    for name in GENERATORS:
        module: Any = sys.modules.get(name)
        if module is not None:
            module.seed()
