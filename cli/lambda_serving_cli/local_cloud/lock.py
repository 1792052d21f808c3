"""One `make up` at a time: two would build into the same folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lambda_serving_cli.terminal.errors import CommandError


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file, which tells the process that does; the system lets go of it when that ends.

    Raises:
        CommandError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"another `make up` is running here (pid {path.read_text(errors='replace')})",
                advice="wait for its end, or give this one another folder by --state",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
