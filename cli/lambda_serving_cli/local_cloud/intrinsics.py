"""CloudFormation's intrinsic functions, as far as an HTTP API's document has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambda_serving_cli.aws.local_stack import REGION

ACCOUNT = "000000000000"
"""Ministack's account unless told otherwise."""

NO_VALUE = object()
"""`!Ref AWS::NoValue`: what has it is left out."""

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": NO_VALUE,
}


ARNS = {
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/",
}


def name_resources(resources: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What `Ref` and `GetAtt` of an ARN give, for logical id -> (type, physical id)."""
    names = {logical: physical for logical, (_, physical) in resources.items()}
    return names | {
        f"{logical}.Arn": ARNS[kind] + physical
        for logical, (kind, physical) in resources.items()
        if kind in ARNS
    }


class Intrinsics:
    """Resolves them by a stack's conditions, and its parameters and resources by name."""

    def __init__(self, conditions: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self._conditions = conditions
        self._names = names

    def resolve(self, value: Any) -> Any:
        """The value with every function replaced by what it gives.

        Raises:
            KeyError: a name or a function is not known.
        """
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        pairs = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not NO_VALUE}

    def _find(self, name: str) -> Any:
        return PSEUDO[name] if name in PSEUDO else self._names[name]

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._find(argument)
            case "Fn::Sub":
                text, given = argument if isinstance(argument, list) else (argument, {})
                own = self.resolve(given)
                return re.sub(
                    r"\$\{([^}]+)\}",
                    lambda found: own[found[1]] if found[1] in own else self._find(found[1]),
                    text,
                )
            case "Fn::GetAtt":
                return self._find(".".join(argument))
            case "Fn::Split":
                separator, text = argument
                return self.resolve(text).split(separator)
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.resolve(self._conditions[condition]) else no)
            case "Fn::Equals":
                left, right = self.resolve(argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.resolve(argument)[0]
        raise KeyError(name)
