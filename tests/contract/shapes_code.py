"""Shapes by where the code lies, when it is imported and how it ends."""

from tests.contract.running import Run
from tests.contract.shape import ANSWER, NOTE, PLAIN, Check, Shape

PACKAGE = {
    "preprocess/__init__.py": "from .steps.scale import SCALE\n"
    "from preprocess.steps import scale as absolute\nimport preprocess.steps.scale\n"
    + PLAIN.replace(
        "return {",
        "from .late import LATE\n"
        "        from preprocess.late import LATE as same\n"
        "        assert SCALE is absolute.SCALE is preprocess.steps.scale.SCALE\n"
        "        assert LATE is same\n        return {",
    ),
    "preprocess/late.py": "from . import steps\nLATE = [steps]\n",
    "preprocess/steps/__init__.py": "",
    "preprocess/steps/scale.py": "from ..late import LATE\nSCALE = [1, LATE]\n",
}
BESIDE = PLAIN.replace(
    "$imports", "$imports\nimport beside\nfrom folder.inner import INNER"
).replace("return {", "assert (beside.VALUE, INNER) == (5, 6)\n        return {")
LAZY = PLAIN.replace(
    "        return {",
    "        import lazy_one\n        from lazy_package import part\n"
    "        import importlib\n        other = importlib.import_module('lazy_two')\n"
    "        assert (lazy_one.VALUE, part.VALUE, other.VALUE) == (1, 2, 3)\n        return {",
)
SELF_IMPORT = (
    PLAIN
    + """
class Scaler:
    pass

def find_scaler():
    from preprocess import Scaler as found
    import preprocess
    return found is Scaler is preprocess.Scaler
"""
)
SELF_IMPORT = SELF_IMPORT.replace("return {", "assert find_scaler()\n        return {")
PICKLED = """
import pickle
from dataclasses import dataclass
from typing import get_type_hints
$imports

@dataclass
class Scaler:
    by: "int" = 1

class Preprocess:
    def __init__(self):
        self.scaler = pickle.loads(pickle.dumps(Scaler(1)))

    def load(self, local_file_name):
        assert type(pickle.loads(b"cpreprocess\\nScaler\\n.")()) is Scaler
""" + ANSWER.replace(
    "return {",
    "assert pickle.loads(pickle.dumps(self.scaler)) == Scaler(1)\n"
    "        assert get_type_hints(Scaler) == {'by': int}\n        return {",
)
UNLOAD = NOTE + PLAIN + "\n    def unload(self):\n        note('unload')\n"
FAILING_UNLOAD = UNLOAD + "        1 / 0\n"
ASYNC_UNLOAD = UNLOAD.replace("def unload", "async def unload").replace(
    "note('unload')", "import asyncio\n        await asyncio.sleep(0)\n        note('unload')"
)
BROKEN = {
    "import": ("1 / 0\n" + PLAIN, "UserCodeLoadError"),
    "syntax": (PLAIN + "\n  def wrong(\n", "UserCodeLoadError"),
    "no_class": ("class Postprocess:\n    pass\n", "UserCodeLoadError"),
    "init": (PLAIN + "\n    def __init__(self):\n        self.absent\n", "UserCodeLoadError"),
    "init_takes_more": (
        PLAIN + "\n    def __init__(self, x):\n        pass\n",
        "UserCodeLoadError",
    ),
    "load": (PLAIN + "\n    def load(self, path):\n        open('/no/where')\n", "ModelLoadError"),
    "async_load": (PLAIN + "\n    async def load(self, path):\n        1 / 0\n", "ModelLoadError"),
}


def unloads_once(run: Run) -> None:
    run.expect({"y": run.y})
    assert run.notes == []
    run.environment.close()
    run.environment.close()
    assert run.notes == ["unload"]


def unloads_at_sigterm(run: Run) -> None:
    """In a process of its own: one request, then the signal that Lambda sends."""
    run.serve_in_process(None)
    assert run.notes == ["unload"]


def answers_503(type_name: str) -> Check:
    def check(run: Run) -> None:
        run.expect_error(503, type_name, "load")
        assert any(record.exc_info for record in run.caplog.records)

    return check


def mends_itself(run: Run) -> None:
    """The class cannot be made at the cold start; a later request finds it mended."""
    run.expect_error(503, "UserCodeLoadError", "load")
    (run.folder / "mended").touch()
    run.pass_seconds(1.1)  # the first pause between two tries
    run.expect({"y": run.y})
    run.expect({"y": run.y})


CODE = (
    Shape("package", None, files={"preprocess/__init__.py": PLAIN}),
    Shape("package_with_submodules", None, files=PACKAGE),
    Shape(
        "modules_beside",
        BESIDE,
        files={"beside.py": "VALUE = 5\n", "folder/inner.py": "INNER = 6\n"},
    ),
    Shape(
        "class_from_another_module",
        "from beside_class import Preprocess\n",
        files={"beside_class.py": PLAIN},
    ),
    Shape(
        "lazy_imports_in_methods",
        LAZY,
        files={
            "lazy_one.py": "VALUE = 1\n",
            "lazy_package/__init__.py": "",
            "lazy_package/part.py": "VALUE = 2\n",
            "lazy_two.py": "VALUE = 3\n",
        },
    ),
    Shape("imports_itself", SELF_IMPORT),
    Shape("pickles_its_own_classes", PICKLED),
    Shape("future_annotations", "from __future__ import annotations\n" + PLAIN),
    Shape("named_file", None, toml='preprocess = "code/mine.py"\n', files={"code/mine.py": PLAIN}),
    Shape(
        "named_package",
        None,
        toml='preprocess = "code/mine"\n',
        files={
            "code/mine/__init__.py": "from .part import Preprocess\n",
            "code/mine/part.py": PLAIN,
        },
    ),
    Shape("unload_at_close", UNLOAD, unloads_once),
    Shape("async_unload_at_close", ASYNC_UNLOAD, unloads_once),
    Shape("failing_unload", FAILING_UNLOAD, unloads_once),
    Shape("unload_at_sigterm", UNLOAD, unloads_at_sigterm, mixes_sources=True),
    *(
        Shape(f"broken_{part}", code, answers_503(type_name))
        for part, (code, type_name) in BROKEN.items()
    ),
    Shape(
        "package_mends_itself",
        None,
        mends_itself,
        files={
            "preprocess/__init__.py": "import preprocess.steps.scale\nfrom pathlib import Path\n"
            "assert (Path(__file__).parents[1] / 'mended').exists()\n"
            + PLAIN.replace(
                "return {", "assert preprocess.steps.scale.SCALE == 1\n        return {"
            ),
            "preprocess/steps/__init__.py": "",
            "preprocess/steps/scale.py": "SCALE = 1\n",
        },
    ),
    Shape(
        "init_mends_itself",
        NOTE + PLAIN + "\n    def __init__(self):\n"
        "        assert (Path(__file__).parent / 'mended').exists()\n",
        mends_itself,
    ),
)
