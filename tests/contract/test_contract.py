"""Every shape on every engine through both event sources, by the real handler and real models.

A new engine is a row of engines.py, a new shape a row of shapes.py.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambda_serving.settings.engines import ENGINES
from tests.conftest import Handler
from tests.contract.engines import ENGINE_CASES, EngineCase
from tests.contract.running import EVENT_SOURCES, Run
from tests.contract.shape import Shape
from tests.contract.shapes import SHAPES

COMBINATIONS = [
    pytest.param(shape, engine, source, id=f"{shape.name}-{engine.name}-{source}")
    for shape in SHAPES
    for engine in ENGINE_CASES
    if engine.name not in shape.meaningless
    for source in EVENT_SOURCES[: 1 if shape.mixes_sources else None]
]


@pytest.fixture(scope="session")
def contract_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of every engine, in the place of a bucket."""
    folder = tmp_path_factory.mktemp("contract_models")
    for case in ENGINE_CASES:
        if not (folder / case.model).exists():
            case.make(folder / case.model)
    return folder


@pytest.fixture
def run(
    shape: Shape,
    engine: EngineCase,
    source: str,
    contract_models: Path,
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
    pass_seconds: Callable[[float], None],
) -> Iterator[Run]:
    toml = f'endpoint = "shape"\nengine = "{engine.name}"\nmodel = "{engine.model}"\n'
    toml += "allow_pickle = true\n"
    folder = make_folder(
        toml + shape.write(shape.toml, engine),
        None if shape.code is None else shape.write(shape.code, engine),
        {name: shape.write(text, engine) for name, text in shape.files.items()},
    )
    finders = list(sys.meta_path)
    yield Run(engine, source, folder, contract_models, start_handler, caplog, pass_seconds)
    sys.modules["lambda_serving.handler"].environment.close()
    left = [finder for finder in sys.meta_path if finder not in finders]
    assert not left, "an unloaded version left its finder behind"


# XGBoost says so of a dict, before it refuses it.
@pytest.mark.filterwarnings("ignore:Unknown data type:UserWarning")
@pytest.mark.parametrize(("shape", "engine", "source"), COMBINATIONS)
def test_shape(shape: Shape, engine: EngineCase, source: str, run: Run) -> None:
    shape.check(run)


def test_every_engine_has_a_row() -> None:
    """But for the canary, which has no user code: tests/functional/test_canary.py."""
    assert {case.name for case in ENGINE_CASES} == set(ENGINES) - {"canary"}


def test_every_shape_has_a_name_of_its_own() -> None:
    names = [shape.name for shape in SHAPES]
    assert len(set(names)) == len(names)


def test_what_is_left_out_has_a_reason() -> None:
    for shape in SHAPES:
        assert set(shape.meaningless) < set(ENGINES), shape.name
        assert all(len(reason) > 10 for reason in shape.meaningless.values()), shape.name
