"""Who may call the local cloud's HTTP API, and with JWT the user pool that issues the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambda_serving_cli.aws.authorization import JWT
from lambda_serving_cli.aws.local_stack import REGION, STACK_NAME, USER


@dataclass(frozen=True)
class Callers:
    """The template's parameters that say who may call."""

    auth: str
    issuer: str = ""
    token_client: str = ""

    @property
    def parameters(self) -> list[str]:
        """As `sam deploy` takes them."""
        if not self.issuer:
            return [f"Auth={self.auth}"]
        return [f"Auth={self.auth}", f"JwtIssuer={self.issuer}", f"JwtAudience={self.token_client}"]


def find_callers(auth: str) -> Callers:
    """With JWT those who have a token of the local cloud's user pool, which is made if need be."""
    if auth != JWT:
        return Callers(auth)
    import boto3

    client: Any = boto3.client("cognito-idp")
    pools = client.list_user_pools(MaxResults=60)["UserPools"]
    pool = next((pool["Id"] for pool in pools if pool["Name"] == STACK_NAME), None)
    pool = pool or make_pool(client, STACK_NAME)
    [app] = client.list_user_pool_clients(UserPoolId=pool)["UserPoolClients"]
    return Callers(auth, name_issuer(pool), app["ClientId"])


def name_issuer(pool: str) -> str:
    """The issuer in the tokens of a user pool (Amazon Cognito, "Verifying JSON web tokens")."""
    return f"https://cognito-idp.{REGION}.amazonaws.com/{pool}"


def make_pool(client: Any, name: str, **validity: Any) -> str:
    """A user pool with one client and one user, whose password all know; returns its id."""
    pool: str = client.create_user_pool(PoolName=name)["UserPool"]["Id"]
    flows: Any = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client.create_user_pool_client(
        UserPoolId=pool, ClientName=name, ExplicitAuthFlows=flows, **validity
    )
    user = USER["USERNAME"]
    client.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
    client.admin_set_user_password(
        UserPoolId=pool, Username=user, Password=USER["PASSWORD"], Permanent=True
    )
    return pool
