"""The OpenAPI document of a dev server's endpoint, put to Schemathesis."""

import os
import subprocess
from pathlib import Path

from tests.conftest import ADDER_CODE
from tests.leaks import KEYS, find_leaks
from tests.models import make_adder
from tests.servers.dev_server import DevServer, write_endpoint

TOML = 'engine = "onnx"\nmodel = "adder.onnx"\n[version.2]\n'
CODE = ADDER_CODE.replace(
    "        return np.array",
    """        for name in ("a", "b"):
            if not isinstance(body, dict) or not isinstance(body.get(name), int | float):
                raise ValueError(f"expected the number {name}")
        return np.array""",
    1,
)
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,unsupported_method"
)


def fuzz_openapi(schemathesis: Path, folder: Path, examples: int, seed: int) -> str:
    """Serve the adder, and put ``examples`` requests to each of its routes; gives the report.

    Raises:
        AssertionError: an answer is none that the document has, or the log tells a secret.
    """
    functions, models = folder / "functions", folder / "models"
    models.mkdir(parents=True)
    (models / "adder.onnx").write_bytes(make_adder())
    write_endpoint(functions, "adder", TOML, CODE)
    with DevServer(functions, models, folder / "log.txt", env=KEYS) as server:
        base = str(server.http.base_url).rstrip("/")
        document = f"{base}/serve/adder/openapi.json"
        done = subprocess.run(
            [schemathesis, "run", document, "--checks", CHECKS, "--max-examples", str(examples),
             "--seed", str(seed), "--phases", "examples,coverage,fuzzing"],
            env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}, cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert find_leaks(done.stdout, folder) == []
    return done.stdout
