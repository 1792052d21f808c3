"""The template as SAM reads it, and what the repository's folders say it must hold."""

from typing import Any

import pytest

from tests.servers.built import FUNCTION, PROJECT, list_resources, read_endpoint_name, read_template


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return read_template()


@pytest.fixture(scope="session")
def monitoring() -> dict[str, Any]:
    """The nested stack as it is committed."""
    return read_template(PROJECT / "monitoring.yaml")


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """endpoint -> properties of its function."""
    found = list_resources(template, FUNCTION).values()
    return {read_endpoint_name(properties): properties for properties in found}


@pytest.fixture(scope="session")
def endpoints() -> list[str]:
    """The folders of functions/."""
    return sorted(path.parent.name for path in PROJECT.glob("functions/*/endpoint.toml"))
