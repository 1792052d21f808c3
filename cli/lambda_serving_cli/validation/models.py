"""Whether the models are where the endpoints name them, and of a kind that their engine loads."""

from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lambda_serving.models.pickles import PICKLING_ENGINES, find_objection
from lambda_serving.settings.endpoint import EndpointSettings, VersionSettings
from lambda_serving.settings.location import Location, locate_model
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.toml_file import FILE
from lambda_serving_cli.registry.catalog import Selection, tell_wrong
from lambda_serving_cli.registry.index import miss_model, require_versions
from lambda_serving_cli.registry.layout import Bucket, Index, ModelName, parse_index
from lambda_serving_cli.registry.upload import DIGEST
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.validation.code import find_main, read_code
from lambda_serving_cli.validation.findings import Finding
from lambda_serving_cli.validation.kinds import HEAD, find_mismatch

MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion"}


def check_models(
    project: Project, settings: Mapping[str, EndpointSettings], stack: DeployedStack | None
) -> Iterator[Finding]:
    """Look for every model: in the stack's bucket, or without a stack below .local/models.

    Raises:
        ClientError, BotoCoreError: S3 could not be asked.
    """
    bucket = stack.bucket if stack else project.models.as_uri()
    client = stack.client("s3") if stack else None
    for endpoint, each in settings.items():
        try:
            versions, wrong = _list_versions(project, each, stack)
        except CommandError as error:
            versions, wrong = [], [error.reason]
        for reason in wrong:
            yield Finding(endpoint, f"{FILE}, auto_update", reason)
        seen = set()
        for version in versions:
            if version.model is None or (version.model, version.sha256) in seen:
                continue
            seen.add((version.model, version.sha256))
            location = locate_model(version.model, bucket)
            problem = _find_problem(client, location, version)
            if not problem and not own_loads(project, endpoint, version):
                heads = _read_heads(client, location)
                is_foreign = stack is not None and location.bucket not in ("", stack.bucket)
                problem = find_mismatch(version.engine, heads)
                problem = problem or _find_pickle(version, heads, is_foreign)
            if problem:
                yield Finding(endpoint, f"{FILE}, version {version.version}", problem)


def list_missing(
    client: Any, bucket: str, settings: EndpointSettings, loaded: Container[str]
) -> Iterator[tuple[str, str]]:
    """(version, why) of each version that is not loaded and whose model is not in its bucket."""
    if settings.auto_update is not None:  # what it follows is in the registry
        return
    for name, version in settings.versions.items():
        if version.model is None or name in loaded:
            continue
        location = locate_model(version.model, bucket)
        problem = _find_problem(client, location, version) if location.bucket else ""
        if problem:
            yield name, problem


def _find_pickle(version: VersionSettings, names: Iterable[str], is_foreign: bool) -> str:
    """Why the runtime would refuse a pickle, or ""."""
    if version.engine not in PICKLING_ENGINES:
        return ""
    objections = [find_objection(version, name, is_foreign) for name in names]
    return objections[0] if objections and all(objections) else ""


def own_loads(project: Project, endpoint: str, version: VersionSettings) -> bool:
    """Whether the user's code has a `load` of its own, which may read models of any kind."""
    folder = project.folder(endpoint)
    main = find_main(folder, version)
    return main is not None and "load" in read_code(main, folder).methods


def _read_heads(client: Any, location: Location) -> dict[str, bytes]:
    """Name -> first bytes of the model's files; none of them where the file cannot be reached."""
    name = location.key.rpartition("/")[2]
    if not location.bucket:
        path = Path(location.key)
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        return {each.name: _read_head(each) for each in files}
    if client is None or location.is_prefix:
        return {name: b""} if name else {}
    try:
        found = client.get_object(**_address(location), Range=f"bytes=0-{HEAD - 1}")
        return {name: found["Body"].read()}
    except client.exceptions.ClientError:  # empty, or to be seen and not to be read
        return {name: b""}


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _list_versions(
    project: Project, settings: EndpointSettings, stack: DeployedStack | None
) -> tuple[list[VersionSettings], list[str]]:
    """The endpoint's versions; those that it would take from the registry now, newest first, and
    what is wrong with entries there.

    Raises:
        CommandError: the model that it follows is not there, broken, or has no version for it.
    """
    update, shared = settings.auto_update, settings.shared
    if update is None or shared is None:
        return list(settings.versions.values()), []
    model = ModelName(update.project, update.name)
    index, wrong = _require_index(project, model, stack)
    numbers = Selection(tags=update.tags, published=update.published).require_versions(index)
    entries = {number: index["versions"][number] for number in numbers[: update.max_versions]}
    versions = [
        shared._replace(version=number, model=entry["model"], sha256=entry["sha256"])
        for number, entry in entries.items()
    ]
    return versions, [tell_wrong(model, reason) for reason in wrong.values()]


def _require_index(
    project: Project, model: ModelName, stack: DeployedStack | None
) -> tuple[Index, dict[str, str]]:
    if stack:
        return require_versions(Bucket(stack.client("s3"), stack.bucket), model)
    path = project.models / model.index_key
    if not path.is_file():
        raise miss_model(model)
    return parse_index(path.read_bytes(), model)


def _find_problem(client: Any, location: Location, version: VersionSettings) -> str:
    """Why the model cannot be used, or ""."""
    if not location.bucket:
        return "" if Path(location.key).exists() else f"there is no model at {location}"
    if client is None:
        return ""  # in S3, and nobody to ask
    try:
        digest = _read_digest(client, location)
    except client.exceptions.ClientError as error:
        code = error.response["Error"].get("Code", "")
        return f"{location}: " + ("there is no such model" if code in MISSING else code)
    if digest is None or version.sha256 in (None, digest):
        return ""
    return f"{location}: its sha256 is {digest}, pinned is {version.sha256}"


def _read_digest(client: Any, location: Location) -> str | None:
    """The sha256 that the model was uploaded with, where that is known.

    Raises:
        ClientError: it is not there, or may not be seen.
    """
    if location.is_prefix:
        found = client.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
        if not found.get("KeyCount"):
            raise client.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "ListObjectsV2")
        return None
    digest: str | None = client.head_object(**_address(location))["Metadata"].get(DIGEST)
    return digest


def _address(location: Location) -> dict[str, str]:
    """The object, as S3's requests name it."""
    version = {"VersionId": location.version_id} if location.version_id else {}
    return {"Bucket": location.bucket, "Key": location.key, **version}
