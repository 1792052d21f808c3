"""An upload's own id, remembered on this machine until it is done, so that the same command goes
on with it after a cut."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from lambda_serving_cli.registry.layout import Bucket, ModelName


@contextmanager
def hold_attempt(bucket: Bucket, model: ModelName, sha256: str) -> Iterator[str]:
    """The id of the unfinished upload of this artifact, or a new one; forgotten if all goes well.

    While another process of this machine uploads the same, or where nothing can be written, the
    id is a new one that nobody remembers.
    """
    where = (bucket.client.meta.endpoint_url, bucket.name, model.project, model.name, sha256)
    name = hashlib.sha256("\0".join(where).encode()).hexdigest()
    # XDG Base Directory Specification
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(cache, "lambda-serving", "uploads", name)
    attempt = os.urandom(6).hex()
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a+"))
            flock(file, LOCK_EX | LOCK_NB)
        except OSError:
            yield attempt
            return
        file.seek(0)
        attempt = file.read().strip() or attempt
        file.truncate(0)
        file.write(attempt)
        file.flush()
        yield attempt
        file.truncate(0)  # for one that opened it before it goes
        path.unlink(missing_ok=True)
