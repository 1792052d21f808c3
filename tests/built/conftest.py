"""The built functions, each in execution environments of its own under the real runtime client."""

from collections.abc import Callable, Iterator
from compileall import compile_dir
from contextlib import ExitStack
from pathlib import Path
from py_compile import PycInvalidationMode
from shutil import copytree, rmtree
from typing import Any

import pytest

from tests.servers.built import BuiltFunction, build_functions
from tests.servers.lambda_process import LambdaProcess, find_runtime_client
from tests.servers.s3 import S3Server
from tests.summary import SIZES

BUCKET = "models"

Edit = Callable[[Path], object]
Launch = Callable[..., LambdaProcess]


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest) -> dict[str, BuiltFunction]:
    """endpoint -> built function."""
    try:
        functions = build_functions()
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    request.config.stash[SIZES] = {
        function.endpoint: sum(map(measure, [function.code, *function.layers]))
        for function in functions.values()
    }
    return functions


@pytest.fixture(scope="session")
def runtime_client() -> Path:
    return find_runtime_client()


@pytest.fixture
def s3(example_models: Path) -> Iterator[S3Server]:
    """An S3 with the example models in the bucket of the stack."""
    with S3Server() as server:
        server.put_folder(BUCKET, example_models)
        yield server


@pytest.fixture(scope="module")
def module_s3(example_models: Path) -> Iterator[S3Server]:
    """The same for a whole module, whose tests leave it as it is."""
    with S3Server() as server:
        server.put_folder(BUCKET, example_models)
        yield server


@pytest.fixture
def launch(
    built: dict[str, BuiltFunction], runtime_client: Path, tmp_path: Path
) -> Iterator[Launch]:
    """launch(endpoint, s3, edit=…, **environment) -> an environment that starts now.

    `edit` gets a copy of the code folder before it is frozen. After the test every environment
    must have left alone what Lambda keeps read-only. One that is `held` stays at its snapshot.
    """
    launched: list[LambdaProcess] = []
    with ExitStack() as stack:

        def start(
            endpoint: str,
            s3: S3Server,
            edit: Edit | None = None,
            held: bool = False,
            **environment: str,
        ) -> Any:
            folder = tmp_path / f"environment{len(launched)}"
            folder.mkdir()
            function = built[endpoint]
            process = start_function(function, s3, runtime_client, folder, edit, environment, held)
            launched.append(stack.enter_context(process))
            return process

        yield start
    violations = [violation for process in launched for violation in process.list_violations()]
    assert violations == []


def start_function(
    function: BuiltFunction,
    s3: S3Server,
    runtime: Path,
    folder: Path,
    edit: Edit | None,
    environment: dict[str, str],
    held: bool = False,
) -> LambdaProcess:
    """An execution environment of `function`, its models in `s3`.

    Edited code gets its bytecode as a build does it; a syntax error stays for the cold start.
    """
    code = function.code
    if edit is not None:
        code = copytree(code, folder / "edited")
        edit(code)
        rmtree(code / "__pycache__", ignore_errors=True)
        compile_dir(code, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return LambdaProcess(
        code,
        function.layers,
        runtime=runtime,
        folder=folder,
        function_name=f"test-{function.endpoint}",
        environment={
            "AWS_ENDPOINT_URL": s3.endpoint,
            "SERVING_MODEL_BUCKET": BUCKET,
            "SERVING_STACK": "test",
        }
        | environment,
        held=held,
    )


def measure(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
