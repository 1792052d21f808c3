"""Endpoints that pages of other sites cannot call, although samconfig.toml names such sites."""

from __future__ import annotations

from collections.abc import Iterator

from lambda_serving_cli.aws.authorization import IAM, NONE
from lambda_serving_cli.project.limits import list_parameters
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.validation.findings import Finding

PROBLEM = (
    "pages of other sites cannot call it: Auth={auth} refuses the preflight request of a route"
    " that takes ANY method (docs/security.md)"
)


def check_cors(project: Project, template: Template) -> Iterator[Finding]:
    """Of each environment with CorsOrigins and an authorizer."""
    for name, parameters in list_parameters(project.root).items():
        auth = parameters.get("Auth", IAM)
        if parameters.get("CorsOrigins") and auth != NONE:
            for endpoint, function in template.functions.items():
                if "ANY" in function.methods:
                    problem = PROBLEM.format(auth=auth)
                    yield Finding(endpoint, f"samconfig.toml, {name}", problem)
