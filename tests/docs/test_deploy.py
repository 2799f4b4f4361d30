"""The guide to a deployment has every key, and its commands do what it says."""

import re
from pathlib import Path

import pytest
from botocore.session import get_session
from click.testing import CliRunner

from pump_roles import universal
from pump_roles.app import config
from pump_roles.cli import app as cli
from pump_roles.published import ROLES
from tests.docs.pages import (
    DEPLOY,
    PLACEHOLDERS,
    README,
    filled,
    kept_in_pump_json,
    shown,
)
from tests.support import SECRET


def test_tables_of_keys_are_complete() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", DEPLOY, re.MULTILINE)
    assert sorted(listed) == sorted({key.name for key in config.KEYS.values()})


def test_line_about_a_stack_is_that_of_the_settings_above_it() -> None:
    (line,) = re.findall(r"^PumpReadOnly: role .*$", DEPLOY, re.MULTILINE)
    read_only, *_ = config.read(kept_in_pump_json(DEPLOY))
    assert read_only.summary == line


@pytest.mark.parametrize(
    ("page", "runs"),
    [(README, {"template"}), (DEPLOY, {"template", "link"})],
    ids=["README", "deploy"],
)
def test_commands_for_the_template_and_the_link_run(
    page: str, runs: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A short external ID would be a warning.
    monkeypatch.setitem(PLACEHOLDERS, "EXTERNAL_ID", SECRET)
    printed = {}
    for arguments in shown(page, "pump-roles"):
        if arguments[0] in {"template", "link"}:
            ended = CliRunner().invoke(cli, [filled(word) for word in arguments])
            assert (ended.exit_code, ended.stderr) == (0, "")
            printed[arguments[0]] = ended.stdout
    assert printed.keys() == runs
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == universal.template("read-only")
    assert f"file://{file.name}" in DEPLOY
    for name in re.findall(r"`(param_\w+)`", page):
        assert f"&{name}=" in printed["link"]


def partitions(row: str) -> list[str]:
    """Return the cells of a row of the table about AWS GovCloud (US) and China."""
    (found,) = re.findall(rf"^\| {row} \| (.*?) \| (.*?) \|$", DEPLOY, re.MULTILINE)
    return list(found)


def test_services_that_have_no_endpoint_in_a_partition_are_listed() -> None:
    session = get_session()
    services = {pattern.split(":")[0] for role in ROLES.values() for pattern in role.patterns}
    services &= set(session.get_available_services())

    def without_endpoint(partition: str) -> set[str]:
        return {
            service
            for service in services
            if not session.get_available_regions(service, partition, allow_non_regional=True)
        }

    assert (without_endpoint("aws"), without_endpoint("aws-cn")) == (set(), set())
    (listed,) = re.findall("permissions in (.*?) have no effect", partitions("billing data")[0])
    assert set(re.findall("`(.*?)`", listed)) == without_endpoint("aws-us-gov")


def test_regions_in_the_table_of_partitions_are_those_of_the_endpoints() -> None:
    session = get_session()
    iam = {}
    for partition in session.get_component("data_loader").load_data("endpoints")["partitions"]:
        service = partition["services"].get("iam", {})
        endpoint = service.get("endpoints", {}).get(service.get("partitionEndpoint"), {})
        iam[partition["partition"]] = endpoint.get("credentialScope", {}).get("region")
    said = re.findall("`([a-z0-9-]+)`", " ".join(partitions("IAM's events in CloudTrail")))
    assert said == [iam["aws-us-gov"], iam["aws"], iam["aws-cn"]]
    china = session.get_available_regions("savingsplans", "aws-cn")
    assert china == ["cn-north-1", "cn-northwest-1"]
    assert "an endpoint in each Region" in partitions("Savings Plans")[1]
