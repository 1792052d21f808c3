"""SnapStart: the hooks before Lambda takes a snapshot, and after each restore from it.

All restored environments start with the same memory: closed connections, credentials and clocks
of unknown age, and random generators in the same state (AWS Lambda, "Handling uniqueness with
Lambda SnapStart", "Networking"; docs/decisions/0017-snapstart.md).
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import ModelLoadError, report_error
from lambda_serving.telemetry.logs import import_formatter
from lambda_serving.versions.sample import answer_sample, read_samples

if TYPE_CHECKING:
    from lambda_serving.environment.environment import Environment

GENERATORS = ("random", "numpy.random")
"""Modules with a generator that ``seed()`` seeds by the system. All other random numbers in this
package come from the system."""


def register_hooks(environment: Environment) -> None:
    """Register the hooks, if there will be a snapshot.

    They are registered before the user's own hooks. So the user's hooks run when everything is
    loaded before a snapshot, and when connections work again after a restore.
    """
    if not environment.runtime.is_snapshot:
        return
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(freeze)  # the client calls the first one last
    register_after_restore(restore, environment)


def warm_up(environment: Environment) -> None:
    """Load the versions that answer the unversioned URL, and let each answer the sample requests.

    Modules that the first request or the first log line would import are imported, too. Where an
    endpoint calls others, a sample that fails is only logged: they may not be deployed yet.

    Raises:
        LoadError: a version does not load, or does not answer.
    """
    if environment.runtime.function_name:
        import_formatter()
    environment.versions.check_registry()  # the cold start tried only the newest version
    samples = read_samples(environment.runtime)
    settings, rollout = environment.settings, environment.versions.rollout
    may_fail = bool(settings.calls) or settings.is_canary
    # The default version comes last: if memory is short, it is not unloaded.
    for version in [*(set(rollout.shares) - {rollout.default}), rollout.default]:
        endpoint = environment.versions.get(version)
        for sample in samples:
            try:
                answer_sample(endpoint, sample)
            except ModelLoadError as error:
                if not may_fail:
                    raise
                report_error(error, "sample")


def freeze() -> None:
    """Keep the garbage collector from visiting objects that stay, and from touching their pages."""
    gc.collect()
    gc.freeze()


def restore(environment: Environment) -> None:
    """Renew what restored environments must not share. If it fails, Lambda restores another one."""
    for name in GENERATORS:
        module: Any = sys.modules.get(name)
        if module is not None:
            module.seed()
    try:
        environment.restore()
    except Exception as error:
        report_error(error, "restore")
        raise
