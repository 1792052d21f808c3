"""The command line against a registry in a loopback S3, as a user types it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import boto3

from lambda_serving_cli.registry.layout import Bucket
from tests.servers.dev_server import clean_environment
from tests.servers.forked import Forked
from tests.servers.program import run_here
from tests.servers.s3 import S3Server

COMMAND = [str(Path(sys.executable).with_name("lambda-serving")), "model"]
BUCKET = "models"
NAMED = ("--project", "p", "--name", "n")
INDEX = "registry/p/n/index.json"
MIB = 1 << 20


def start_command(folder: Path, *arguments: object, **env: str) -> subprocess.Popen[str]:
    """Start `lambda-serving model …` in a folder, which also has its cache."""
    return Forked(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=clean_environment(XDG_CACHE_HOME=str(folder / "cache"), **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_command(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """(stdout, stderr) of a command that ends with that code, and without a traceback."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, f"{process.returncode}: {out}{err}"
    assert "Traceback" not in out + err
    return out, err


def run_command(folder: Path, *arguments: object, code: int = 0, **env: str) -> tuple[str, str]:
    """(stdout, stderr) of `lambda-serving model …` in this process: a program of its own takes a
    second to start."""
    line = ["model", *map(str, arguments)]
    done = run_here(folder, *line, env={"XDG_CACHE_HOME": str(folder / "cache")} | env)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


class Registry:
    """A bucket, and a state folder that names it as the local cloud's. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = S3Server(buckets={BUCKET: {}})

    def __enter__(self) -> Self:
        self.s3.start()
        state = self.folder / "state"
        state.mkdir()
        stack = {
            "api_url": "http://127.0.0.1:9/api",
            "aws_endpoint_url": self.s3.endpoint,
            "region": "us-east-1",
            "stack_name": "lambda-serving",
            "model_bucket": BUCKET,
            "functions": {},
        }
        (state / "stack.json").write_text(json.dumps(stack))
        return self

    def __exit__(self, *exception: object) -> None:
        self.s3.stop()

    def write(self, name: str, content: bytes | int) -> Path:
        """A file; of random bytes where only their number is given."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else os.urandom(content))
        return path

    def fill(self) -> None:
        """Put three versions of p/n there without the command; the second one is published."""
        entry = {
            "framework": "onnx",
            "size": 4,
            "tags": ["eu"],
            "published": False,
            "created": "2026-11-22T12:00:00Z",
            "libraries": {"skl2onnx": "1.20.0"},
        }
        versions = {}
        for number in ("1", "2", "3"):
            key = f"registry/p/n/{number}/model.onnx"
            self.s3.put(BUCKET, key, b"data")
            versions[number] = {**entry, "model": key, "sha256": number * 64}
        versions["2"] |= {"published": True, "tags": ["eu", "good"]}
        index = {"schema": 1, "project": "p", "name": "n", "versions": versions, "next": 4}
        self.s3.put(BUCKET, INDEX, json.dumps(index).encode())

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start `lambda-serving model …`, stdout and stderr apart."""
        return start_command(self.folder, *arguments, "--state", self.folder / "state")

    def run(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """Run it: (stdout, stderr) where it ends with that code, and without a traceback."""
        return end_command(self.start(*arguments), code)

    def invoke(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """Like `run`, but in this process."""
        return run_command(self.folder, *arguments, "--state", self.folder / "state", code=code)

    def ask(self, *arguments: object) -> Any:
        """Invoke it with --json: what it gives."""
        return json.loads(self.invoke(*arguments, "--json")[0])

    def upload(self, path: Path, *options: object) -> Any:
        """Upload a file that no framework made as the next version of p/n."""
        return self.ask("upload", *NAMED, path, "--framework", "custom", "--part-size", 5, *options)

    def connect(self) -> Bucket:
        """The bucket, for calls within this process."""
        client = boto3.client(
            "s3",
            endpoint_url=self.s3.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        return Bucket(client, BUCKET)

    def read_index(self, project: str = "p", name: str = "n") -> dict[str, Any]:
        key = f"registry/{quote(project, safe='')}/{quote(name, safe='')}/index.json"
        index: dict[str, Any] = json.loads(self.s3.read(BUCKET, key))
        return index

    def check_whole(self) -> dict[str, Any]:
        """All versions of p/n, each with all of its bytes in the bucket."""
        if INDEX not in self.s3.buckets[BUCKET]:
            return {}
        versions: dict[str, Any] = self.read_index()["versions"]
        for version, entry in versions.items():
            assert entry["model"].startswith(f"registry/p/n/{version}/")
            body = self.s3.read(BUCKET, entry["model"])
            assert hashlib.sha256(body).hexdigest() == entry["sha256"]
            assert len(body) == entry["size"]
        return versions

    def list_keys(self, prefix: str = "registry/") -> list[str]:
        return sorted(key for key in self.s3.buckets[BUCKET] if key.startswith(prefix))
