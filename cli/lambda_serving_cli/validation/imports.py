"""Imports that nothing brings, packages that never fit, and `send_request` without `calls`."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving_cli.files.content import read_lines
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.project.toml_file import FILE
from lambda_serving_cli.validation.code import Code, Import, find_main, has_module, read_code
from lambda_serving_cli.validation.findings import Finding
from lambda_serving_cli.validation.sizes import find_built

Builds = list[tuple[Path, Template]]

REQUIREMENTS = "requirements.txt"

RUNTIME_MODULES = {
    "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six",
    "snapshot_restore_py", "urllib3",
}  # fmt: skip
"""What Lambda's Python has beside the standard library (AWS Lambda, "Python runtimes")."""

NEVER_FIT = {
    "catboost": 'CatBoost writes it: save_model(path, format="onnx")',
    "tensorflow": "tf2onnx converts it",
    "torch": "`lambda-serving model upload --to-onnx` converts it, or torch.onnx.export",
}
"""Libraries over Lambda's limit by themselves -> how their models become ONNX."""

BRINGS = {
    "fastai": "torch", "lightning": "torch", "pytorch-lightning": "torch",
    "sentence-transformers": "torch", "tensorflow-cpu": "tensorflow", "tf-keras": "tensorflow",
    "timm": "torch", "torchaudio": "torch", "torchvision": "torch", "ultralytics": "torch",
}  # fmt: skip
"""Distributions that depend on one of them, or are it under another name."""


def check_misfits(project: Project) -> Iterator[Finding]:
    """Requirements that Lambda can never take, whatever else the function has."""
    for endpoint in project.list_endpoints():
        for name in read_requirements(project.folder(endpoint) / REQUIREMENTS):
            if problem := describe_misfit(name):
                yield Finding(endpoint, REQUIREMENTS, problem)


def check_code_of_endpoints(
    project: Project,
    template: Template,
    settings: Mapping[str, EndpointSettings],
    builds: Builds,
) -> Iterator[Finding]:
    """What the code of every version imports and asks, against what its function has."""
    for endpoint, each in settings.items():
        folder = project.folder(endpoint)
        mains = (find_main(folder, version) for version in each.described)
        codes = [read_code(main, folder) for main in dict.fromkeys(filter(None, mains))]
        found = [
            *_check_imports(project, template, endpoint, codes, builds),
            *_check_calls(project, each, codes),
        ]
        for file, line, problem in dict.fromkeys(found):
            name = str(file.relative_to(folder)) if file.is_relative_to(folder) else file.name
            yield Finding(endpoint, f"{name}, line {line}", problem)


def _check_imports(
    project: Project, template: Template, endpoint: str, codes: list[Code], builds: Builds
) -> Iterator[tuple[Path, int, str]]:
    libraries = find_libraries(project, template, endpoint, builds)
    for each in (each for code in codes for each in code.imports):
        name = each.name.partition(".")[0]
        if libraries.lacks(name):
            yield each.file, each.line, _describe_lack(project, template, endpoint, each, name)


def _describe_lack(
    project: Project, template: Template, endpoint: str, each: Import, name: str
) -> str:
    if misfit := describe_misfit(name):
        return f"it imports {each.name!r}: {misfit}"
    problem = (
        f"it imports {each.name!r}, which neither its files, {REQUIREMENTS} nor its layers have"
    )
    for folder, layer in template.layers.items():
        pinned = read_requirements(project.root / "layers" / folder / REQUIREMENTS)
        if any(name in (list_modules(one) or ()) for one in pinned):
            return f"{problem}: add !Ref {layer} to the Layers of its function"
    return f"{problem}: add what brings it to functions/{endpoint}/{REQUIREMENTS}"


def _check_calls(
    project: Project, settings: EndpointSettings, codes: list[Code]
) -> Iterator[tuple[Path, int, str]]:
    known = project.list_endpoints()
    for call in (call for code in codes for call in code.calls):
        if not settings.calls:
            example = call.endpoint or "other"
            yield (
                call.file,
                call.line,
                f"it uses send_request, and {FILE} names nobody whom it may ask: "
                f'calls = ["{example}"], then `lambda-serving policies`',
            )
            return  # one line is enough
        name = (call.endpoint or "").partition("/")[0]
        if name and name not in known:
            yield call.file, call.line, f"it asks {name!r}: there is no endpoint {name!r}"


def describe_misfit(name: str) -> str | None:
    """Why a distribution or module of this name never fits, and the way out; None where it may."""
    name = canonical(name)
    library = BRINGS.get(name, name)
    if library not in NEVER_FIT:
        return None
    cause = name if name == library else f"{name} needs {library}, which"
    return (
        f"{cause} never fits into a function (262 MB with its layers): "
        f"{NEVER_FIT[library]}, and the engine onnx runs it (docs/conversion.md)"
    )


def canonical(name: str) -> str:
    """A distribution's name as all its spellings compare (Python Packaging, "Names")."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Libraries:
    """Folders that modules lie in, or modules by name; `is_whole`: there is nothing more."""

    folders: list[Path] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    is_whole: bool = True

    def lacks(self, name: str) -> bool:
        """Whether it is certain that a top-level module of this name cannot be imported."""
        if name in sys.stdlib_module_names or name in RUNTIME_MODULES or name in self.modules:
            return False
        return self.is_whole and not any(has_module(folder, name) for folder in self.folders)


def find_libraries(
    project: Project, template: Template, endpoint: str, builds: Builds
) -> Libraries:
    """What the function of an endpoint can import beside the user's own files; `builds` are there,
    newest first.

    Where it is built, and no requirements changed since, the built folders tell: they are what
    Lambda gets. Else the requirements of the function and of its layers do. Which modules a
    distribution brings is then read from its metadata in this environment, which has all of the
    layers'. One that is not installed here may bring any module: nothing is said of the function's
    imports then, until it is built.
    """
    function = template.find_function(endpoint)
    layers = template.list_layers(function)
    sources = {name: template.resources[name] for name in layers if name in template.resources}
    folders = [
        project.root / str(layer.properties.get("ContentUri", "")) for layer in sources.values()
    ]
    changed = [project.folder(endpoint) / REQUIREMENTS, *(each / REQUIREMENTS for each in folders)]
    for folder, built in builds:
        found = _list_built(folder, built, endpoint, list(sources))
        time = (folder / "template.yaml").stat().st_mtime
        if found and all(file.stat().st_mtime <= time for file in changed if file.exists()):
            return Libraries(folders=found)
    modules, is_whole = set[str](), all(file.is_file() for file in changed[1:])
    for place in folders:
        modules |= {path.name for path in place.glob("*") if path.is_dir()}
    for file in changed:
        for name in read_requirements(file):
            known = list_modules(name)
            modules |= known or set()
            is_whole = is_whole and known is not None
    return Libraries(modules=modules, is_whole=is_whole)


def _list_built(
    build: Path, template: Template, endpoint: str, layers: list[str]
) -> list[Path] | None:
    """The folders that a function has on its path; None where one of them is not built."""
    places = [find_built(build, template.find_function(endpoint))]
    places += [find_built(build, template.resources.get(name)) / "python" for name in layers]
    return places if all(place.is_dir() for place in places) else None


def read_requirements(file: Path) -> Iterator[str]:
    """Names of distributions in a requirements.txt, and in what it includes; "" for other lines."""
    for line in read_lines(file):
        text = line.partition("#")[0].strip()
        if match := re.match(r"(?:-r|--requirement)[ =]*(\S+)", text):
            other = file.parent / match[1]
            yield from read_requirements(other) if other != file else ()
        elif text and not text.startswith("-"):
            match = re.match(r"([A-Za-z0-9][\w.-]*)\s*(\[[^]]*\])?\s*(?=$|[;=<>!~@(])", text)
            yield match[1] if match else ""


@cache
def list_modules(name: str) -> frozenset[str] | None:
    """Top-level modules of a distribution and of all that it needs; None where it is not here."""
    found, seen, waiting = set[str](), set[str](), [name]
    while waiting:
        each = canonical(waiting.pop())
        if each in seen:
            continue
        seen.add(each)
        about = _find_distribution(each)
        if about is None:
            return None
        found |= _read_modules(about)
        for need in about.requires or ():
            other = re.split(r"[^\w.-]", need.strip(), maxsplit=1)[0]
            # What is needed on some machines alone is here if it is needed on such as this.
            if ";" not in need or ("extra" not in need and _find_distribution(other)):
                waiting.append(other)
    return frozenset(found)


def _find_distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def _read_modules(about: Distribution) -> set[str]:
    """The first parts of its files' names, which is more than `top_level.txt` tells."""
    record = about.read_text("RECORD")
    if record is None:  # installed by another tool than pip or uv
        paths = [str(file) for file in about.files or ()]
    else:
        paths = record.splitlines()
    names = {re.split(r"[/.,]", path, maxsplit=1)[0] for path in paths}
    return {name for name in names if name.isidentifier() and name != "__pycache__"}
