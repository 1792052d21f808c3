"""The read side of the registry: the versions of a model, by a conditional GET.

docs/registry.md documents the layout. The command line writes it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from lambda_serving.errors import ModelFetchError
from lambda_serving.models.failures import translate_errors
from lambda_serving.models.store import open_store
from lambda_serving.settings.auto_update import AutoUpdate
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.location import ADDRESS, locate_model, parse_uri
from lambda_serving.settings.runtime import Runtime

logger = logging.getLogger("lambda_serving")


class Entry(NamedTuple):
    """One version in the registry."""

    settings: VersionSettings
    sample: str | None
    """Key of a request's body that the version must be able to answer."""
    size: int
    """Bytes of the model; 0 where the registry does not tell."""


class Index:
    """The index of one model: its versions in the registry."""

    def __init__(self, update: AutoUpdate, shared: VersionSettings, runtime: Runtime) -> None:
        """``shared`` is what all versions have in common."""
        self._update = update
        self._shared = shared
        path = "/".join(quote(part, safe="") for part in (update.project, update.name))
        self._location = locate_model(f"registry/{path}/index.json", runtime.model_bucket)
        self._runtime = runtime
        self._tag: str | None = None
        self._store: Any = None
        self._is_quick = False
        self.wrong: dict[str, str] = {}
        """Versions whose entry says something that cannot be, and what; the others are served."""

    def connect(self) -> None:
        """Open a new connection: after a restore the old one and its credentials are invalid."""
        self._store = None

    def look(self, is_quick: bool) -> list[Entry] | None:
        """The versions that fit, newest first; None where nothing changed since the last look.

        ``is_quick``: a request waits, and can be served without the answer.

        Raises:
            ModelFetchError: there is no such model, or it cannot be read now.
        """
        from obstore.exceptions import NotModifiedError

        update = self._update
        told = f"the model {update.name!r} of the project {update.project!r}"
        options: Any = {"if_none_match": self._tag} if self._tag else {}
        with translate_errors(
            self._location,
            f"the registry cannot be asked for {told}",
            f"{told} is not in the registry",
        ):
            try:
                if self._store is None or self._is_quick != is_quick:
                    self._store = open_store(self._location, self._runtime, is_quick)
                    self._is_quick = is_quick
                found = self._store.get(self._location.key, options=options)
                tag, text = found.meta["e_tag"], bytes(found.bytes())
            except NotModifiedError:
                return None
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
        location = locate_model(str(entry.sample), self._runtime.model_bucket)
        told = "the sample request cannot be fetched"
        with translate_errors(location, told, told):
            return bytes(open_store(location, self._runtime).get(location.key).bytes())

    def _read(self, versions: dict[str, Any]) -> list[Entry]:
        """The entries that fit; what cannot be one is told, and takes only itself out."""
        entries: list[Entry] = []
        wrong: dict[str, str] = {}
        for version, each in versions.items():
            try:
                check_entry(version, each)
            except ValueError as error:
                wrong[version] = str(error)
                continue
            update = self._update
            is_public = each.get("published", False) or not update.published
            if is_public and set(update.tags) <= set(each.get("tags", ())):
                settings = self._shared._replace(
                    version=version, model=each["model"], sha256=each["sha256"].lower()
                )
                entries.append(Entry(settings, each.get("sample"), each.get("size", 0)))
        for version in wrong.keys() - self.wrong.keys():
            logger.error(
                "version %s in the registry's index is left out: %s", version, wrong[version]
            )
        self.wrong = wrong
        return sorted(entries, key=lambda entry: int(entry.settings.version), reverse=True)


def check_entry(version: str, entry: Any) -> None:
    """See that an index's entry is one, as far as an endpoint relies on it.

    Raises:
        ValueError: what was expected, and what came.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,17}", version):
        raise ValueError(f"expected a whole number from 1, got {version!r}")
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, got {entry!r}")
    for key, (is_right, expected) in ENTRY_KEYS.items():
        value = entry.get(key, ABSENT.get(key))
        if not is_right(value):
            raise ValueError(f"{key}: expected {expected}, got {value!r}")


def _is_address(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_uri(value))
    except ValueError:
        return False


ABSENT: dict[str, Any] = {"size": 0, "tags": [], "published": False}
"""What may be left out."""

ENTRY_KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model": (_is_address, ADDRESS),
    "sha256": (
        lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-fA-F]{64}", value)),
        "64 hexadecimal digits",
    ),
    "size": (lambda value: type(value) is int and value >= 0, "bytes"),
    "tags": (
        lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value),
        "a list of texts",
    ),
    "published": (lambda value: isinstance(value, bool), "true or false"),
    "sample": (lambda value: value is None or _is_address(value), "a key"),
}
"""Keys of an entry: what is right, and that in words."""
