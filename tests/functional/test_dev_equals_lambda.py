"""What a class sees of the world around it: the same on the dev server and on Lambda.

Each observation is an expression of the user's own module, made at import, in ``__init__``, in
``load`` and in a request; further ones tell what must not differ between them.
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.events import load_event
from tests.functional.pipelines import STACK
from tests.servers.dev_server import DevServer
from tests.servers.lambda_process import LambdaProcess, find_runtime_client
from tests.servers.source_layers import link_layers

OBSERVATIONS = {
    "name": "__name__",
    "package": "__package__",
    "file": "os.path.basename(__file__)",
    "own module": "sys.modules[__name__].__dict__ is globals()",
    "own module imported": "__import__('preprocess').__dict__ is globals()",
    "class": "[Preprocess.__module__, repr(Preprocess)] if 'Preprocess' in globals() else 0",
    "logger": "logging.getLogger(__name__).name",
    "log level": "logging.getLogger().getEffectiveLevel()",
    "relative import": "attempt(\"exec('from . import features', globals())\")",
    "missing module": "attempt('__import__(\"features.absent\")')",
    "missing part": "attempt(\"exec('from features import absent', {})\")",
    "import_module": "importlib.import_module('features').MARK",
    "import_module of a part": "importlib.import_module('.deep', 'parts').MARK",
    "late import": "attempt(\"exec('import late; found = late.MARK', globals()) or found\")",
    "in sys.modules": "'features' in sys.modules",
    "pickle by plain name": "pickle.loads(b'cfeatures\\nScaler\\n.').MARK",
    "pickle from outside": "pickle._loads(b'cfeatures\\nScaler\\n.').MARK",
    "pickle of own": "pickle.loads(pickle.dumps(Own(1))) == Own(1)",
    "pickle text": "pickle.dumps(Own(1)).hex()",
    "pickle of main": "attempt('pickle.loads(b\"c__main__\\\\nScaler\\\\n.\")')",
    "main": "attempt('__import__(\"__main__\").mark')",
    "main by importlib": "attempt('importlib.import_module(\"__main__\").mark')",
    "hints": "str(typing.get_type_hints(Own))",
    "source": "inspect.getsource(Own).splitlines()[-1].strip()",
    "source of module": "inspect.getsource(sys.modules[__name__]) == open(__file__).read()",
    "module of": "inspect.getmodule(Own).__name__",
    "thread": "in_thread(lambda: [importlib.import_module('features').MARK, lazily()])",
    "thread pickles": "in_thread(pickle.loads, pickle.dumps(Own(2))) == Own(2)",
    "process": "attempt('in_process(lambda: lazily())')",
    "loop in a def": "attempt('asyncio.get_event_loop().run_until_complete(wait())')",
    "loop after asyncio.run": "[asyncio.run(wait()), attempt('asyncio.get_event_loop()')]",
    "loop in a thread": "attempt('in_thread(asyncio.get_event_loop)')",
    "running loop": "attempt('asyncio.get_running_loop()')",
    "recursion limit": "sys.getrecursionlimit()",
    "warnings": "warned()",
    "switch interval": "sys.getswitchinterval()",
    "stdin": "attempt('sys.stdin.read()')",
    "encoding": "[sys.stdout.encoding, sys.getfilesystemencoding()]",
    "threads daemon": "threading.current_thread().daemon in (True, False)",
    "data beside": "open(os.path.join(os.path.dirname(__file__), 'data.txt')).read()",
    "data by a relative path": "open('data.txt').read()",
    "working folder": "os.getcwd() == os.path.dirname(__file__)",
    "working folder of a thread": "in_thread(os.getcwd) == os.path.dirname(__file__)",
    "by sys.path": "attempt('__import__(\"vendored\").MARK')",
    "by sys.path and importlib": "attempt('importlib.import_module(\"vendored\").MARK')",
    "of nobody": "attempt('__import__(\"of_beside\")')",
    "resource": "importlib.resources.files('parts').joinpath('data.txt').read_text()",
}
CODE = """
from __future__ import annotations
import asyncio, importlib, importlib.resources, inspect, logging, multiprocessing, os, pickle
import sys, threading, typing, warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import __main__
import features

__main__.mark = features.MARK
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
OBSERVATIONS = %s

@dataclass
class Own:
    x: int

def attempt(text):
    try:
        return eval(text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def lazily():
    import late
    from features import Scaler
    return [late.MARK, Scaler.MARK]

def in_thread(function, *arguments):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()

def in_process(function):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(function()))
    child.start()
    found = ours.recv() if ours.poll(5) else "nothing came"
    child.kill()
    child.join()
    return found

def warned():
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("here", UserWarning)
    return [str(each.message) for each in caught]

async def wait():
    await asyncio.sleep(0)
    return 7

def observe():
    seen = {}
    for name, text in OBSERVATIONS.items():
        try:
            seen[name] = eval(text, globals())
        except Exception as error:
            seen[name] = f"! {type(error).__name__}: {error}"
    return seen

seen = {"import": observe()}

class Preprocess:
    def __init__(self):
        seen["init"] = observe()

    def load(self, local_file_name):
        seen["load"] = observe()

    def process(self, data, state, collect_custom_statistics_fn=None):
        if "fails" in data:
            from starlette.responses import StreamingResponse
            def stream():
                yield "begun"
                raise {"value": ValueError, "key": KeyError}[data["fails"]]("midway")
            async def stream_async():
                for part in stream():
                    yield part
            made = stream_async() if data.get("async") else stream()
            return StreamingResponse(made, media_type="text/plain")
        if "mark" in data:
            found = [importlib.import_module("features").MARK, pickle._loads(pickle.dumps(Own(3))) == Own(3)]
            import vendored
            return [*found, vendored.MARK, *lazily(), pickle._loads(b"cfeatures\\nScaler\\n.").MARK, __main__.mark,
                sys.modules["__main__"].mark]
        return {**seen, "request": observe()}
""" % json.dumps(OBSERVATIONS)  # noqa: E501, UP031
FILES = {
    "features.py": "MARK = '{name}'\nclass Scaler:\n    MARK = '{name}'\n",
    "late.py": "MARK = '{name}'\n",
    "parts/__init__.py": "from . import deep\n",
    "parts/deep.py": "MARK = '{name}'\n",
    "parts/data.txt": "{name}",
    "lib/vendored.py": "MARK = '{name}'\n",
    "lib/of_{name}.py": "",
    "data.txt": "{name}",
}
STAGES = ("import", "init", "load", "request")
NAMES = ("seen", "beside")


def write(folder: Path, name: str) -> Path:
    for path, text in FILES.items():
        file = folder / path.replace("{name}", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{name}", name))
    (folder / "endpoint.toml").write_text(f'endpoint = "{name}"\nengine = "custom"\n')
    (folder / "preprocess.py").write_text(CODE)
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DevServer, LambdaProcess]]:
    """The same class on the dev server, beside another one of the same code, and on Lambda."""
    folder = tmp_path_factory.mktemp("both")
    for name in NAMES:
        write(folder / "functions" / name, name)
    (folder / "models").mkdir()
    (folder / "layers").mkdir()
    (folder / "process").mkdir()
    process = LambdaProcess(
        write(folder / "source", "seen"),
        link_layers(folder / "layers"),
        runtime=find_runtime_client(),
        folder=folder / "process",
        function_name=f"{STACK}-seen",
        environment={"SERVING_STACK": STACK, "AWS_LAMBDA_LOG_FORMAT": "JSON"},
        audited=False,
    )
    with ExitStack() as stack:
        stack.enter_context(process)
        server = DevServer(folder / "functions", folder / "models", folder / "log")
        yield stack.enter_context(server), process


@pytest.fixture(scope="module")
def observed(both: tuple[DevServer, LambdaProcess]) -> tuple[Any, Any]:
    server, process = both
    return server.ask("seen"), process.invoke({}).json()


def normalize(seen: Any) -> Any:
    """Without what tells one process from another: folders, numbers of threads."""
    text = re.sub(r"/[^ '\"]*/(?=[\w.]+\.py)", "", json.dumps(seen))
    text = re.sub(r"'(MainThread|Thread-\d+ \(run\)|ThreadPoolExecutor-[\d_]+)'", "'thread'", text)
    return json.loads(text.replace(" from 'bootstrap.py'", ""))


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_a_class_sees_the_same(observed: tuple[Any, Any], name: str) -> None:
    seen = [normalize({stage: each[stage][name] for stage in STAGES}) for each in observed]
    assert seen[0] == seen[1]
    assert not [each for each in seen[1].values() if str(each).startswith("! ")]


def test_endpoints_beside_each_other_see_their_own_alone(
    both: tuple[DevServer, LambdaProcess],
) -> None:
    server, process = both
    paths = [NAMES[i % 2] for i in range(60)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda name: server.ask(name, {"mark": 1}), paths))
    for name, answer in zip(paths, answers, strict=True):
        assert answer == [name, True, name, name, name, name, name, name]
    assert process.invoke({"mark": 1}).json() == ["seen", True, *["seen"] * 6]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("fails", ["value", "key"])
def test_a_stream_that_fails_midway(
    both: tuple[DevServer, LambdaProcess], fails: str, is_async: bool
) -> None:
    """The same answer, log line and record."""
    server, process = both
    body = {"fails": fails, "async": is_async}
    before = len(server.log), len(process.read_log())
    on_dev = server.post("seen", body)
    event = load_event("http_post_json") | {"body": json.dumps(body), "rawPath": "/serve/seen"}
    event["requestContext"]["http"]["path"] = "/serve/seen"
    on_lambda = process.invoke(event).json()
    assert (on_dev.status_code, on_lambda["statusCode"]) == (500, 500)
    told = json.loads(on_lambda["body"]) | {"request_id": on_dev.json()["request_id"]}
    assert on_dev.json() == told
    assert on_dev.headers["content-type"] == on_lambda["headers"]["content-type"]
    line = f"{told['type']} 500 in result: "
    assert server.log[before[0] :].count(line) == 1
    assert process.read_log()[before[1] :].count(line) == 1
    assert f"{told['type']} (a fault)" in server.log[before[0] :]
    (record,) = [each for each in process.read_records() if each.get("ErrorType") == told["type"]][
        -1:
    ]
    assert "Faults" in record
