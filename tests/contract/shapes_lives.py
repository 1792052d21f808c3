"""Shapes of an endpoint with versions: loaded on use, within memory, each failing alone."""

from tests.contract.engines import ENGINE_CASES
from tests.contract.running import Run, ask_library
from tests.contract.shape import NOTE, PLAIN, Shape
from tests.contract.shapes_versions import SIDE_BY_SIDE, TWO
from tests.events import load_event
from tests.servers.forked import SERVING

WITNESS = NOTE + PLAIN.replace(
    "class Preprocess:",
    "class Preprocess:\n    def load(self, local_file_name):\n"
    "        note('load' + self.model_endpoint.version)\n\n"
    "    def unload(self):\n        note('unload' + self.model_endpoint.version)\n",
)
HEAVY = WITNESS.replace(
    "note('load'", "self.ballast = bytearray(b'x') * self.ballast_bytes()\n        note('load'"
) + (
    "\n    def ballast_bytes(self):\n"
    "        return 100_000_000 if self.model_endpoint.version != '1' else 0\n"
)
ASYNC_HEAVY = "import asyncio\n" + HEAVY.replace(
    "def load(self, local_file_name):",
    "async def load(self, local_file_name):\n        await asyncio.sleep(0)",
).replace("def unload(self):", "async def unload(self):\n        await asyncio.sleep(0)")
SMALL_BLOCKS = HEAVY.replace(
    "bytearray(b'x') * self.ballast_bytes()",
    "[bytearray(b'x') * 32_000 for _ in range(self.ballast_bytes() // 32_000)]\n"
    # What stays lies behind them, so that the heap cannot shrink at its end.
    "        import sys\n        vars(sys).setdefault('kept', []).append(bytearray(32_000))",
)
HEAVY_CLASS = WITNESS.replace(
    "class Preprocess:",
    "class Preprocess:\n    def __init__(self):\n"
    "        self.ballast = bytearray(b'x') * 100_000_000\n",
)
BUDGET = "memory_budget_mb = {}\n[version.2]\n[version.3]\n"


def loads_on_first_use(run: Run) -> None:
    assert run.notes == ["load1"]
    for version in ("2", None, "2", "1"):
        run.expect({"y": run.y}, version=version)
    assert run.notes == ["load1", "load2"]
    assert not run.environment.versions.is_loaded("3")


def evicts_the_least_recently_used(run: Run) -> None:
    """100 MB each for 2 and 3, 150 in all; a process of its own, for its memory is measured."""
    run.serve_in_process("2", "3", "2", "2")
    notes = [note for note in run.notes if not note.endswith("1")]
    assert notes == ["load2", "unload2", "load3", "unload3", "load2", "unload2"], run.notes


def small_versions_stay(run: Run) -> None:
    """In a process of its own, where the first version's load imports the engine's library.

    60 MB hold many such models; the library is no version's, and leaves with none.
    """
    run.serve_in_process(None, "2", "3", None, "2", "3", origin=SERVING)
    loads = [note for note in run.notes if note.startswith("load")]
    assert loads == ["load1", "load2", "load3"], run.notes


def names_the_versions(run: Run) -> None:
    outcome = run.ask(version="7")
    assert (outcome.status, outcome.type) == (404, "UnknownVersionError")
    assert outcome.value["detail"].endswith("it has 1, 2, spare")
    run.expect({"y": run.y}, version="spare")


def serves_beside_a_broken_one(run: Run) -> None:
    outcome = run.ask(version="2")
    assert (outcome.status, outcome.type) == (503, "UserCodeLoadError"), outcome
    for version in (None, "1", "3"):
        run.expect({"y": run.y}, version=version)
    assert run.ask(version="2").status == 503


def serves_beside_a_lost_model(run: Run) -> None:
    outcome = run.ask(version="2")
    assert (outcome.status, outcome.type) == (503, "ModelFetchError"), outcome
    assert "gone" not in outcome.value["detail"]
    run.expect({"y": run.y})


def serves_beside_a_broken_default(run: Run) -> None:
    assert run.ask().status == 503
    run.expect({"y": run.y}, version="2")


def runs_another_engine(run: Run) -> None:
    """Version ``x`` of every other engine, each with the code that feeds it."""
    for case in ENGINE_CASES:
        y = float(ask_library(case.ask, run.models / case.model).ravel()[0])
        run.expect({"y": y}, version=f"on_{case.name}")
    run.expect({"y": run.y})


def write_engine_versions() -> tuple[str, dict[str, str]]:
    toml, files = "", {}
    for case in ENGINE_CASES:
        folder = f"on_{case.name}"
        toml += (
            f'[version.{folder}]\nengine = "{case.name}"\nmodel = "{case.model}"\n'
            f'allow_pickle = true\npreprocess = "{folder}/preprocess.py"\n'
        )
        files[f"{folder}/preprocess.py"] = Shape("", PLAIN).write(PLAIN, case)
    return toml, files


def default_loads_while_2_serves(run: Run) -> None:
    """The default was broken at the cold start, and is loaded after version 2 has served."""
    assert run.ask().status == 503
    run.pass_seconds(1.1)  # the first pause between two tries
    assert run.ask(version="2").value["marks"][:-1] == [2] * 5
    (run.folder / "preprocess.py").write_text((run.folder / "v2" / "preprocess.py").read_text())
    for version, mark in ((None, 1), ("2", 2), (None, 1)):
        outcome = run.ask(version=version)
        assert outcome.status == 200, outcome
        assert outcome.value["marks"][:-1] == [mark] * 5


def mends_a_version(run: Run) -> None:
    assert run.ask(version="2").status == 503
    (run.folder / "v2" / "preprocess.py").write_text((run.folder / "preprocess.py").read_text())
    run.pass_seconds(1.1)  # the first pause between two tries
    run.expect({"y": run.y}, version="2")


def becomes_ready(run: Run) -> None:
    """The load fails at the cold start; asked for its health, the endpoint tries it again."""
    ready = load_event("http_health_ready")
    assert run.handler(ready)["statusCode"] == 503
    (run.folder / "mended").touch()
    run.pass_seconds(1.1)  # the first pause between two tries
    assert run.handler(ready)["statusCode"] == 200
    run.expect({"y": run.y})


ASYNC_MENDED = NOTE + PLAIN.replace(
    "class Preprocess:",
    "class Preprocess:\n    async def load(self, local_file_name):\n"
    "        import asyncio\n        await asyncio.sleep(0)\n"
    "        assert (Path(__file__).parent / 'mended').exists()\n",
)
ENGINE_TOML, ENGINE_FILES = write_engine_versions()

LIVES = (
    Shape(
        "default_loaded_after_a_version",
        "1 / 0\n",
        default_loads_while_2_serves,
        TWO,
        SIDE_BY_SIDE,
    ),
    Shape("version_of_every_engine", PLAIN, runs_another_engine, ENGINE_TOML, ENGINE_FILES),
    Shape("versions_load_on_first_use", WITNESS, loads_on_first_use, "[version.2]\n[version.3]\n"),
    *(
        Shape(name, code, evicts_the_least_recently_used, BUDGET.format(150), mixes_sources=True)
        for name, code in (
            ("versions_within_a_budget", HEAVY),
            ("versions_of_small_blocks", SMALL_BLOCKS),
            ("heavy_classes", HEAVY_CLASS),
            ("async_within_a_budget", ASYNC_HEAVY),
        )
    ),
    Shape(
        "versions_that_fit_stay",
        WITNESS,
        small_versions_stay,
        BUDGET.format(60),
        mixes_sources=True,
    ),
    Shape("unknown_version", PLAIN, names_the_versions, "[version.2]\n[version.spare]\n"),
    Shape(
        "broken_version",
        PLAIN,
        serves_beside_a_broken_one,
        TWO + "[version.3]\n",
        {"v2/preprocess.py": "1 / 0\n"},
    ),
    Shape("lost_model", PLAIN, serves_beside_a_lost_model, '[version.2]\nmodel = "gone/m.bin"\n'),
    Shape(
        "broken_default",
        "1 / 0\n",
        serves_beside_a_broken_default,
        TWO,
        {"v2/preprocess.py": PLAIN},
    ),
    Shape("async_load_tried_again", ASYNC_MENDED, becomes_ready),
    Shape("version_mends_itself", PLAIN, mends_a_version, TWO, {"v2/preprocess.py": "1 / 0\n"}),
)
