"""Shapes of an endpoint with versions: code of the same names side by side."""

from tests.contract.running import Run
from tests.contract.shape import ANSWER, PLAIN, Shape
from tests.contract.shapes_code import PACKAGE, PICKLED, SELF_IMPORT

TWO = '[version.2]\npreprocess = "v2/preprocess.py"\n'
MARKED = """
import features
$imports
from features import SCALE

class Preprocess:
    def load(self, local_file_name):
        import pickle
        self.scaler = pickle.loads(b"cfeatures\\nScaler\\n.")()

    def preprocess(self, body, state, collect_custom_statistics_fn):
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        import features as again
        import late
        from package.part import PART
        assert again is features
        return {
            "y": float(np.ravel(data)[0]),
            "marks": [SCALE, features.SCALE, late.LATE, PART, self.scaler.mark, features.count()],
        }
"""


def write_features(mark: int, folder: str = "") -> dict[str, str]:
    """Modules of the same names in each version's folder, that tell themselves apart."""
    return {
        f"{folder}features.py": f"SCALE = {mark}\ncalls = 0\nclass Scaler:\n    mark = {mark}\n"
        "def count():\n    global calls\n    calls += 1\n    return calls\n",
        f"{folder}late.py": f"import features\nLATE = features.SCALE\nassert LATE == {mark}\n",
        f"{folder}package/__init__.py": "",
        f"{folder}package/part.py": "import features\nfrom . import other\n"
        f"PART = other.OTHER\nassert features.SCALE == {mark}\n",
        f"{folder}package/other.py": f"OTHER = {mark}\n",
    }


def do_not_mix(run: Run) -> None:
    """Asked in turn; each counts its own calls."""
    for count in (1, 2, 3):
        for version, mark in ((None, 1), ("2", 2), ("1", 1)):
            calls = count if version == "2" else 2 * count - (version is None)
            run.expect({"y": run.y, "marks": [mark] * 5 + [calls]}, version=version)


def do_not_mix_when_2_goes_first(run: Run) -> None:
    for version, mark in (("2", 2), (None, 1), ("2", 2)):
        outcome = run.ask(version=version)
        assert outcome.status == 200, outcome
        assert outcome.value["marks"][:-1] == [mark] * 5


ONLY_PICKLE = (
    "import pickle\n$imports\n\nclass Preprocess:\n    def load(self, local_file_name):\n"
    '        self.mark = pickle.loads(b"cfeatures\\nScaler\\n.")().mark\n'
    + ANSWER.replace('{"y"', '{"mark": self.mark, "y"')
)
BY_IMPORTLIB = (
    "import importlib\n$imports\n\nclass Preprocess:\n"
    '    mark = importlib.import_module("features").SCALE\n'
    + ANSWER.replace(
        "return {",
        'late = importlib.import_module("late").LATE\n        return {',
    ).replace('{"y"', '{"mark": self.mark, "late": late, "y"')
)
LATE_PICKLE = (
    ONLY_PICKLE.replace("    def load(self, local_file_name):\n", "")
    .replace("        self.mark = pickle", "    def find_mark(self):\n        return pickle")
    .replace("self.mark,", "self.find_mark(),")
)


def tells_marks(run: Run) -> None:
    for version, mark in ((None, 1), ("2", 2), (None, 1), ("2", 2)):
        run.expect({"mark": mark, "y": run.y}, version=version)


def tell_late_marks(run: Run) -> None:
    for version, mark in ((None, 1), ("2", 2), (None, 1), ("2", 2)):
        run.expect({"mark": mark, "late": mark, "y": run.y}, version=version)


def serve_y_in_turn(run: Run) -> None:
    for version in (None, "2", "1", "2", None):
        run.expect({"y": run.y}, version=version)


COUNTED = PLAIN.replace("class Preprocess:", "count = 0\n\nclass Preprocess:").replace(
    "        return {",
    "        global count\n        count += 1\n        import preprocess\n"
    '        assert preprocess.count == count\n        return {"count": count, ',
)


def count_by_themselves(run: Run) -> None:
    for count in (1, 2):
        for version in (None, "2"):
            run.expect({"y": run.y, "count": count}, version=version)


WITH_DATA = PLAIN.replace(
    "$imports", "$imports\nimport orjson\nassert orjson.loads(b'1') == 1"
).replace("return {", "import orjson\n        assert orjson.loads(b'1') == 1\n        return {")
SIDE_BY_SIDE = {**write_features(1), **write_features(2, "v2/"), "v2/preprocess.py": MARKED}
PACKAGES = {
    f"{folder}/__init__.py": "from .part import MARK\nfrom mine import part\n"
    "assert part.MARK == MARK\n" + PLAIN.replace('{"y"', '{"mark": MARK, "y"')
    for folder in ("v1/mine", "v2/mine")
} | {"v1/mine/part.py": "MARK = 1\n", "v2/mine/part.py": "MARK = 2\n"}

VERSIONS = (
    Shape("versions_side_by_side", MARKED, do_not_mix, TWO, SIDE_BY_SIDE),
    Shape("versions_of_one_file", SELF_IMPORT, serve_y_in_turn, "[version.2]\n"),
    Shape("versions_of_one_file_that_pickles", PICKLED, serve_y_in_turn, "[version.2]\n"),
    Shape("versions_of_one_file_that_counts", COUNTED, count_by_themselves, "[version.2]\n"),
    Shape("versions_of_one_package", None, serve_y_in_turn, "[version.2]\n", PACKAGE),
    Shape(
        "data_folder_named_like_a_library",
        PLAIN,
        serve_y_in_turn,
        TWO,
        {"v2/preprocess.py": WITH_DATA, "v2/orjson/weights.txt": "1"},
    ),
    Shape("versions_in_other_order", MARKED, do_not_mix_when_2_goes_first, TWO, SIDE_BY_SIDE),
    Shape(
        "versions_both_in_folders",
        None,
        do_not_mix,
        'preprocess = "v1/preprocess.py"\n' + TWO,
        {
            **write_features(1, "v1/"),
            **write_features(2, "v2/"),
            "v1/preprocess.py": MARKED,
            "v2/preprocess.py": MARKED,
        },
    ),
    Shape(
        "versions_as_packages",
        None,
        tells_marks,
        'preprocess = "v1/mine"\n[version.2]\npreprocess = "v2/mine"\n',
        PACKAGES,
    ),
    Shape(
        "pickle_of_a_module_not_imported",
        ONLY_PICKLE,
        tells_marks,
        TWO,
        {**write_features(1), **write_features(2, "v2/"), "v2/preprocess.py": ONLY_PICKLE},
    ),
    Shape(
        "pickle_read_at_a_request",
        LATE_PICKLE,
        tells_marks,
        TWO,
        {**write_features(1), **write_features(2, "v2/"), "v2/preprocess.py": LATE_PICKLE},
    ),
    Shape(
        "versions_import_by_importlib",
        BY_IMPORTLIB,
        tell_late_marks,
        TWO,
        {**write_features(1), **write_features(2, "v2/"), "v2/preprocess.py": BY_IMPORTLIB},
    ),
    Shape(
        "version_shares_root_module",
        MARKED,
        lambda run: run.expect({"y": run.y}, version="2"),
        TWO,
        {
            **write_features(1),
            "v2/preprocess.py": PLAIN.replace(
                "$imports", "$imports\nimport features\nassert features.SCALE == 1"
            ),
        },
    ),
)
