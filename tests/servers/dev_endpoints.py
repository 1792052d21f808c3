"""Endpoints for the tests of the dev server: pipelines of every kind, good ones and broken ones."""

import os
from pathlib import Path
from zipfile import ZipFile

from tests.conftest import ADDER_CODE
from tests.servers.dev_server import write_endpoint

HOP = """
class Preprocess:
    {define} process(self, data, state, collect_custom_statistics_fn=None):
        here, rest = self.model_endpoint.serving_url, data["path"]
        if not rest:
            return {{"path": [here]}}
        answer = {wait} self.send_request(rest[0], data={{"path": rest[1:]}})
        return {{"path": [here, *(answer or {{"path": ["nobody"]}})["path"]]}}
"""
"""Calls the endpoints that the body names, one through the other; tells who was reached."""

FAN = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        one = self.send_request("double", data={"x": data["x"]})
        two = self.send_request("double_async", data={"x": data["x"]})
        return {"sum": one["y"] + two["y"]}
"""

FAN_THREADS = """
from concurrent.futures import ThreadPoolExecutor

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        names = ["slow", "double_async"] * 2
        with ThreadPoolExecutor(len(names)) as pool:
            found = list(pool.map(lambda name: self.send_request(name, data=data), names))
        return {"sum": sum(answer["y"] for answer in found)}
"""

CROSS = """
import time

class Preprocess:
    async def process(self, data, state, collect_custom_statistics_fn=None):
        if "other" not in data:
            return {"leaf": self.model_endpoint.serving_url}
        time.sleep(0.3)  # by now the other one is there, too
        return {"answer": self.send_request(data["other"], data={"x": 1})}
"""
"""Blocks its event loop, while the endpoint that it asks may do the same."""

DOUBLE = """
import time

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        time.sleep(0.01)
        return {"y": 2 * data["x"]}
"""

DOUBLE_ASYNC = """
import asyncio

class Preprocess:
    async def load(self, local_file_name):
        self.queue = asyncio.Queue(4)  # belongs to the loop of its first use

    async def process(self, data, state, collect_custom_statistics_fn=None):
        await self.queue.put(None)
        await asyncio.sleep(0.01)
        await self.queue.get()
        return {"y": 2 * data["x"]}
"""

ISOLATED = """
import pickle
import time
import features

class Preprocess:
    def load(self, local_file_name):
        found = []
        for _ in range(20):
            time.sleep(0.01)  # others are loaded and serve meanwhile
            found.append(pickle._loads(b"cfeatures\\nScaler\\n.").MARK)
        self.scaler = sorted(set(found))

    def process(self, data, state, collect_custom_statistics_fn=None):
        import late
        from features import Scaler
        return {"marks": [features.MARK, Scaler.MARK, late.MARK, *self.scaler]}
"""
"""As joblib does, `pickle._loads` looks a class up by its plain name, from outside this module."""

STREAM = """
import asyncio
from starlette.responses import JSONResponse, StreamingResponse

class Preprocess:
    def __init__(self):
        self.lock = asyncio.Lock()

    async def process(self, data, state, collect_custom_statistics_fn=None):
        async def count():
            for number in range(3):
                async with self.lock:
                    await asyncio.sleep(0.3)
                answer = await self.send_request("double", data={"x": number})
                yield f"{answer['y']}\\n"

        if "status" in data:
            return JSONResponse({"tea": "pot"}, data["status"], {"x-kind": "teapot"})
        return StreamingResponse(count(), media_type="text/plain")
"""

SAME_LOOP = """
import asyncio

class Preprocess:
    async def process(self, data, state, collect_custom_statistics_fn=None):
        return {"loop": id(asyncio.get_running_loop())}
"""

MEASURED = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        collect_custom_statistics_fn({"note": "as it is", "seen": [1, 2]})
        return {"species": "setosa"}
"""

MEASURED_TOML = """engine = "custom"
[metrics.variables]
species = { type = "enum", values = ["setosa"] }
length = { type = "scalar" }
"""

FAILING = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        raise LookupError("what the user sees in the log alone")
"""

UNLOADED = """
from pathlib import Path
import threading
import time

class Preprocess:
    def __init__(self):
        threading.Thread(target=time.sleep, args=[600]).start()

    {define} unload(self):
        Path(r"{folder}", self.model_endpoint.serving_url).write_text("unloaded")
"""
"""Leaves a thread behind that Python would wait for at its end."""

LOAD_CALLS = """
class Preprocess:
    def load(self, local_file_name):
        self.found = [self.send_request("double", data={"x": 4}), self.send_request("load_calls")]

    def process(self, data, state, collect_custom_statistics_fn=None):
        return {"found": self.found}
"""

PACKAGE = {
    "__init__.py": """
from .greeting import TEXT

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        from preprocess.deep.name import NAME
        return {"text": TEXT + NAME}
""",
    "greeting.py": "TEXT = 'hello '\n",
    "deep/name.py": "NAME = 'you'\n",
}

OWN = """
import os
import own_package
import sys

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        if "crash" in data:
            os._exit(3)
        if "call" in data:
            return {"answer": self.send_request(data["call"], data=data["data"])}
        return {"package": own_package.MARK, "process": os.getpid()}
"""
"""Requires what no layer has; and ends its process where it is told to."""


def write_wheel(folder: Path, mark: str) -> str:
    """A wheel of a package `own_package`; returns the requirement that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "own_package-1.0-py3-none-any.whl"
    about = "own_package-1.0.dist-info"
    with ZipFile(wheel, "w") as file:
        file.writestr("own_package.py", f"MARK = {mark!r}\n")
        named = "Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\n"
        file.writestr(f"{about}/METADATA", named)
        kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr(f"{about}/WHEEL", kind)
        file.writestr(f"{about}/RECORD", "")
    return f"./{wheel.name}\n"


def write_requiring(functions: Path, name: str, mark: str) -> None:
    """An endpoint with a package of its own."""
    write_endpoint(functions, name, 'engine = "custom"\ncalls = ["double"]', OWN)
    (functions / name / "requirements.txt").write_text(write_wheel(functions / name, mark))


def write_packages(functions: Path) -> None:
    """Endpoints that need more than the engine `custom` has, with it and without."""
    write_requiring(functions, "own", "a package")
    write_endpoint(functions, "broken_library", 'engine = "custom"', "import numpy\n" + DOUBLE)
    write_endpoint(functions, "broken_requirements", 'engine = "custom"', DOUBLE)
    text = f"./{os.urandom(4).hex()}-1.0-py3-none-any.whl\n"
    (functions / "broken_requirements" / "requirements.txt").write_text(text)


def write_pipelines(functions: Path) -> None:
    """Endpoints that call each other."""
    sync, both = HOP.format(define="def", wait=""), HOP.format(define="async def", wait="")
    write_endpoint(functions, "hop", 'engine = "custom"', sync)
    # Blocks its event loop, as nothing forbids in an asynchronous method of this engine.
    write_endpoint(functions, "hop_mixed", 'engine = "custom"', both)
    waits = HOP.format(define="async def", wait="await")
    write_endpoint(functions, "hop_async", 'engine = "custom_async"', waits)
    write_endpoint(functions, "fan", 'engine = "custom"', FAN)
    write_endpoint(functions, "fan_threads", 'engine = "custom"', FAN_THREADS)
    write_endpoint(functions, "cross_a", 'engine = "custom"', CROSS)
    write_endpoint(functions, "cross_b", 'engine = "custom"\ncalls = ["cross_a"]', CROSS)
    write_endpoint(functions, "double", 'engine = "custom"', DOUBLE)
    write_endpoint(functions, "slow", 'engine = "custom"', DOUBLE.replace("0.01", "0.3"))
    write_endpoint(functions, "double_async", 'engine = "custom_async"', DOUBLE_ASYNC)
    write_endpoint(functions, "load_calls", 'engine = "custom"', LOAD_CALLS)
    weights = 'engine = "canary"\n[traffic]\nweights = { "double" = 0.5, "double_async" = 0.5 }'
    write_endpoint(functions, "canary", weights)
    latest = 'engine = "canary"\n[traffic]\nprefix = "adder"\nlatest = [1.0]'
    write_endpoint(functions, "canary_prefix", latest)


def write_others(functions: Path) -> None:
    """Endpoints that stand alone, and some that cannot be served."""
    adder = 'engine = "onnx"\nmodel = "adder.onnx"\n[version.2]\n'
    write_endpoint(functions, "adder", adder, ADDER_CODE)
    write_endpoint(functions, "stream", 'engine = "custom_async"', STREAM)
    blocks = STREAM.replace("await self.send", "self.send")
    write_endpoint(functions, "stream_sync", 'engine = "custom"', blocks)
    write_endpoint(functions, "same_loop", 'engine = "custom"', SAME_LOOP)
    write_endpoint(functions, "failing", 'engine = "custom"', FAILING)
    write_endpoint(functions, "measured", MEASURED_TOML, MEASURED)
    write_endpoint(functions, "package", 'engine = "custom"')
    for name, text in PACKAGE.items():
        file = functions / "package" / "preprocess" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for mark in ("a", "b", "c", "d"):
        files = {
            "features": f"MARK = '{mark}'\nclass Scaler:\n    MARK = '{mark}'\n",
            "late": f"MARK = '{mark}'\n",
        }
        toml = 'engine = "custom"\n[version.2]\n'
        write_endpoint(functions, f"isolated_{mark}", toml, ISOLATED, **files)
    write_endpoint(functions, "broken_code", 'engine = "custom"', "class Preprocess(:")
    write_endpoint(functions, "broken_model", 'engine = "onnx"\nmodel = "absent.onnx"')
    write_endpoint(functions, "broken_toml", 'engine = "abacus"')
    write_endpoint(functions, "broken_name", 'engine = "custom"')
    toml = functions / "broken_name" / "endpoint.toml"
    toml.write_text(toml.read_text().replace("broken_name", "another"))
    write_endpoint(functions, "broken_no_toml", "", DOUBLE)
    (functions / "broken_no_toml" / "endpoint.toml").unlink()
    (functions / "notes").mkdir()  # no endpoint at all
