"""Real classes, built once for all tests of this folder."""

import pytest

# The same build and the same runtime client as in tests/built.
from tests.built.conftest import built, measure, runtime_client  # noqa: F401
from tests.real.project import build_project
from tests.servers.built import BuiltFunction
from tests.summary import SIZES


@pytest.fixture(scope="session")
def real(
    built: dict[str, BuiltFunction],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> dict[str, BuiltFunction]:
    """endpoint -> built function."""
    try:
        functions = build_project(tmp_path_factory.mktemp("project"), built)
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    request.config.stash[SIZES] |= {
        f"real/{function.endpoint}": sum(map(measure, [function.code, *function.layers]))
        for function in functions.values()
    }
    return functions
