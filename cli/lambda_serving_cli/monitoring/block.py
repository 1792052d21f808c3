"""The block of template.yaml that holds dashboard and alarms: made, compared, written."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.content import read_text, require_regular, write_atomically
from lambda_serving_cli.files.lock import edit_project
from lambda_serving_cli.monitoring.alarms import camel, write_alarms
from lambda_serving_cli.monitoring.dashboard import write_dashboard
from lambda_serving_cli.terminal.errors import CommandError

BEGIN = (
    "  # --- Dashboard and alarms: written by `lambda-serving monitoring`,"
    " from functions/*/endpoint.toml\n"
)
END = "  # --- end\n"

LOG_GROUP = re.compile(
    r"^  (?P<name>\w+):\n    Type: AWS::Logs::LogGroup\n(?:    .*\n)*?"
    r"      LogGroupName: !Sub \"?/aws/lambda/\$\{AWS::StackName\}-(?P<endpoint>[\w-]+)\"?\n",
    re.MULTILINE,
)
"""A resource of the template, as it stands beside each function."""


def update_template(root: Path) -> bool:
    """Bring the block in the project's template.yaml up to date. Returns whether it was not.

    Raises:
        CommandError: an endpoint.toml is wrong, or the template has no place for the block.
    """
    with edit_project(root):
        old, new = compare_template(root)
        if old != new:
            write_atomically(root / "template.yaml", new)
    return old != new


def describe_changes(root: Path) -> str:
    """The difference that ``update_template`` would make, "" where there is none.

    Raises:
        CommandError: as ``update_template``.
    """
    old, new = (text.splitlines(keepends=True) for text in compare_template(root))
    return "".join(difflib.unified_diff(old, new, "template.yaml", "as it should be"))


def compare_template(root: Path) -> tuple[str, str]:
    """The template as it is and as it should be."""
    old = read_text(root / "template.yaml")
    line_end = "\r\n" if "\r\n" in old else "\n"
    plain = old.replace("\r\n", "\n")
    new = replace_block(plain, write_block(read_endpoints(root), find_log_groups(plain)))
    if new == plain:
        return old, old
    return old, new.replace("\n", line_end)


def find_log_groups(template: str) -> dict[str, str]:
    """Endpoint -> logical id of its function's log group."""
    return {found["endpoint"]: found["name"] for found in LOG_GROUP.finditer(template)}


def read_endpoints(root: Path) -> list[EndpointSettings]:
    """Every folder of functions/ that holds an endpoint.toml, by name."""
    endpoints = []
    for file in sorted(root.glob("functions/*/endpoint.toml")):
        try:
            require_regular(file)
            endpoints.append(read_endpoint(file.parent))
        except SettingsError as error:
            raise CommandError(f"functions/{file.parent.name}/{error}") from error
        except RecursionError as error:
            raise CommandError(f"{file}: nested too deeply") from error
    return endpoints


def write_block(
    endpoints: Sequence[EndpointSettings], log_groups: Mapping[str, str] = MappingProxyType({})
) -> str:
    """All resources, between the lines BEGIN and END."""
    taken: dict[str, str] = {}
    for settings in endpoints:
        other = taken.setdefault(camel(settings.endpoint), settings.endpoint)
        if other != settings.endpoint:
            raise CommandError(
                f"the endpoints {other} and {settings.endpoint} are one name to CloudFormation,"
                " which knows letters and digits alone",
                advice="rename one of them",
            )
    alarms = [write_alarms(each, log_groups.get(each.endpoint)) for each in endpoints]
    return BEGIN + "\n".join([write_dashboard(endpoints), *alarms]) + END


def cut_block(template: str) -> str:
    """The template without what is written into it anew."""
    before, begin, rest = template.partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + after if begin and end else template


def replace_block(template: str, block: str) -> str:
    """The template with this block in place of its own; the rest of it as it is."""
    before, begin, rest = template.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CommandError(
            "template.yaml has no place for the dashboard and the alarms",
            advice=f"put these two lines at the end of Resources:\n{BEGIN}{END}",
        )
    return before + block + after
