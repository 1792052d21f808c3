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


@contextmanager
def add_routes(stack: Stack, endpoint: str, *, like: str) -> Iterator[None]:
    """The HTTP routes of `endpoint`, as the deployed endpoint `like` has them."""
    gateway = stack.connect("apigatewayv2")
    [api] = [each for each in gateway.get_apis()["Items"] if each["ApiId"] in stack.api_url]
    where = {"ApiId": api["ApiId"]}
    stem, prefix = stack.state["stack_name"], f"/serve/{like}"
    made: list[tuple[str, str]] = []
    for route in gateway.get_routes(**where)["Items"]:
        method, path = route["RouteKey"].split(" ", 1)
        if path != prefix and not path.startswith(f"{prefix}/"):
            continue
        old = route["Target"].removeprefix("integrations/")
        uri = gateway.get_integration(**where, IntegrationId=old)["IntegrationUri"]
        integration = gateway.create_integration(
            **where,
            IntegrationType="AWS_PROXY",
            IntegrationUri=uri.replace(f"{stem}-{like}", f"{stem}-{endpoint}"),
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        key = f"{method} {path.replace(prefix, f'/serve/{endpoint}')}"
        target = f"integrations/{integration}"
        made.append(
            (gateway.create_route(**where, RouteKey=key, Target=target)["RouteId"], integration)
        )
    try:
        yield
    finally:
        for route_id, integration in made:
            gateway.delete_route(**where, RouteId=route_id)
            gateway.delete_integration(**where, IntegrationId=integration)


def pack(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of the files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive.getvalue()
