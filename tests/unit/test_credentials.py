"""Credentials of Lambda's endpoint: fetched, kept, renewed, and never told."""

import time
from collections.abc import Iterator
from copy import replace

import pytest

from lambda_serving import credentials
from lambda_serving.credentials import RENEW_SECONDS, Credentials, Keys
from lambda_serving.errors import CredentialsError
from lambda_serving.settings.runtime import Runtime, read_runtime
from tests.servers.container_credentials import ContainerCredentials


class Clock:
    """Seconds since 1970, as they pass at hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def container() -> Iterator[ContainerCredentials]:
    with ContainerCredentials() as container:
        yield container
        assert container.refused == 0


@pytest.fixture
def runtime(container: ContainerCredentials, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in container.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(credentials, "PAUSE", 0.0)
    return read_runtime()


def test_what_the_environment_says_counts(runtime: Runtime) -> None:
    fixed = {"access_key_id": "key", "secret_access_key": "secret"}
    assert Credentials(replace(runtime, credentials=fixed)).get() == Keys("key", "secret", None)


def test_keys_are_kept_and_renewed_in_time(
    runtime: Runtime, container: ContainerCredentials
) -> None:
    clock = Clock()
    own = Credentials(runtime, clock)
    first = own.get()
    assert container.valid[first.access_key] == first.secret_key
    assert first.token == f"session/{first.access_key}="
    clock.now = first.expires_at - RENEW_SECONDS - 1
    assert own.get() is first
    clock.now += 2
    second = own.get()
    assert container.given == [first.access_key, second.access_key]


def test_old_keys_serve_while_new_ones_fail(
    runtime: Runtime, container: ContainerCredentials
) -> None:
    clock = Clock()
    own = Credentials(runtime, clock)
    first = own.get()
    container.failures = 1000
    clock.now = first.expires_at - 1
    assert own.get() is first
    clock.now += 2
    with pytest.raises(CredentialsError, match="^the function's credentials cannot be fetched$"):
        own.get()
    container.failures = 0
    assert own.get() != first


def test_a_failure_is_tried_again(runtime: Runtime, container: ContainerCredentials) -> None:
    container.failures = 2
    assert Credentials(runtime).get().access_key == container.given[0]


def test_as_obstore_takes_them(runtime: Runtime) -> None:
    own = Credentials(runtime)
    keys, told = own.get(), own()
    assert told["access_key_id"] == keys.access_key
    assert told["secret_access_key"] == keys.secret_key
    assert told.get("token") == keys.token
    assert told["expires_at"] is not None
    assert told["expires_at"].timestamp() == keys.expires_at


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/", "https://127.0.0.1/", "file:///etc/passwd", "http://", "none"],
)
def test_an_endpoint_that_is_none(runtime: Runtime, uri: str) -> None:
    with pytest.raises(CredentialsError, match="cannot be fetched") as caught:
        Credentials(replace(runtime, credentials_uri=uri)).get()
    assert runtime.credentials_token not in caught.value.private
    assert caught.value.status == 503


def test_a_wrong_token(runtime: Runtime, container: ContainerCredentials) -> None:
    with pytest.raises(CredentialsError):
        Credentials(replace(runtime, credentials_token="another")).get()
    assert container.refused == 3
    container.refused = 0


def test_none_at_all(runtime: Runtime) -> None:
    with pytest.raises(CredentialsError, match="the function has no credentials"):
        Credentials(replace(runtime, credentials_uri="")).get()


def test_the_token_is_not_told(runtime: Runtime) -> None:
    assert runtime.credentials_token
    assert runtime.credentials_token not in repr(runtime)
