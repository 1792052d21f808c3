"""What a shape is, the code most shapes share, and the checks most shapes need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template
from types import MappingProxyType

from tests.contract.engines import OWN_PROCESS, EngineCase
from tests.contract.running import Run

Check = Callable[[Run], None]

NOTE = """
from pathlib import Path

def note(word):
    with (Path(__file__).parents[0] / "notes.txt").open("a") as file:
        file.write(f"{word} ")
"""
"""User code that writes what happened where the check reads it, over processes too."""

PLAIN = """
$imports

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0])}
"""
ANSWER = """
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return {"y": float(np.ravel(data)[0])}
"""
"""The methods of PLAIN, to follow the methods that a shape is about."""


def serves_y(run: Run) -> None:
    """Two requests, each the model's own answer."""
    run.expect({"y": run.y})
    run.expect({"y": run.y})


@dataclass(frozen=True)
class Shape:
    """One row: user code, what endpoint.toml says beside the engine, and what must hold.

    ``code`` is preprocess.py (None for no user code at all) and ``files`` what lies beside it;
    both with ``$rows``, ``$imports``, ``$process`` and ``$async_process`` of the engine.
    ``meaningless`` names engines on which the shape has no meaning, and why. One that
    ``mixes_sources`` sends its requests by all event sources in turn, and so runs once.
    """

    name: str
    code: str | None = PLAIN
    check: Check = serves_y
    toml: str = ""
    files: Mapping[str, str] = MappingProxyType({})
    meaningless: Mapping[str, str] = field(default_factory=dict)
    mixes_sources: bool = False

    def write(self, text: str, engine: EngineCase) -> str:
        """Source for one engine; ``process`` only where the engine runs no model."""
        method = (
            f"def process(self, data, state, collect_custom_statistics_fn=None):\n"
            f"        {OWN_PROCESS}\n"
        )
        is_own = engine.process == "required"
        return Template(text).safe_substitute(
            engine=engine.name,
            model=engine.model,
            imports=engine.imports,
            rows=engine.rows,
            wide=engine.rows.replace('body["b"]]', 'body["b"], 0.0]'),
            process=f"    {method}" if is_own else "",
            async_process=f"    async {method}" if is_own else "",
            own_process=OWN_PROCESS,
        )


ENGINES_WITH_A_MODEL = ("sklearn", "xgboost", "lightgbm", "onnx", "triton")
CUSTOM_ENGINES = ("custom", "custom_async")


def leave_out(engines: tuple[str, ...], reason: str) -> dict[str, str]:
    return dict.fromkeys(engines, reason)
