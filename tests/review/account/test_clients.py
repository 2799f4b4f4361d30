"""How AWS is called: the Region, the profile, the time limits, and all pages of a response."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Semaphore
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from pump_roles.review.account.aws_sdk import Clients, GivenUpError, all_in, in_threads
from tests.endpoint import serving

CREDENTIALS = {"AccessKeyId": "x", "SecretAccessKey": "y", "SessionToken": "z"}


@pytest.mark.usefixtures("no_aws")
def test_no_region_is_required() -> None:
    clients = Clients(read_seconds=1, attempts=1)
    assert clients.iam().meta.region_name == "aws-global"
    assert clients.organizations().meta.region_name == "aws-global"
    assert clients.sts().meta.endpoint_url == "https://sts.us-east-1.amazonaws.com"


@pytest.mark.usefixtures("no_aws")
def test_region_of_the_profile_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text("[profile government]\nregion = us-gov-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    for region, expected in ((None, "us-gov-west-1"), ("us-gov-east-1", "us-gov-east-1")):
        clients = Clients(profile="government", region=region, read_seconds=1, attempts=1)
        assert clients.sts().meta.region_name == expected
        assert clients.iam().meta.partition == "aws-us-gov"


@pytest.mark.usefixtures("no_aws")
def test_time_limits_apply_to_every_client() -> None:
    clients = Clients(read_seconds=7, attempts=3, region="eu-central-1")
    for client in (
        *(clients.iam(), clients.with_credentials(CREDENTIALS).iam()),
        *(clients.organizations(), clients.sts()),
    ):
        config: Any = client.meta.config
        assert (config.read_timeout, config.connect_timeout) == (7, 2)
        assert config.max_pool_connections == 8
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server to which clients can connect, and that never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = url_of(server)
        with serving(lambda asked: (200, f"<R><{asked['Action']}Result/></R>")) as endpoint:
            for name, value in endpoint.environment.items():
                monkeypatch.setenv(name, value)
            for service in ("IAM", "ORGANIZATIONS", "CLOUDTRAIL"):
                monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
            monkeypatch.setattr("pump_roles.review.account.aws_sdk.Config", impatient)
            yield server


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def impatient(**settings: Any) -> Config:
    return Config(**settings | {"read_timeout": 0.1})


def ended(call: Callable[[], Any], server: socket.socket) -> str:
    """Return how a call ended, and check that it connected to the server only if it was sent."""
    try:
        call()
    except BotoCoreError as error:
        sent = not isinstance(error, GivenUpError)
        assert sent == was_connected_to(server)
        return "no response" if sent else str(error)
    return "answered"


def was_connected_to(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.usefixtures("no_aws")
def test_account_is_given_up_after_the_first_call_without_a_response(silent: socket.socket) -> None:
    clients = Clients(read_seconds=1, attempts=1)
    given_up = f"given up after no response from {url_of(silent)} (ReadTimeoutError)"
    assert ended(clients.iam().list_roles, silent) == "no response"
    # The same account.
    for call in (clients.iam().list_roles, clients.organizations().describe_organization):
        assert ended(call, silent) == given_up
    # Another account, and another Region.
    for call in (
        clients.with_credentials(CREDENTIALS).iam().list_roles,
        clients.cloudtrail("eu-west-1").lookup_events,
    ):
        assert [ended(call, silent), ended(call, silent)] == ["no response", given_up]


@pytest.mark.usefixtures("no_aws")
def test_all_accounts_are_given_up_after_three_in_a_row_without_a_response(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Clients(read_seconds=1, attempts=1)
    given_up = f"given up after no response from {url_of(silent)} (ReadTimeoutError)"
    sts = clients.sts()

    def try_account() -> str:
        # That STS responds says nothing about the account.
        sts.get_caller_identity()
        return ended(clients.with_credentials(CREDENTIALS).iam().list_roles, silent)

    assert [try_account(), try_account()] == ["no response"] * 2
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL_IAM", sts.meta.endpoint_url)
        assert try_account() == "answered"
    assert [try_account() for _ in range(3)] == ["no response"] * 3
    for call in (clients.with_credentials(CREDENTIALS).iam().list_roles, sts.get_caller_identity):
        assert ended(call, silent) == given_up


def test_every_page_of_a_response_is_read_and_must_have_its_list() -> None:
    client = Mock()
    pages = client.get_paginator.return_value.paginate
    pages.return_value = [{"Roles": [1]}, {"Roles": []}, {"Roles": [2, 3]}]
    assert [*all_in(client, "list_roles", "Roles", PathPrefix="/")] == [1, 2, 3]
    client.get_paginator.assert_called_once_with("list_roles")
    pages.assert_called_once_with(PathPrefix="/")
    wrong: Any
    for wrong in ({}, {"Roles": None}, {"Roles": {"a": 1}}):
        pages.return_value = [{"Roles": [1]}, wrong]
        with pytest.raises((KeyError, TypeError)):
            list(all_in(client, "list_roles", "Roles"))


def test_items_are_worked_on_at_once_up_to_the_limit() -> None:
    all_, free, waits = Barrier(8), Semaphore(8), list[bool]()

    def work(item: str) -> str:
        waits.append(not free.acquire(blocking=False))
        all_.wait(timeout=300)
        free.release()
        all_.wait(timeout=300)
        return f"{item}!"

    items = [str(number) for number in range(24)]
    found: list[str] = []
    results = in_threads(items, work, on_result=found.append)
    assert waits == [False] * 24
    assert not all_.broken
    assert results == [f"{item}!" for item in items]
    assert sorted(found, key=results.index) == results
