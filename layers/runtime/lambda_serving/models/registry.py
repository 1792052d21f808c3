"""The registry's read side: which versions of a model there are, asked by a conditional GET.

The layout is documented in docs/registry.md; the command line writes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from lambda_serving.auto_update import AutoUpdate
from lambda_serving.errors import ModelFetchError
from lambda_serving.models.location import locate_model
from lambda_serving.models.store import open_store
from lambda_serving.settings import Runtime, VersionSettings


class Entry(NamedTuple):
    """One version in the registry."""

    settings: VersionSettings
    sample: str | None
    """Key of a request's body that the version must be able to answer."""
    size: int
    """Bytes of the model; 0 where the registry does not tell."""


def name_index(project: str, name: str) -> str:
    """The key of a model's index."""
    return f"registry/{quote(project, safe='')}/{quote(name, safe='')}/index.json"


class Index:
    """The versions of one model that an endpoint follows."""

    def __init__(self, update: AutoUpdate, shared: VersionSettings, runtime: Runtime) -> None:
        """``shared`` is what all versions have in common."""
        self._update = update
        self._shared = shared
        self._location = locate_model(name_index(update.project, update.name), runtime.model_bucket)
        self._runtime = runtime
        self._tag: str | None = None
        self._store: Any = None
        self._is_quick = False

    def connect(self) -> None:
        """Begin anew: after a SnapStart restore, connections and credentials are dead."""
        self._store = None

    def look(self, is_quick: bool) -> list[Entry] | None:
        """The versions that fit, newest first; None where nothing changed since the last look.

        ``is_quick``: a request waits, and can be served without the answer.

        Raises:
            ModelFetchError: there is no such model, or it cannot be read now.
        """
        import obstore
        from obstore.exceptions import BaseError, NotModifiedError

        update = self._update
        told = f"the model {update.name!r} of the project {update.project!r}"
        try:
            if self._store is None or self._is_quick != is_quick:
                self._store = open_store(self._location, self._runtime, is_quick)
                self._is_quick = is_quick
            options: Any = {"if_none_match": self._tag} if self._tag else None
            found = obstore.get(self._store, self._location.key, options=options)
            tag, text = found.meta["e_tag"], bytes(found.bytes())
        except NotModifiedError:
            return None
        except FileNotFoundError as error:
            raise ModelFetchError(
                f"{told} is not in the registry", private=str(self._location)
            ) from error
        except (BaseError, OSError, ValueError) as error:
            reason = type(error).__name__.removesuffix("Error")
            raise ModelFetchError(
                f"the registry cannot be asked for {told} ({reason})",
                private=f"{self._location}: {error}",
            ) from error
        try:
            entries = self._read(orjson.loads(text)["versions"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFetchError(
                f"the registry's index of {told} cannot be read",
                private=f"{self._location}: {error!r}",
            ) from error
        self._tag = tag
        return entries

    def read_sample(self, entry: Entry) -> bytes:
        """The body of a version's sample request.

        Raises:
            ModelFetchError: it cannot be read.
        """
        from obstore.exceptions import BaseError

        location = locate_model(str(entry.sample), self._runtime.model_bucket)
        try:
            return bytes(open_store(location, self._runtime).get(location.key).bytes())
        except (BaseError, OSError, ValueError) as error:
            raise ModelFetchError(
                "the sample request cannot be fetched", private=f"{location}: {error}"
            ) from error

    def _read(self, versions: dict[str, Any]) -> list[Entry]:
        update = self._update
        return [
            Entry(
                self._shared._replace(version=version, model=each["model"], sha256=each["sha256"]),
                each.get("sample"),
                int(each.get("size", 0)),
            )
            for version, each in sorted(
                versions.items(), key=lambda item: int(item[0]), reverse=True
            )
            if set(update.tags) <= set(each.get("tags", ()))
            and (each.get("published", False) or not update.published)
        ]
