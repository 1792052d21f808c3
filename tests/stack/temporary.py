"""Functions that a test adds to the deployed stack, and takes away again."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.stack.conftest import Stack

ALIAS = "live"


@contextmanager
def add_function(
    stack: Stack,
    endpoint: str,
    files: Mapping[str, bytes | str],
    *,
    like: str,
    tagged: bool = True,
    **variables: str,
) -> Iterator[str]:
    """The function `<stack>-<endpoint>`, its code `files`; gives its name.

    Layers, role and environment are those of the deployed endpoint `like`; `variables` are added.
    One that is not `tagged` does not say that it is of this stack.
    """
    functions = stack.functions
    model = functions.get_function(FunctionName=stack.state["functions"][like])
    like_it = model["Configuration"]
    name = f"{stack.state['stack_name']}-{endpoint}"
    functions.create_function(
        FunctionName=name,
        Runtime=like_it["Runtime"],
        Role=like_it["Role"],
        Handler=like_it["Handler"],
        Code={"ZipFile": pack(files)},
        Layers=[layer["Arn"] for layer in like_it["Layers"]],
        Timeout=like_it["Timeout"],
        MemorySize=like_it["MemorySize"],
        Environment={"Variables": like_it["Environment"]["Variables"] | variables},
        Tags=model["Tags"] if tagged else {},
        Publish=True,
    )
    functions.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion="1")
    try:
        yield name
    finally:
        functions.delete_function(FunctionName=name)
        logs = stack.connect("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")[
            "logGroups"
        ]:
            logs.delete_log_group(logGroupName=group["logGroupName"])


def pack(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of the files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive.getvalue()
