"""The organization's policies compared with those in templates, on the emulated Organizations."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack
from botocore.exceptions import ClientError

from pump_roles import EmergencyStop, ReadOnlyRollout, RoleProtection, TrustProtection
from pump_roles.review.account.expectation import Expectation
from pump_roles.review.account.organization_policies import (
    PUMP_POLICIES,
    PoliciesRead,
    policy_names,
    read_policies,
    verify_policies,
)
from pump_roles.review.account.verification import PolicyResult, Verification
from pump_roles.role.assembly import OrganizationPolicy
from tests.documents import written
from tests.management import Management, management
from tests.policies import document_of
from tests.review.account.results import expected_in, matching
from tests.support import PUMP_ACCOUNT, ROLE_ARGUMENTS
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.organization import Organization

PROTECTION, STOP, _, TRUST = PUMP_POLICIES
Assembly = Mapping[str, Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[Management]:
    with management() as account:
        yield account


@pytest.fixture(scope="module")
def organization(aws: Management) -> Organization:
    return Organization.create(aws.organizations, {"Workloads": 0, "Sandbox": 0})


def synth(folder: Path, organization: Organization, **more: Any) -> Path:
    app = App(outdir=str(folder), default_stack_synthesizer=LegacyStackSynthesizer())
    unit = organization.units["Workloads"]
    rollout = ReadOnlyRollout(
        Stack(app, "Rollout"), "R", organizational_units=[unit], **ROLE_ARGUMENTS
    )
    stack = Stack(app, "PumpProtection")
    on_unit: dict[str, Any] = {"rollouts": [rollout], "targets": [unit]}
    RoleProtection(stack, "Protection", **{**on_unit, **more})
    EmergencyStop(stack, "Stop", rollouts=[rollout])
    TrustProtection(stack, "Trust", **on_unit, pump_account=PUMP_ACCOUNT)
    app.synth()
    return folder


@pytest.fixture(scope="module")
def expected(organization: Organization, tmp_path_factory: pytest.TempPathFactory) -> Expectation:
    return expected_in(synth(tmp_path_factory.mktemp("out"), organization))


@pytest.fixture
def ids(aws: Management, expected: Expectation) -> Iterator[Mapping[str, str]]:
    """The IDs of the policies, which are as expected."""
    found = {}
    for policy in expected.policies:
        created = aws.organizations.create_policy(
            Content=json.dumps(content_of(policy)),
            Description="of a test",
            Name=policy.name,
            Type=policy.type,  # type: ignore[arg-type]
        )
        found[policy.name] = created["Policy"]["PolicySummary"]["Id"]
        for target in policy.attached_to or ():
            aws.organizations.attach_policy(PolicyId=found[policy.name], TargetId=target)
    yield found
    for id_ in found.values():
        for attached in aws.organizations.list_targets_for_policy(PolicyId=id_)["Targets"]:
            aws.organizations.detach_policy(PolicyId=id_, TargetId=attached["TargetId"])
        aws.organizations.delete_policy(PolicyId=id_)


def read(aws: Management, expectation: Expectation) -> PoliciesRead:
    found = read_policies(aws.organizations, policy_names(expectation.policies))
    assert not found.unlisted
    return found


def verified(aws: Management, expectation: Expectation) -> dict[str, PolicyResult]:
    found = read(aws, expectation)
    compared = expectation.compared_policies
    results = verify_policies(compared, found, account=ACCOUNT_ID, partition="aws")
    return {result.name: result for result in results}


def shown(*results: PolicyResult) -> str:
    found = Verification(
        expected="cdk.out", expected_sha256="", accounts=(matching(1),), policies=results
    )
    return written(found, "table")


def test_policies_as_deployed_match_and_say_what_they_are_attached_to(
    aws: Management, ids: Mapping[str, str], organization: Organization, expected: Expectation
) -> None:
    unit = organization.units["Workloads"]
    found = verified(aws, expected)
    assert {name: result.attached_to for name, result in found.items()} == {
        PROTECTION: (unit,),
        STOP: (),
        TRUST: (unit,),
    }
    assert {result.state for result in found.values()} == {"match"}
    assert {name for name, result in found.items() if result.stops} == {STOP}
    text = shown(*found.values())
    assert f"  match: service control policy {PROTECTION}, attached to {unit}\n" in text
    assert f"  match: service control policy {STOP}, attached to nothing\n" in text
    assert "stopped" not in text.partition("\n")[2]
    assert "stops" not in text
    # To be attached to more is not a difference, and to the root is to be attached everywhere.
    aws.organizations.attach_policy(PolicyId=ids[PROTECTION], TargetId=organization.root)
    aws.organizations.detach_policy(PolicyId=ids[PROTECTION], TargetId=unit)
    assert verified(aws, expected)[PROTECTION].state == "match"


def test_stop_that_is_attached_is_no_difference_and_stops_what_it_names(
    aws: Management, ids: Mapping[str, str], organization: Organization, expected: Expectation
) -> None:
    aws.organizations.attach_policy(PolicyId=ids[STOP], TargetId=organization.root)
    assert {result.state for result in verified(aws, expected).values()} == {"match"}
    (attached,) = (found := read(aws, expected)).stops
    assert (attached.name, attached.attached_to) == (STOP, (organization.root,))
    assert {policy.name for policy in found.policies} == {PROTECTION, STOP, TRUST}


def content_of(policy: OrganizationPolicy) -> dict[str, Any]:
    """What AWS has of a policy that is as expected."""
    assert policy.content is not None
    document = document_of(policy.content)
    if policy.type == "RESOURCE_CONTROL_POLICY":
        document["Statement"] = [{**each, "Principal": "*"} for each in document["Statement"]]
    return document


def deny_more(document: Any) -> None:
    document["Statement"].append({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})


def without_an_action(document: Any) -> None:
    document["Statement"][0]["Action"].remove("iam:PutRole*")


def exempt_someone(document: Any) -> None:
    document["Statement"][0]["Condition"]["ArnNotLike"]["aws:principalarn"].append("*")


def without_external_id(document: Any) -> None:
    del document["Statement"][-1]


def rewrite(document: Any) -> None:
    document["Statement"].reverse()
    for statement in document["Statement"]:
        statement["Sid"] = "Rewritten"


@pytest.mark.parametrize(
    ("name", "change", "effect"),
    [
        (PROTECTION, without_an_action, "broader"),
        (PROTECTION, exempt_someone, "broader"),
        (PROTECTION, deny_more, "narrower"),
        (TRUST, without_external_id, "broader"),
        (PROTECTION, rewrite, None),
        (TRUST, rewrite, None),
    ],
)
def test_content_is_compared_by_its_meaning(  # noqa: PLR0917
    name: str,
    change: Callable[[Any], object],
    effect: str | None,
    aws: Management,
    ids: Mapping[str, str],
    expected: Expectation,
) -> None:
    (changed,) = (content_of(policy) for policy in expected.policies if policy.name == name)
    change(changed)
    aws.organizations.update_policy(PolicyId=ids[name], Content=json.dumps(changed))
    found = verified(aws, expected)
    differences = [(found.rule, found.effect) for found in found.pop(name).differences]
    assert differences == ([("organization-policy-changed", effect)] if effect else [])
    assert {result.state for result in found.values()} == {"match"}


def test_policy_that_is_detached_or_missing_differs(
    aws: Management, ids: Mapping[str, str], organization: Organization, expected: Expectation
) -> None:
    unit, other = organization.units.values()
    aws.organizations.attach_policy(PolicyId=ids[PROTECTION], TargetId=other)
    aws.organizations.detach_policy(PolicyId=ids[PROTECTION], TargetId=unit)
    renamed = replace(expected.policies[1], name="Stop")
    gone = replace(expected.policies[2], name="Gone")
    found = verified(aws, replace(expected, policies=(expected.policies[0], renamed, gone)))
    assert {
        name: [(found.rule, found.effect) for found in found.differences]
        for name, found in found.items()
        if found.differences
    } == {
        PROTECTION: [("organization-policy-detached", "broader")],
        # It is attached to nothing, but nobody can attach it now.
        "Stop": [("organization-policy-missing", "broader")],
        "Gone": [("organization-policy-missing", "broader")],
    }
    text = shown(*found.values())
    assert f"broader (organization-policy-detached): it is not attached to {unit}\n" in text
    assert "broader (organization-policy-missing): it does not exist\n" in text
    assert "More access than expected: 3." in text
    # A stack does not create again, or attach again, what was changed outside of it.
    assert "npx cdk deploy PumpProtection --revert-drift" in text
    assert "aws organizations attach-policy" in text


def test_policies_that_are_not_expected_are_shown_and_not_compared(
    aws: Management, ids: Mapping[str, str], expected: Expectation
) -> None:
    """As without templates, and after a removal."""
    assert ids
    for expectation in (replace(expected, policies=()), expected.absent()):
        found = verified(aws, expectation)
        assert [*found] == [TRUST, PROTECTION, STOP]
        assert {result.state for result in found.values()} == {"not-compared"}
        assert shown(*found.values()).count("  not compared: ") == len(found)
        result = Verification(
            expected="x", expected_sha256="", accounts=(matching(1),), policies=(*found.values(),)
        )
        assert result.state == "match"


@pytest.mark.parametrize("denied", ["list_policies", "list_targets_for_policy", "describe_policy"])
def test_policies_that_cannot_be_read_are_unknown_and_never_silent(
    denied: str, aws: Management, ids: Mapping[str, str], expected: Expectation
) -> None:
    assert ids
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "Call")

    def paginator(operation: str) -> Any:
        if operation == denied:
            raise error
        return aws.organizations.get_paginator(operation)  # type: ignore[call-overload]

    client = Mock(wraps=aws.organizations, get_paginator=paginator)
    if denied == "describe_policy":
        client.describe_policy.side_effect = error
    found = read_policies(client, policy_names(expected.policies))
    results = verify_policies(expected.policies, found, account=ACCOUNT_ID, partition="aws")
    assert {result.state for result in results} == {"unknown"}
    attached = {result.attached_to for result in results}
    assert (None in attached) == (denied != "describe_policy")
    assert shown(*results).count("could not be read: denied: ") == 3
    if denied == "list_policies":
        assert found.policies == ()
        assert verify_policies((), found, account=ACCOUNT_ID, partition="aws") == ()
        silent = Verification(
            expected="x",
            expected_sha256="",
            accounts=(matching(1),),
            notes=(*found.unlisted.values(),),
        )
        assert silent.state == "match"
        said = (
            "Whether the organization stops Pump is not known: the organization's policies could "
            "not be read: denied: "
        )
        assert said in written(silent, "table")


def test_says_that_there_is_none(aws: Management, expected: Expectation) -> None:
    assert verified(aws, replace(expected, policies=())) == {}
    said = f"Policies of the organization: none is named {', '.join(PUMP_POLICIES)}."
    assert said in shown()


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        (lambda policy: policy.update(Condition="C"), {"conditional"}),
        (lambda policy: policy["Properties"].update(Content={"Ref": "P"}), set()),
        (
            lambda policy: policy["Properties"]["Content"]["Statement"][0].update(
                Action={"Ref": "P"}
            ),
            {"unreadable"},
        ),
        (lambda policy: policy["Properties"].update(TargetIds=[{"Ref": "P"}]), {"unreadable"}),
        (lambda policy: policy["Properties"].update(Name={"Ref": "P"}), {"unreadable"}),
        (
            lambda policy: policy["Properties"].update(
                Content=json.dumps(policy["Properties"]["Content"])
            ),
            set(),
        ),
    ],
)
def test_what_templates_leave_open_is_unknown(
    change: Callable[[Any], object], unknown: set[str], organization: Organization, tmp_path: Path
) -> None:
    file = synth(tmp_path, organization) / "PumpProtection.template.json"
    template = json.loads(file.read_text())
    template["Parameters"] = {"P": {"Type": "String"}}
    template["Conditions"] = {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}}
    (policy,) = (
        resource
        for resource in template["Resources"].values()
        if resource["Properties"]["Name"] == PROTECTION
    )
    change(policy)
    file.write_text(json.dumps(template))
    found = expected_in(tmp_path).policies
    assert {reason.why for policy in found for reason in policy.unknown} == unknown
    results = verify_policies(found, PoliciesRead(), account=ACCOUNT_ID, partition="aws")
    # What may not exist is not missing.
    assert sum(result.state == "unknown" for result in results) == len(unknown)


@pytest.mark.parametrize("denied", ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"])
def test_policies_of_one_type_count_if_the_other_type_cannot_be_listed(
    denied: str, aws: Management, ids: Mapping[str, str], expected: Expectation
) -> None:
    assert ids

    def paginator(operation: str) -> Any:
        pages = aws.organizations.get_paginator(operation)  # type: ignore[call-overload]

        def paginate(**arguments: Any) -> Any:
            if arguments.get("Filter") == denied:
                raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListPolicies")
            return pages.paginate(**arguments)

        return Mock(paginate=paginate)

    client = Mock(wraps=aws.organizations, get_paginator=paginator)
    found = read_policies(client, policy_names(expected.policies))
    assert [*found.unlisted] == [denied]
    results = verify_policies(expected.policies, found, account=ACCOUNT_ID, partition="aws")
    assert {result.state for result in results if result.type == denied} == {"unknown"}
    assert {result.state for result in results if result.type != denied} == {"match"}
    assert found.has_all_stops == (denied == "RESOURCE_CONTROL_POLICY")
