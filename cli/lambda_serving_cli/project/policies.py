"""The policies of all functions in `template.yaml`, after `endpoint.toml` was edited by hand."""

from __future__ import annotations

import difflib

from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.files.lock import edit_project
from lambda_serving_cli.project.blocks import adapt_policy
from lambda_serving_cli.project.monitoring import read_endpoints
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template, read_template


def update_policies(project: Project) -> str:
    """Write what each function may do. Returns what changed, as `describe_policies`.

    Raises:
        CommandError: an endpoint.toml or the template is wrong. Nothing is written then.
    """
    with edit_project(project.root):
        old, new = _compare(project)
        if old != new:
            write_atomically(project.template, new)
    return _show(old, new)


def describe_policies(project: Project) -> str:
    """The difference that `update_policies` would make, "" where there is none.

    Raises:
        CommandError: as `update_policies`.
    """
    return _show(*_compare(project))


def _compare(project: Project) -> tuple[str, str]:
    """The template as it is, and as it should be."""
    template = read_template(project.template)
    old = template.text
    for settings in read_endpoints(project.root):
        if function := template.find_function(settings.endpoint):
            template = Template(adapt_policy(template, function, settings))
    return old, template.text


def _show(old: str, new: str) -> str:
    before, after = (text.replace("\r\n", "\n").splitlines(keepends=True) for text in (old, new))
    return "".join(difflib.unified_diff(before, after, "template.yaml", "as it should be"))
