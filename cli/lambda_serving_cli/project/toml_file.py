"""An `endpoint.toml` that is edited: the user's comments and order stay, and it is checked."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import KeyType, SingleKey, Table

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.content import read_text
from lambda_serving_cli.terminal.errors import CommandError

FILE = "endpoint.toml"


class EndpointFile:
    """The document of one endpoint. Nothing is written here: `render` gives the text."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises CommandError where `text` is no TOML."""
        self.path = path
        self.text = text
        try:
            self.document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise CommandError(f"{path}: not TOML: {error}") from error

    @property
    def table(self) -> dict[str, Any]:
        """What it says now, as plain values."""
        return self.document.unwrap()

    @property
    def versions(self) -> list[str]:
        """The names of its versions; "1" is what the top level describes."""
        return ["1", *(name for name in self.table.get("version", {}) if name != "1")]

    def get(self, key: str, default: Any = None) -> Any:
        """A plain value of the top level."""
        return self.table.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """A key of the top level; a mapping becomes a table, and keeps the comments of an old one.

        Keys that an old table has and `value` has not go.
        """
        if not isinstance(value, Mapping):
            self.document[key] = value
        elif isinstance(old := self.document.get(key), Table):
            _update(old, value)
        else:
            self.document[key] = make_table(value)

    def add_below(self, key: str, name: str, value: Mapping[str, Any]) -> None:
        """The table [key.name]."""
        if key not in self.document:
            self.document[key] = tomlkit.table(is_super_table=True)
        self.document[key][name] = make_table(value)

    def remove(self, key: str, *below: str) -> None:
        """A key, or one below it; a table that held nothing else goes with it."""
        if below and len(self.document[key]) > 1:
            del self.document[key][below[0]]
        else:
            del self.document[key]

    def render(self) -> str:
        """The text, if the runtime takes it.

        Raises:
            CommandError: it does not, and why; the file is untouched.
        """
        text = self._dump()
        is_there = self.path.exists()
        name = f"{self.path.parent.name}/{FILE}"
        check_text(text, f"{name} was left as it is" if is_there else "nothing was written")
        return text

    def _dump(self) -> str:
        text = tomlkit.dumps(self.document)
        if not self.text.endswith(("\n\n", "\r\n\r\n")):
            text = text.rstrip() + "\n"  # what was taken off the end leaves blank lines
        if "\r\n" in self.text:
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return text

    def read(self) -> EndpointSettings:
        """What the runtime makes of the document as it is now."""
        return check_text(self._dump(), "correct it first")

    def read_before(self) -> EndpointSettings:
        """What the runtime made of it before it was edited; where it took none of it, as now."""
        try:
            return check_text(self.text, "correct it first")
        except CommandError:
            return self.read()


def open_file(folder: Path) -> EndpointFile:
    """The endpoint.toml of a folder.

    Raises:
        CommandError: it is not there, cannot be read or is no TOML.
    """
    path = folder / FILE
    # Line ends stay as they are: what is not edited must not change.
    return EndpointFile(path, read_text(path))


def check_text(text: str, advice: str) -> EndpointSettings:
    """Read the text as the runtime would; raises CommandError with its reason and the advice."""
    with TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_text(text, encoding="utf-8", newline="")
        try:
            return read_endpoint(Path(folder))
        except SettingsError as error:
            raise CommandError(str(error), advice=advice) from error


def make_table(values: Mapping[str, Any]) -> Table:
    """A table and the tables below it; `weights` and the like stand in one line."""
    table = tomlkit.table()
    for name, value in values.items():
        table[name] = _make_item(name, value)
    return table


def _make_item(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if name == "weights":  # { "2" = 0.1, "1" = 0.9 }
        inline = tomlkit.inline_table()
        for key, share in value.items():
            inline.append(SingleKey(key, t=KeyType.Basic), share)
        return inline
    below = make_table(value)
    if value and all(isinstance(each, Mapping) for each in value.values()):
        below = tomlkit.table(is_super_table=True)
        for key, each in value.items():
            below[key] = make_table(each)
    return below


def _update(table: Table, values: Mapping[str, Any]) -> None:
    for name in [name for name in table if name not in values]:
        del table[name]
    for name, value in values.items():
        if name in table and table.unwrap()[name] == value:
            continue
        if isinstance(value, Mapping) and isinstance(table.get(name), Table):
            _update(table[name], value)
        else:
            table[name] = _make_item(name, value)
