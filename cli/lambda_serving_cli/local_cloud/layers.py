"""Layers as zips that are kept: a deploy packs those that changed.

`sam deploy` takes a zip as it is. A folder it packs at every deploy, to see by the zip's hash that
the bucket has it already (docs/decisions/0006-layers.md).
"""

import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from lambda_serving.models.store import hash_folder

CONTENT = re.compile(r"^(\s+ContentUri: )(\w+)$", re.MULTILINE)
"""A layer's folder in a template that `sam build` wrote."""


def pack_layers(built: Path, kept: Path) -> Path:
    """Pack the layers of the build in `built`, but for those whose zip is in `kept`.

    Returns the built template with the zips in the place of the folders.
    """
    kept.mkdir(parents=True, exist_ok=True)
    zips = set()

    def name_zip(content: re.Match[str]) -> str:
        folder = built / content[2]
        path = kept / f"{folder.name}-{hash_folder(folder)[:16]}.zip"
        if not path.exists():
            pack(folder, path)
        zips.add(path)
        return f"{content[1]}{path.relative_to(built, walk_up=True)}"

    template = built / "deployed.yaml"
    template.write_text(CONTENT.sub(name_zip, (built / "template.yaml").read_text()))
    for path in set(kept.iterdir()) - zips:
        path.unlink()
    return template


def pack(folder: Path, path: Path) -> None:
    """Zip a folder as `sam deploy` does: without times, so that the same files give the same zip.

    Packed less tightly than there, which takes a third of the time.
    """
    draft = path.with_suffix(".draft")
    with ZipFile(draft, "w", ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = (file.stat().st_mode | 0o444) << 16
            archive.writestr(entry, file.read_bytes(), ZIP_DEFLATED, compresslevel=1)
    draft.replace(path)
