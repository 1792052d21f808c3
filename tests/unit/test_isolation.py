"""Modules of one folder under a name of their own, whoever imports them, however late."""

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.user_code.isolation import IsolatedFolder
from lambda_serving.user_code.plain_names import activate, show_plain_names

MakeFolder = Callable[..., IsolatedFolder]


@pytest.fixture
def isolate(tmp_path: Path) -> Iterator[MakeFolder]:
    """isolate(name, **sources): a folder with a module each; removed at the end."""
    made: list[IsolatedFolder] = []

    def make(name: str, files: dict[str, str]) -> IsolatedFolder:
        for path, text in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        made.append(IsolatedFolder(name, tmp_path / name))
        return made[-1]

    modules, finders = set(sys.modules), list(sys.meta_path)
    yield make
    for folder in made:
        if folder in sys.meta_path:
            folder.remove()
    assert sys.meta_path == finders
    left = {name for name in set(sys.modules) - modules if name.startswith(("version_", "iso_"))}
    assert not left


def test_same_names_do_not_meet(isolate: MakeFolder) -> None:
    one = isolate("version_1", {"iso_a.py": "import iso_b\nX = iso_b.X\n", "iso_b.py": "X = 1\n"})
    two = isolate("version_2", {"iso_a.py": "import iso_b\nX = iso_b.X\n", "iso_b.py": "X = 2\n"})
    assert [folder.import_module("iso_a").X for folder in (one, two)] == [1, 2]
    assert "iso_a" not in sys.modules and "iso_b" not in sys.modules
    assert one.import_module("iso_a").__name__ == "iso_a"


@pytest.mark.parametrize(
    "statement",
    [
        "import iso_b; found = iso_b",
        "import iso_b as found",
        "from iso_b import X; import iso_b as found",
        "import iso_p.inner; found = iso_p.inner",
        "import iso_p.inner as found",
        "from iso_p import inner as found",
        "from iso_p.inner import X; from iso_p import inner as found",
        "from iso_p.inner import *; from iso_p import inner as found",
        "from iso_n import inner as found",
        "import importlib; found = importlib.import_module('iso_b')",
        "found = __import__('iso_b')",
    ],
)
def test_every_way_to_import(isolate: MakeFolder, statement: str) -> None:
    """At import and in a method of a later request; ``iso_n`` is a namespace package."""
    code = (
        f"{statement}\nx = found.X\ndef late():\n    {statement.replace('import *', 'import X')}\n"
    )
    files = {
        "iso_a.py": code + "    return found.X\n",
        "iso_b.py": "X = 3\n",
        "iso_p/__init__.py": "",
        "iso_p/inner.py": "X = 3\n",
        "iso_n/inner.py": "X = 3\n",
    }
    folder = isolate("version_3", files)
    with show_plain_names(folder):
        module = folder.import_module("iso_a")
        assert (module.x, module.late()) == (3, 3)
    assert not {"iso_b", "iso_p", "iso_n"} & set(sys.modules)


def test_relative_imports(isolate: MakeFolder) -> None:
    files = {
        "iso_p/__init__.py": "from .one import X\nfrom . import two\n",
        "iso_p/one.py": "from .sub.deep import X\n",
        "iso_p/two.py": "from iso_p.sub import deep\nX = deep.X\n",
        "iso_p/sub/__init__.py": "",
        "iso_p/sub/deep.py": "from ..values import X\n",
        "iso_p/values.py": "X = 4\n",
    }
    package = isolate("version_4", files).import_module("iso_p")
    assert (package.X, package.two.X) == (4, 4)


def test_other_modules_are_everyones(isolate: MakeFolder) -> None:
    code = "import json\nimport os.path\nfrom collections import abc\nimport importlib.util\n"
    module = isolate("version_5", {"iso_a.py": code}).import_module("iso_a")
    assert (module.json, module.abc) == (
        importlib.import_module("json"),
        sys.modules["collections.abc"],
    )
    assert module.os is sys.modules["os"]


def test_missing_module_is_told_by_its_own_name(isolate: MakeFolder) -> None:
    folder = isolate("version_6", {"iso_a.py": "import iso_absent\n"})
    with pytest.raises(ModuleNotFoundError, match="No module named 'iso_absent'"):
        folder.import_module("iso_a")
    with pytest.raises(ModuleNotFoundError):
        folder.import_module("iso_b")


def test_a_module_that_raises_leaves_nothing(isolate: MakeFolder) -> None:
    folder = isolate("version_7", {"iso_a.py": "1 / 0\n"})
    with pytest.raises(ZeroDivisionError):
        folder.import_module("iso_a")
    assert "version_7.iso_a" not in sys.modules


def test_pickles_find_plain_names(isolate: MakeFolder) -> None:
    folder = isolate("version_8", {"iso_a.py": "class Scaler:\n    by = 8\n"})
    module = folder.import_module("iso_a")
    data = b"ciso_a\nScaler\n."
    with show_plain_names(folder):
        assert pickle.loads(data) is module.Scaler
        pickled = pickle.dumps(module.Scaler())
        assert b"version_8" not in pickled
        assert type(pickle.loads(pickled)) is module.Scaler
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(data)


def test_pickles_find_modules_not_imported_yet(isolate: MakeFolder) -> None:
    """A model may need a module that preprocess.py itself never names."""
    folder = isolate("version_9", {"iso_a.py": "", "iso_late.py": "class Scaler:\n    by = 9\n"})
    folder.import_module("iso_a")
    with show_plain_names(folder):
        scaler: Any = pickle.loads(b"ciso_late\nScaler\n.")
    assert scaler.by == 9
    assert "iso_late" not in sys.modules


def test_plain_names_give_back_what_they_hid(isolate: MakeFolder) -> None:
    sys.modules["iso_a"] = hidden = type(sys)("iso_a")
    try:
        folder = isolate("version_10", {"iso_a.py": ""})
        module = folder.import_module("iso_a")
        with pytest.raises(KeyError), show_plain_names(folder):
            assert sys.modules["iso_a"] is module
            raise KeyError
        assert sys.modules["iso_a"] is hidden
    finally:
        del sys.modules["iso_a"]


def test_plain_names_survive_code_that_removes_them(isolate: MakeFolder) -> None:
    """The user's load may itself drop a module, to import it anew."""
    folder = isolate("version_11", {"iso_a.py": ""})
    folder.import_module("iso_a")
    with show_plain_names(folder):
        del sys.modules["iso_a"]
    assert "iso_a" not in sys.modules


def test_removed_and_made_again(isolate: MakeFolder, tmp_path: Path) -> None:
    folder = isolate("version_12", {"iso_a.py": "X = 1\n"})
    assert folder.import_module("iso_a").X == 1
    folder.remove()
    assert not [name for name in sys.modules if name.startswith("version_12")]
    (tmp_path / "version_12" / "iso_a.py").write_text("X = 'a new text'\n")
    again = isolate("version_12", {})
    assert again.import_module("iso_a").X == "a new text"


def test_a_load_keeps_plain_names_from_requests_beside_it(isolate: MakeFolder) -> None:
    """Several endpoints in one process: a model's pickle is read while others serve."""
    one = isolate("version_13", {"iso_a.py": "X = 1\n"})
    two = isolate("version_14", {"iso_a.py": "X = 2\n"})
    with show_plain_names(one):
        activate(two)
        assert importlib.import_module("iso_a").X == 1
    activate(two)
    assert importlib.import_module("iso_a").X == 2


def test_no_bytecode_is_written(
    isolate: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hide a change of the same size within the same second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    isolate("version_15", {"iso_a.py": "X = 1\n"}).import_module("iso_a")
    assert not list(tmp_path.rglob("*.pyc"))


def test_extension_modules_are_found(isolate: MakeFolder) -> None:
    """Told by the module that cannot be loaded: the file is empty."""
    folder = isolate("version_1", {"iso_a.py": "import iso_x", f"iso_x{EXTENSION_SUFFIXES[0]}": ""})
    with pytest.raises(ImportError) as raised:
        folder.import_module("iso_a")
    assert type(raised.value) is ImportError  # ModuleNotFoundError is another
