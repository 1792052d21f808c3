"""Files of many kinds: taken from the installed packages, or made on the spot with the stdlib."""

import bz2
import csv
import gzip
import io
import json
import lzma
import marshal
import pickle
import sqlite3
import struct
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Callable
from importlib.util import MAGIC_NUMBER, find_spec
from pathlib import Path
from random import Random

import numpy as np

PROJECT = Path(__file__).parents[2]

INSTALLED = {
    "c_header": "numpy/_core/include/numpy/ndarraytypes.h",
    "cpp": "sklearn/svm/src/libsvm/svm.cpp",
    "css": "sklearn/utils/_repr_html/params.css",
    "csv": "sklearn/datasets/data/iris.csv",
    "html": "coverage/htmlfiles/index.html",
    "javascript": "sklearn/utils/_repr_html/estimator.js",
    "jpeg": "sklearn/datasets/images/flower.jpg",
    "json_packed": "magika/config/content_types_kb.min.json",
    "markdown": "magika/models/standard_v3_3/README.md",
    "onnx_big": "magika/models/standard_v3_3/model.onnx",
    "pem": "certifi/cacert.pem",
    "proto": "onnx/onnx.proto",
    "python": "onnxruntime/__init__.py",
    "python_big": "sympy/integrals/manualintegrate.py",
    "python_stub": "numpy/__init__.pyi",
    "rst": "boto3/examples/s3.rst",
}
"""Name of a sample -> module and path of a file that its wheel holds, on every system."""

TEXTS = {
    "dockerfile": "FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\nRUN pip install .\nCMD serve\n"
    * 3,
    "email": "From: a@example.org\nTo: b@example.org\nSubject: Hello\nMIME-Version: 1.0\n"
    "Message-ID: <1@example.org>\nContent-Type: text/plain\n\nHello, this is a mail.\n",
    "five_bytes": "hello",
    "go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("hello")\n}\n' * 4,
    "ini": "[server]\nhost = 127.0.0.1\nport = 8080\n\n[log]\nlevel = info\nfile = x.log\n" * 4,
    "java": "package org.example;\n\npublic class Main {\n    public static void main("
    'String[] args) {\n        System.out.println("hello");\n    }\n}\n',
    "jsonl": '{"id": 1, "name": "a", "tags": [1, 2]}\n{"id": 2, "name": "b", "tags": []}\n' * 9,
    "latex": "\\documentclass{article}\n\\begin{document}\n\\section{One}\nText $x^2$.\n"
    "\\end{document}\n",
    "letters": "qwpoeiruty zmxncbv alskdjfhg " * 20,
    "nine_bytes": "a = 1 + 2",
    "prose": "The garden lay quiet that evening, and nobody came down the path. " * 5,
    "rust": 'fn main() {\n    let words = vec!["a", "b"];\n    println!("{:?}", words);\n}\n' * 4,
    "shell": '#!/bin/bash\nset -euo pipefail\nfor f in *.txt; do\n  echo "$f"\ndone\n' * 3,
    "spaces_around": "\n" * 3000 + "import os\nprint(os.getcwd())\n" * 9 + " " * 2000,
    "spaces_behind": "import os\nprint(os.getcwd())\n" * 9 + " " * 9000,
    "spaces_only": " \t\n" * 3000,
    "sql": "CREATE TABLE flower (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
    "INSERT INTO flower VALUES (1, 'iris');\nSELECT name FROM flower WHERE id = 1;\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>\n',
    "xml": '<?xml version="1.0"?>\n<garden><bed id="1"><iris n="3"/></bed></garden>\n' * 2,
    "yaml": "services:\n  web:\n    image: nginx\n    ports:\n      - 80:80\n" * 4,
    # Too little text for the model behind a block of spaces, cut inside a character.
    "utf8_cut": " " * 4090 + "aaaaa" + "é" * 100,
}

BYTES = {
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 246, 0, 0, 54, 40, 8, 8, 1, 24, 0, 192, *[0] * 4)
    + bytes(range(192)),
    "empty": b"",
    "gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00"
    b"\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    "random_bytes": Random(1).randbytes(10_000),
    "random_bytes_big": Random(2).randbytes(2_000_000),
    "seven_bytes": b"\xff\xfe\x00\x80\x81\x82\x83",
    "utf16": ("The garden lay quiet that evening. " * 20).encode("utf-16"),
    "zeros": bytes(5000),
}  # fmt: skip

PDF = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> endobj
xref
0 4
0000000000 65535 f
trailer <</Size 4 /Root 1 0 R>>
startxref
180
%%EOF
"""


def read_installed(name: str) -> bytes:
    """The file of INSTALLED, found without importing its package."""
    module, _, path = INSTALLED[name].partition("/")
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, module
    return (Path(spec.origin).parent / path).read_bytes()


def make_csv() -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["id", "name", "price"], *([i, f"n{i}", i / 7] for i in range(60))])
    return text.getvalue().encode()


def make_notebook() -> bytes:
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [],
            "source": ["import numpy as np\n", "np.arange(3)"]}  # fmt: skip
    return json.dumps(
        {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    ).encode()


def make_npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(300.0))
    return file.getvalue()


def make_npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.arange(30.0), b=np.zeros(9))
    return file.getvalue()


def make_pickle() -> bytes:
    return pickle.dumps({"names": [f"n{i}" for i in range(90)], "when": complex(1, 2)})


def make_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        tail = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + tail

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(range(48)) for _ in range(16)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def make_pyc() -> bytes:
    code = compile("def add(a, b):\n    return a + b\n" * 9, "add.py", "exec")
    return MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def make_sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE flower (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO flower (name) VALUES (?)", [("iris",)] * 99)
    content = database.serialize()
    database.close()
    return content


def make_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(PROJECT / "pyproject.toml", "pyproject.toml")
    return file.getvalue()


def make_wave() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(250)) * 16)
    return file.getvalue()


def make_zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"{name}\n" * 40)
    return file.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    **{name: lambda name=name: read_installed(name) for name in INSTALLED},  # type: ignore[misc]
    **{name: text.encode for name, text in TEXTS.items()},
    **{name: lambda content=content: content for name, content in BYTES.items()},  # type: ignore[misc]
    "bzip2": lambda: bz2.compress(read_installed("markdown")),
    "csv_made": make_csv,
    "gzip": lambda: gzip.compress(read_installed("markdown"), mtime=0),
    "jar": lambda: make_zip("META-INF/MANIFEST.MF", "org/example/Main.class"),
    "json": lambda: (PROJECT / "events" / "http_post_json.json").read_bytes(),
    "makefile": lambda: (PROJECT / "Makefile").read_bytes(),
    "notebook": make_notebook,
    "npy": make_npy,
    "npz": make_npz,
    "pdf": lambda: PDF,
    "pickle": make_pickle,
    "png": make_png,
    "pyc": make_pyc,
    "sqlite": make_sqlite,
    "tar": make_tar,
    "toml": lambda: (PROJECT / "pyproject.toml").read_bytes(),
    "wav": make_wave,
    "xz": lambda: lzma.compress(read_installed("markdown")),
    "zip": lambda: make_zip("notes.txt", "more/notes.txt"),
}
"""Name of a sample -> what makes its content; the name tells a person what it is meant to be."""
