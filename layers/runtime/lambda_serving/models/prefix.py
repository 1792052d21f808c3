"""All objects below a prefix, as of one moment.

S3 cannot read several objects at once. So every fetched object must have the ETag of one listing.
If an object changes meanwhile, the prefix is listed again, and changed objects are fetched again.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_serving.errors import ModelFetchError
from lambda_serving.models.download import PIECE, write_all
from lambda_serving.models.failures import is_missing_bucket, replace_model, translate_errors
from lambda_serving.models.patience import Patience
from lambda_serving.settings.location import Location

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store

TRIES = 3

PAGE = 1000
"""Keys of a page of S3's listing. One page is of one moment; several are not."""

CONNECTIONS = 8


class Item(NamedTuple):
    """An object as a listing has it."""

    size: int
    etag: str | None


class _ReplacedError(Exception):
    """An object is another one than the listing said, or is gone."""


class Prefix:
    """The objects below a location, for ``folder``."""

    def __init__(
        self, store: S3Store, location: Location, folder: Path, patience: Patience
    ) -> None:
        self._store = store
        self._location = location
        self._folder = folder
        self._patience = patience
        self._have: dict[str, Item] = {}
        """What lies in the folder."""

    def fetch(self) -> None:
        """Fetch all files.

        Raises:
            ModelFetchError: there are none, they cannot be fetched, or they keep changing.
            OSError: the local disk refuses them.
        """
        for tries_left in reversed(range(TRIES)):
            items = self._list()
            try:
                self._fetch_listed(items)
                return
            except _ReplacedError as error:
                if not tries_left:
                    raise replace_model(self._location) from error

    def _fetch_listed(self, items: dict[str, Item]) -> None:
        """Have exactly these; raises _ReplacedError where that cannot be."""
        stale = [key for key, item in self._have.items() if items.get(key) != item]
        for key in stale:
            self._locate(key).unlink(missing_ok=True)
            del self._have[key]
        missing = [key for key in items if key not in self._have]
        with ThreadPoolExecutor(CONNECTIONS, "model-file") as pool:
            list(pool.map(lambda key: self._fetch_file(key, items[key]), missing))
        if not self._have:
            raise miss_files(self._location)
        if len(items) > PAGE and self._list() != items:
            raise _ReplacedError

    def _locate(self, key: str) -> Path:
        return self._folder / key.removeprefix(self._location.key)

    def _fetch_file(self, key: str, item: Item) -> None:
        from obstore.exceptions import PermissionDeniedError

        options: GetOptions = {"if_match": item.etag} if item.etag else {}
        with self._notice_changes():
            try:
                found = self._store.get(key, options=options)
            except (FileNotFoundError, PermissionDeniedError) as error:
                if item.size == 0:  # the mark of an empty folder: the object is `key/`
                    return
                # S3 hides what is missing from those who may list a prefix alone.
                if isinstance(error, PermissionDeniedError) and key not in self._list():
                    raise _ReplacedError from error
                raise
        target = self._locate(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb", buffering=0) as file:
            # The disk's errors are raised as they are: they are not the network's.
            pieces = iter(found.stream(min_chunk_size=PIECE))
            while piece := self._take(pieces):
                write_all(file.fileno(), piece)
        self._have[key] = item

    def _take(self, pieces: Iterator[Any]) -> Any | None:
        with self._notice_changes():
            piece = next(pieces, None)
            self._patience.note()
            return piece

    @contextmanager
    def _notice_changes(self) -> Iterator[None]:
        """Raises _ReplacedError; ModelFetchError for what else goes wrong."""
        from obstore.exceptions import PreconditionError

        with translate_errors(self._location):
            try:
                yield
            except (PreconditionError, FileNotFoundError) as error:
                if is_missing_bucket(error):
                    raise
                raise _ReplacedError from error

    def _list(self) -> dict[str, Item]:
        """Keys below the prefix, without what only marks a folder.

        S3's console makes a folder by an empty object `folder/`; obstore lists it as `folder`.
        """
        found: dict[str, Item] = {}
        with translate_errors(self._location, "the model's files cannot be listed"):
            for page in self._store.list(self._location.key):
                self._patience.note()
                found |= {each["path"]: Item(each["size"], each["e_tag"]) for each in page}
        folders = {str(parent) for key in found for parent in PurePosixPath(key).parents}
        folders.add(self._location.key.rstrip("/"))
        files = {key: item for key, item in found.items() if item.size or key not in folders}
        if not files:
            raise miss_files(self._location)
        return files


def miss_files(location: Location) -> ModelFetchError:
    return ModelFetchError("the model is not there", private=f"{location}: no object below it")
