"""An endpoint that calls others, under the real handler, and the Lambda API on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lambda_serving.settings.runtime import Runtime, read_runtime
from lambda_serving.versions.registry_watcher import RegistryWatcher
from tests.conftest import ADDER_CODE, Handler
from tests.emf import read_records
from tests.functional import updates
from tests.functional.meter import CODE, TOML, Meter
from tests.functional.pipelines import (
    CODES,
    SECONDS,
    STACK,
    CanaryMaker,
    PipelineMaker,
    ProcessMaker,
    answer_whole,
    make_context,
    serve_lambda,
)
from tests.registry import Registry
from tests.servers.lambda_process import LambdaProcess, find_runtime_client
from tests.servers.lambda_service import LambdaService
from tests.servers.s3 import S3Server
from tests.servers.source_layers import link_layers

AS_DEPLOYED = {"SERVING_STACK": STACK, "AWS_LAMBDA_LOG_FORMAT": "JSON"}
"""What the template and Lambda set beside the rest."""
IMPORTS = (
    "numpy",
    "orjson",
    "mangum",
    "simplejson",
    "lambda_serving.events.app",
    "lambda_serving.engines.custom",
)
"""Of a cold start, and of the functions' code. The runtime client reads its settings as it is
imported."""


@pytest.fixture
def service() -> Iterator[LambdaService]:
    """``echo`` gives back the body that it got."""
    with serve_lambda(echo=lambda payload: {"body": payload["body"]}) as service:
        yield service


@pytest.fixture
def start_pipeline(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    service: LambdaService,
) -> PipelineMaker:
    """Cold start of an endpoint ``pipeline`` whose calls go to ``service``."""

    def start(
        engine: str = "custom", code: str | None = None, seconds: float = SECONDS, **env: str
    ) -> Handler:
        toml = f'endpoint = "pipeline"\nengine = "{engine}"\ncalls = ["echo"]\n'
        settings = {"SERVING_STACK": STACK, "SERVING_ALIAS": "live"} | service.environment | env
        folder = make_folder(toml, code or CODES[engine])
        return start_handler(folder, make_context(seconds), **settings)

    return start


@pytest.fixture
def api() -> Iterator[LambdaService]:
    """Two endpoints to choose from, where only the choice counts."""
    with serve_lambda(alpha=answer_whole, beta=answer_whole) as service:
        yield service


@pytest.fixture
def start_canary(
    tmp_path: Path, start_handler: Callable[..., Handler], api: LambdaService
) -> CanaryMaker:
    """Cold start of an endpoint ``canary`` with that ``[traffic]``."""

    def start(traffic: str, seconds: float = 20, name: str = "canary", **env: str) -> Handler:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        toml = f'endpoint = "{name}"\nengine = "canary"\n[traffic]\n{traffic}\n'
        (folder / "endpoint.toml").write_text(toml)
        settings = {"SERVING_STACK": STACK, "SERVING_ALIAS": "live"} | api.environment | env
        return start_handler(folder, make_context(seconds), **settings)

    return start


@pytest.fixture
def runtime(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runtime:
    """Of a function whose models are in ``s3``, which is each test's own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("SERVING_MODEL_BUCKET", "models")
    monkeypatch.setenv("SERVING_SCRATCH", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    return read_runtime()


@pytest.fixture(scope="session")
def runtime_client() -> Path:
    return find_runtime_client()


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runtime's code as it is, and what it needs."""
    return link_layers(tmp_path_factory.mktemp("layers"))


@pytest.fixture
def start_process(
    runtime_client: Path, layers: list[Path], tmp_path: Path
) -> Iterator[ProcessMaker]:
    """start(name, code, toml="", **environment): a function in a process as Lambda's own.

    Where its memory is measured, it has made no ``imports`` before.
    """
    with ExitStack() as stack:

        def start(
            name: str,
            code: str,
            toml: str = "",
            imports: tuple[str, ...] = IMPORTS,
            **environment: str,
        ) -> LambdaProcess:
            source = tmp_path / "source" / name
            source.mkdir(parents=True)
            head = "" if "engine" in toml else 'engine = "custom"\n'
            (source / "endpoint.toml").write_text(f'endpoint = "{name}"\n{head}{toml}')
            (source / "preprocess.py").write_text(code)
            folder = tmp_path / "processes" / name
            folder.mkdir(parents=True)
            process = LambdaProcess(
                source,
                layers,
                runtime=runtime_client,
                folder=folder,
                function_name=f"{STACK}-{name}",
                environment=AS_DEPLOYED | environment,
                audited=False,
                imports=imports,
            )
            return stack.enter_context(process)

        yield start


@pytest.fixture
def start_meter(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    def start(frequency: float = 1.0, **env: str) -> Handler:
        return start_handler(make_folder(TOML.format(frequency=frequency), CODE), **env)

    return start


@pytest.fixture
def ask(start_meter: Callable[..., Handler], capsys: pytest.CaptureFixture[str]) -> Meter:
    """The records of one request after the first, by direct invoke."""
    handler = start_meter()
    handler({})
    capsys.readouterr()

    def ask(**body: Any) -> list[dict[str, Any]]:
        answer = handler(body)
        assert answer == {"animal": body.get("animal", "cat"), "sampled": True}
        return read_records(capsys.readouterr().out)

    return ask


@pytest.fixture
def adders(models: Path) -> Registry:
    """The registry's model that the endpoint of ``start_adders`` follows."""
    return Registry(models)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The registry watcher's clock; ``clock.pass_seconds(60)``."""
    clock = SimpleNamespace(now=1000.0)

    def pass_seconds(seconds: float) -> None:
        clock.now += seconds

    clock.pass_seconds = pass_seconds
    monkeypatch.setattr(RegistryWatcher.__init__, "__defaults__", (lambda: clock.now,))
    return clock


@pytest.fixture
def start_adders(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    """Cold start of an endpoint that follows ``adders``; ``more`` TOML may be added."""

    def start(more: str = "", **env: str) -> Handler:
        return start_handler(make_folder(updates.TOML + more, ADDER_CODE), **env)

    return start
