"""What a role may do, by IAM's own rules, of a template after SAM's transform.

Sources: AWS IAM user guide, "Policy evaluation logic", "IAM JSON policy elements: Resource",
"IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Statement = dict[str, Any]

NAMES = {
    "AWS::StackName": "stack",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "ModelBucket.Arn": "arn:aws:s3:::models",
}
LOGS = "arn:aws:logs:eu-central-1:111122223333:log-group:"
FUNCTIONS = "arn:aws:lambda:eu-central-1:111122223333:function:"


def list_statements(resources: dict[str, Any], function: str) -> list[Statement]:
    """Of the policies in the role of a function, by its logical id."""
    role = resources[f"{function}Role"]["Properties"]
    return [
        statement
        for policy in role.get("Policies", [])
        for statement in resolve(policy["PolicyDocument"]["Statement"], resources)
    ]


def resolve(value: Any, resources: dict[str, Any], names: Mapping[str, str] = NAMES) -> Any:
    """CloudFormation's functions worked out: for a stack `stack` with the bucket `models`, or for
    that of other `names`; without what hangs on a condition, which is a key of one's own."""
    if isinstance(value, list):
        return [resolve(each, resources, names) for each in value if "Fn::If" not in each]
    if not isinstance(value, dict):
        return value
    [(name, given), *more] = value.items()
    if more or not (name == "Ref" or name.startswith("Fn::")):
        return {key: resolve(each, resources, names) for key, each in value.items()}
    if name == "Fn::Split":
        separator, text = resolve(given, resources, names)
        return text.split(separator)
    if name == "Fn::GetAtt":
        return look_up(".".join(given) if isinstance(given, list) else given, resources, names)
    if name == "Fn::Sub":
        text, own = given if isinstance(given, list) else (given, {})
        values = resolve(own, resources, names) if own else {}

        def put(found: re.Match[str]) -> str:
            key = found[1]
            if key.startswith("!"):
                return f"${{{key[1:]}}}"
            return str(values[key] if key in values else look_up(key, resources, names))

        return re.sub(r"\$\{([^}]+)\}", put, text)
    assert name == "Ref", value
    return look_up(given, resources, names)


def look_up(name: str, resources: dict[str, Any], names: Mapping[str, str]) -> str:
    if name in names:
        return names[name]
    group = resources[name.removesuffix(".Arn")]
    assert group["Type"] == "AWS::Logs::LogGroup", name
    return f"{LOGS}{resolve(group['Properties']['LogGroupName'], resources, names)}:*"


def is_allowed(
    statements: list[Statement], action: str, resource: str, context: dict[str, str] | None = None
) -> bool:
    """Whether something allows it, and nothing denies it."""
    effects = {
        statement["Effect"]
        for statement in statements
        if any(matches(action, each, re.IGNORECASE) for each in as_list(statement["Action"]))
        and is_meant(statement, resource)
        and all(map(lambda c: holds(*c, context or {}), statement.get("Condition", {}).items()))
    }
    return effects == {"Allow"}


def is_meant(statement: Statement, resource: str) -> bool:
    if "NotResource" in statement:
        return not any(matches(resource, each) for each in as_list(statement["NotResource"]))
    return any(matches(resource, each) for each in as_list(statement["Resource"]))


def holds(operator: str, wanted: dict[str, Any], context: dict[str, str]) -> bool:
    assert operator == "StringLike", operator
    return all(
        key in context and any(matches(context[key], each) for each in as_list(values))
        for key, values in wanted.items()
    )


def matches(text: str, pattern: str, flags: int = 0) -> bool:
    return re.fullmatch("".join(translate_pattern(pattern)), text, flags | re.DOTALL) is not None


def translate_pattern(pattern: str) -> Iterator[str]:
    """`*` and `?` are wildcards; `${*}`, `${?}` and `${$}` are those characters."""
    for part in re.findall(r"\$\{[*?$]\}|.", pattern, re.DOTALL):
        wildcards = {"*": ".*", "?": "."}
        yield wildcards.get(part) or re.escape(part[2] if len(part) > 1 else part)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
