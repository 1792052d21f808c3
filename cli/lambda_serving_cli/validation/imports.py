"""Imports that nothing brings, packages that never fit, and `send_request` without `calls`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.project.toml_file import FILE
from lambda_serving_cli.validation.code import Code, Import, find_main, read_code
from lambda_serving_cli.validation.findings import Finding
from lambda_serving_cli.validation.libraries import (
    REQUIREMENTS,
    describe_misfit,
    find_libraries,
    list_modules,
    read_requirements,
)

Builds = list[tuple[Path, Template]]


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
