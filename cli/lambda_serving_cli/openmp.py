"""OpenMP for LightGBM, whose wheel takes the system's ``libgomp.so.1`` and brings none.

On Lambda the layer's ``lib`` has it (layers/engine_lightgbm). Everywhere else it comes from the
wheels of XGBoost and scikit-learn: they bring the same library under a name of its own, so that
it is loaded here under the one that LightGBM asks for. ``lambda_serving_openmp.pth`` has this
module imported whenever Python starts in the project's environment: whoever imports LightGBM
there, a test, an example, a pickle or a user's class, has OpenMP first.
"""

import sys

# Every start of Python in the environment waits for this module: it imports nothing else.

NAME = "libgomp.so.1"

WHEELS = ("xgboost_cpu.libs", "scikit_learn.libs")
"""Folders of wheels that bring it, beside their packages."""


class OpenMPFinder:
    """Finds no module; loads OpenMP when LightGBM is looked for."""

    @staticmethod
    def find_spec(name: str, path: object, target: object = None) -> None:
        if name == "lightgbm" and sys.platform == "linux":
            load_openmp()


def install() -> None:
    """Load OpenMP from now on before LightGBM is imported."""
    if OpenMPFinder not in sys.meta_path:
        sys.meta_path.insert(0, OpenMPFinder)


def load_openmp() -> None:
    """Load the library of a wheel under the name that LightGBM asks for, once in a process.

    Where no wheel has it, it is left to the loader, which names what it does not find.
    """
    import ctypes  # LightGBM imports these two as well
    import os
    from pathlib import Path

    try:
        ctypes.CDLL(NAME, mode=os.RTLD_NOLOAD)
        return  # it is loaded
    except OSError:
        found = [
            file
            for folder in sys.path
            for wheel in WHEELS
            for file in Path(folder, wheel).glob("libgomp-*.so.*")
        ]
    if not found:
        return
    # The loader knows a library that it has by the name in the file itself (DT_SONAME).
    own, name = found[0].name.encode(), NAME.encode()
    data = found[0].read_bytes().replace(own + b"\0", name.ljust(len(own) + 1, b"\0"))
    with os.fdopen(os.memfd_create(NAME), "wb", buffering=0) as file:
        file.write(data)
        ctypes.CDLL(f"/proc/{os.getpid()}/fd/{file.fileno()}")
