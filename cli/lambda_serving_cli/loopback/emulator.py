"""`python emulator.py` runs ministack behind the guard, as ministack's `main` would run it.

One thing it does otherwise: a layer is unpacked once, and not by each environment that starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import runpy
import shutil
import threading
import zipfile
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

KEEP_ALIVE_SECONDS = 75
"""As ministack's own."""

UNPACKED = "SERVING_UNPACKED_LAYERS"
"""Variable with the folder of unpacked layers, which outlive the process. No function sees it."""

LAYER = re.compile(r"layer_\d+\.zip")
"""As ministack's workers call the file of a layer; what it holds goes into a folder beside it."""

_unpacking = threading.Lock()


def make_zip_file(unpacked: Path) -> type[zipfile.ZipFile]:
    """The `ZipFile` of ministack's workers: of a layer they get a link to what is unpacked."""

    class ZipFile(zipfile.ZipFile):
        @property
        def _is_layer(self) -> bool:
            return LAYER.fullmatch(os.path.basename(self.filename or "")) is not None  # noqa: PTH119

        def namelist(self) -> list[str]:
            # The caller looks at each name, for one that leads elsewhere: `extractall` does, too.
            return [] if self._is_layer else super().namelist()

        def extractall(self, path: Any = None, *arguments: Any, **options: Any) -> None:
            if not self._is_layer:
                super().extractall(path, *arguments, **options)
                return
            known = [(each.filename, each.CRC, each.file_size) for each in self.infolist()]
            folder = unpacked / hashlib.sha256(repr(known).encode()).hexdigest()[:32]
            with _unpacking:
                if not folder.exists():
                    draft = mkdtemp(prefix="draft-", dir=unpacked)
                    super().extractall(draft, self.infolist())
                    Path(draft).chmod(0o755)
                    Path(draft).rename(folder)
            os.utime(folder)
            Path(path).rmdir()
            Path(path).symlink_to(folder)
            Path(str(self.filename)).unlink()

    return ZipFile


def share_layers() -> None:
    """Let ministack's workers share what is unpacked."""
    from ministack.core import lambda_runtime

    unpacked = Path(os.environ.pop(UNPACKED))
    unpacked.mkdir(parents=True, exist_ok=True)
    for draft in unpacked.glob("draft-*"):
        shutil.rmtree(draft, ignore_errors=True)
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": make_zip_file(unpacked)})


def main() -> None:
    """Run ministack at BIND_HOST and GATEWAY_PORT until it is told to end."""
    import resource

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    # As its own main does: each function that runs has some files open.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    share_layers()
    # This project is not importable here.
    guard = runpy.run_path(str(Path(__file__).with_name("guard.py")))
    host = os.environ["BIND_HOST"]
    config = Config()
    config.bind = [f"{f'[{host}]' if ':' in host else host}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    asyncio.run(serve(guard["LocalOnly"](app, host), config))


if __name__ == "__main__":
    main()
