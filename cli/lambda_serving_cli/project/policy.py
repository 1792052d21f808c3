"""What a function may do: the one policy that `endpoint.toml` asks for, as text of `template.yaml`.

It stands in the function's `Policies`, so that it takes no resource of the stack's 500, and is told
from policies of the user's own by its first statement's `Sid`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.location import parse_uri
from lambda_serving_cli.project.yaml_nodes import compose, dig, read_node
from lambda_serving_cli.registry.layout import ModelName

SID = "Endpoint"
"""Of the first statement of a policy that is written here."""

FORMER = ("ReadModels", "InvokeEndpoints")
"""Policies of older templates, which allowed every model and every endpoint of the stack."""

INVOKED = (
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-"
)
"""What the ARN of an endpoint's function begins with."""

DECRYPT = (
    "&decrypt !If [HasKmsKey, {Effect: Allow, Action: kms:Decrypt, Resource: !Ref KmsKeyArn},"
    " !Ref AWS::NoValue]"
)
"""The statement that `template.yaml` has for all functions that read models."""

ALIAS = ":live"
"""`send_request` invokes the alias alone (SERVING_ALIAS)."""


class Read(NamedTuple):
    """Objects that a function reads: a key, or a `prefix/*`; `bucket` is "" for the stack's own."""

    bucket: str
    key: str
    is_prefix: bool
    is_pinned: bool

    @property
    def arn(self) -> str:
        """As the text of an `Fn::Sub`. IAM has characters of its own, CloudFormation another."""
        key = re.sub(r"[*?$]", r"${!\g<0>}", self.key)
        return f"{name_bucket(self.bucket)}/{key}{'*' * self.is_prefix}"


def name_bucket(bucket: str) -> str:
    """A bucket's ARN, as the text of an `Fn::Sub`."""
    return f"arn:${{AWS::Partition}}:s3:::{bucket}" if bucket else "${ModelBucket.Arn}"


def list_reads(settings: EndpointSettings) -> list[Read]:
    """The models of all versions, and the registry's folder of the model that is followed."""
    found = []
    for uri in [version.model for version in settings.described if version.model]:
        if not uri.startswith("file://"):
            where = parse_uri(uri)
            found.append(Read(where.bucket, where.key, where.is_prefix, bool(where.version_id)))
    if update := settings.auto_update:
        folder = ModelName(update.project, update.name).folder
        found.append(Read("", folder, is_prefix=True, is_pinned=False))
    return list(dict.fromkeys(found))


def list_targets(settings: EndpointSettings) -> list[str]:
    """Whom an endpoint asks, as `name` or `name/version`: its `calls`, or a canary's targets."""
    targets = list(settings.calls)
    if settings.traffic and settings.is_canary:
        targets += [*settings.traffic.weights, *filter(None, [settings.traffic.prefix])]
    return targets


def write_policy(settings: EndpointSettings, log_group: str | None) -> str:
    """The policy as one item of `Policies`; "" where there is nothing to allow or to forbid.

    ``log_group`` is the logical id of the function's own.
    """
    statements = [*_write_reads(settings), *_write_invokes(settings)]
    if log_group:
        # SAM gives each role AWS's own policy for logs, which allows every group of the account.
        deny = f'Effect: Deny, Action: "logs:*", NotResource: !GetAtt {log_group}.Arn'
        statements.insert(0, deny)
    if not statements:
        return ""
    statements[0] = f"Sid: {SID}, {statements[0]}"
    # Without it `${*}`, a star of a key, would be no variable (IAM user guide, "Version").
    has_variables = any(re.search(r"\$\{(!?[*?$])\}", each) for each in statements)
    version = 'Version: "2012-10-17", ' if has_variables else ""
    lines = ",\n        ".join(f"{{{each}}}" for each in statements)
    decrypt = ", *decrypt" if any(not read.bucket for read in list_reads(settings)) else ""
    return f"{{{version}Statement: [{lines}{decrypt}]}}"


def _write_reads(settings: EndpointSettings) -> Iterator[str]:
    """S3 asks for another permission where a request names a version of an object."""
    reads = list_reads(settings)
    for action, is_pinned in (("s3:GetObject", False), ("s3:GetObjectVersion", True)):
        arns = [f"!Sub {quote(read.arn)}" for read in reads if read.is_pinned is is_pinned]
        if arns:
            yield f"Effect: Allow, Action: {action}, Resource: {_write_list(arns)}"
    prefixes = [read for read in reads if read.is_prefix]
    for bucket in dict.fromkeys(read.bucket for read in prefixes):
        own = [read.key for read in prefixes if read.bucket == bucket]
        keys = [quote(f"{re.sub(r'[*?$]', r'${\g<0>}', key)}*") for key in own]
        arn = f"!Sub {quote(name_bucket(bucket))}" if bucket else "!GetAtt ModelBucket.Arn"
        condition = f"{{StringLike: {{s3:prefix: {_write_list(keys)}}}}}"
        yield f"Effect: Allow, Action: s3:ListBucket, Resource: {arn}, Condition: {condition}"


def _write_invokes(settings: EndpointSettings) -> Iterator[str]:
    callees = dict.fromkeys(target.partition("/")[0] for target in list_targets(settings))
    names = [f"{name}{ALIAS}" for name in callees]
    if not names:
        return
    if len(names) == 1:
        arns = f'!Sub "{INVOKED}{names[0]}"'
    else:  # the long beginning once: CloudFormation puts it into the names
        listed = " ".join(f"${{A}}{name}" for name in names)
        arns = f'!Split [" ", !Sub ["{listed}", {{A: !Sub "{INVOKED}"}}]]'
    yield f"Effect: Allow, Action: lambda:InvokeFunction, Resource: {arns}"


def quote(text: str) -> str:
    """A text as a YAML scalar."""
    return (
        text if re.fullmatch(r"[A-Za-z][\w./-]*\*?", text) else json.dumps(text, ensure_ascii=False)
    )


def _write_list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"[{', '.join(items)}]"


def is_ours(item: Any) -> bool:
    """Whether an item of `Policies`, as plain values, is written here or by an older version."""
    statements = dig(item, "Statement")
    first = statements[0] if isinstance(statements, list) and statements else None
    return dig(first, "Sid") == SID or dig(item, "Ref") in FORMER


def read_policy(text: str) -> Any:
    """Plain values of what `write_policy` gives; None of ""."""
    return read_node(compose(f"[{DECRYPT}, {text}]"))[1] if text else None


def compare_policies(ours: list[Any], wanted: list[Any]) -> str:
    """What one allows or forbids and the other does not; "" where both are the same."""
    if ours == wanted:
        return ""
    has, needs = _list_grants(ours), _list_grants(wanted)
    differences = (("lacks", needs - has), ("has", has - needs))
    told = [f"{verb} {', '.join(sorted(grants))}" for verb, grants in differences if grants]
    return " and ".join(told) or "is written in another way"


def _list_grants(policies: list[Any]) -> set[str]:
    """`s3:GetObject on iris/1/model.onnx`, for each pair of an action and a resource."""
    found = set()
    for policy in policies:
        if name := dig(policy, "Ref"):
            found.add(f"!Ref {name}")
        for statement in dig(policy, "Statement") or []:
            statement = (dig(statement, "Fn::If") or [None, statement])[1]
            for action in _as_list(dig(statement, "Action")):
                for resource in _list_resources(statement):
                    found.add(f"{action} on {resource}")
    return found


def _list_resources(statement: Any) -> Iterator[str]:
    """Resources by their short names; those of a listing are prefixes."""
    condition = dig(statement, "Condition", "StringLike", "s3:prefix")
    if condition is not None:
        yield from map(str, _as_list(condition))
        return
    for each in _as_list(dig(statement, "Resource") or dig(statement, "NotResource")):
        text = each
        while isinstance(text, (dict, list)):  # of Fn::Sub, Fn::GetAtt, or Fn::Split of a Fn::Sub
            parts = list(text.values()) if isinstance(text, dict) else text
            text = "" if not parts else parts[-1] if parts[0] == " " else parts[0]
        for long in (INVOKED, "${ModelBucket.Arn}/"):
            text = str(text).replace(long, "")
        yield from text.removeprefix("${A}").split(" ${A}")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
