"""How AWS is called: the Region, the profile, the time limits, and all pages of a response."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import NoRegionError

from pump_roles.review.account.clients import Clients
from pump_roles.review.account.responses import all_in


@pytest.mark.usefixtures("no_aws")
def test_only_cloudformation_requires_a_region() -> None:
    clients = Clients(read_seconds=1, attempts=1)
    assert clients.iam().meta.region_name == "aws-global"
    assert clients.organizations().meta.region_name == "aws-global"
    assert clients.sts().meta.endpoint_url == "https://sts.us-east-1.amazonaws.com"
    with pytest.raises(NoRegionError):
        clients.cloudformation()


@pytest.mark.usefixtures("no_aws")
def test_region_of_the_profile_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text("[profile government]\nregion = us-gov-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    for region, expected in ((None, "us-gov-west-1"), ("us-gov-east-1", "us-gov-east-1")):
        clients = Clients(profile="government", region=region, read_seconds=1, attempts=1)
        assert clients.cloudformation().meta.region_name == expected
        assert clients.sts().meta.region_name == expected
        assert clients.iam().meta.partition == "aws-us-gov"


@pytest.mark.usefixtures("no_aws")
def test_time_limits_apply_to_every_client() -> None:
    clients = Clients(read_seconds=7, attempts=3, region="eu-central-1")
    credentials = {"AccessKeyId": "x", "SecretAccessKey": "y", "SessionToken": "z"}
    for client in (
        *(clients.cloudformation(), clients.iam(), clients.iam(credentials)),
        *(clients.organizations(), clients.sts()),
    ):
        config: Any = client.meta.config
        assert (config.read_timeout, config.connect_timeout) == (7, 2)
        assert config.max_pool_connections == 8
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}


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
