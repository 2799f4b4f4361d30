"""What the roles can do in plain words: the list, and each answer."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import Guardrail
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.iam.catalog import newer, shipped
from pump_roles.iam.decisions import NOT_GRANTED, Grant, PolicyEvaluator
from pump_roles.iam.identity_policies import Policy, known, parse_policy
from pump_roles.iam.trust import parse_trust
from pump_roles.published import ROLES
from pump_roles.review.output.report_descriptions import answered as answered_in_words
from pump_roles.review.report import LIMITED, NO, UNKNOWN, YES, Answer, Report
from pump_roles.review.report.permission_report import of_contents, of_published
from pump_roles.review.report.questions import questions
from pump_roles.role.assembly import Assembly, DeployedRole
from pump_roles.role.guardrail_policies import published_role
from pump_roles.role.iam_role import Role
from tests.decisions.test_guardrails import LIMITS, SUPPORT_WRITES, UNDOCUMENTED
from tests.every_guardrail import EVERY
from tests.review.report.test_action_risks import fields, operations
from tests.support import (
    another,
    changed,
    some,
    trust,
)
from tools.sandbox import catalog
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    decide,
    use,
)
from tools.sandbox.simulator import Role as Deployed

LISTED: list[dict[str, Any]] = json.loads(
    resources.files("pump_roles.review.report").joinpath("questions.json").read_bytes()
)
NAMED = sorted({action for statement in LISTED for action in statement["actions"]})


def role_of(
    *policies: tuple[str, Mapping[str, Any]],
    own: Iterable[Policy] = published_role("auto-pilot").policies,
) -> Role:
    """The auto-pilot role with some more policies."""
    return Role(
        kind="auto-pilot",
        name=known("PumpAutoPilotRole"),
        trust=parse_trust(trust("999988887777", "Example-1234")),
        policies=(*own, *(parse_policy(found, name=name) for name, found in policies)),
    )


ReportWith = Callable[[str], Report]


def answers(report: Report) -> dict[str, Answer]:
    """The only role's answers, by the ID of the statement."""
    (role,) = report.roles
    return {statement.id: statement.roles[role.kind] for statement in report.statements}


def document(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Resource": "*", **statement}]}


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return document(Effect="Allow", Action=list(actions), **more)


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    return document(Effect="Deny", Action=list(actions), **more)


def answered(*policies: Mapping[str, Any]) -> dict[str, str]:
    """The answers of a role that has only some policies."""
    role = role_of(*((f"Policy{number}", found) for number, found in enumerate(policies)), own=())
    evaluator = PolicyEvaluator(role.policies, shipped())
    return {
        statement.id: statement.roles[role.kind].answer
        for statement in questions({role.kind: (evaluator, True)})
    }


published_report = cache(of_published)


ONLY = {"change-organization"}


def test_questions_have_an_id_each_a_title_and_actions() -> None:
    for member in ("id", "title"):
        assert len({statement[member] for statement in LISTED}) == len(LISTED)
    for statement in LISTED:
        more = {"only"} if statement["id"] in ONLY else set()
        assert statement.keys() == {"id", "topic", "title", "note", "source", "actions"} | more
        assert all(statement[member] for member in ("id", "topic", "title", "actions"))
        assert statement["source"] or not statement["note"]
        assert len(set(statement["actions"])) == len(statement["actions"])


ENVIRONMENTS_AND_THE_LIKE = {
    # environment variables: Amazon ECS API Reference, "ContainerDefinition" and "ContainerOverride"
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeDaemonTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:DescribeExpressGatewayService",
    # "LogConfiguration" and "DeploymentLifecycleHook"
    "ecs:DescribeServices",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServiceDeployments",
    # the configuration of an add-on: Amazon EKS API Reference, "Addon" and "UpdateParam"
    "eks:DescribeAddon",
    "eks:DescribeUpdate",
    # user data: the API references of Amazon EC2 and Amazon EC2 Auto Scaling
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeSpotFleetRequests",
    "autoscaling:DescribeLaunchConfigurations",
}
CREDENTIALS = {
    # signatures and presigned URLs: Amazon EC2 API Reference, "S3Storage",
    # "DiskImageDescription", "SnapshotDetail", and "SnapshotTaskDetail"
    "ec2:DescribeBundleTasks",
    "ec2:DescribeConversionTasks",
    "ec2:DescribeImportImageTasks",
    "ec2:DescribeImportSnapshotTasks",
    # "TunnelOption", "OidcOptions", and what proves the ownership of addresses and names
    "ec2:DescribeVpnConnections",
    "ec2:DescribeVerifiedAccessTrustProviders",
    "ec2:DescribeIpamExternalResourceVerificationTokens",
    "ec2:DescribeVpcEndpointServiceConfigurations",
    # Amazon EKS API Reference, "ConnectorConfigResponse" and "License"
    "eks:DescribeCluster",
    "eks:DescribeEksAnywhereSubscription",
    "eks:ListEksAnywhereSubscriptions",
}


def test_every_action_that_matters_is_in_a_statement() -> None:
    actions = published_report().actions
    writes = {action.name for action in actions if not action.only_reads}
    data = {action.name for action in actions if action.data}
    spends = {action.name for action in actions if action.spends}
    assert (len(writes), len(data) > 100, len(spends)) == (62, True, 8)
    assert writes | data <= set(NAMED)
    assert spends <= listed("spend-money")
    assert listed("read-undocumented") == UNDOCUMENTED
    assert listed("read-user-data") >= ENVIRONMENTS_AND_THE_LIKE
    assert listed("read-secrets") >= CREDENTIALS


def test_statement_about_charged_calls_names_what_incurs_a_fee() -> None:
    """By the pricing of the Cost Explorer API, and by that of Amazon CloudWatch for metrics."""
    metrics = {"GetInsightRuleReport", "GetMetricData", "GetMetricWidgetImage"}
    # The pricing does not say whether it applies to these.
    unclear = {"Anomalies", "AnomalyMonitors", "AnomalySubscriptions"}
    unclear |= {"ApproximateUsageRecords", "CommitmentPurchaseAnalysis"}
    reads = {model.name for model in operations("ce").values() if model.name.startswith("Get")}
    costs = reads - {f"Get{name}" for name in unclear}
    charged = {f"cloudwatch:{name}" for name in metrics} | {f"ce:{name}" for name in costs}
    assert listed("incur-fees") == charged


def test_everything_that_takes_an_email_address_is_in_a_statement_that_says_so() -> None:
    """By the requests of the API; the console's reservation alerts have no API."""
    takes = {
        action.name
        for action in published_report().actions
        if not action.only_reads and action.name.lower() in operations(action.service)
        if any(
            re.search("email address", plain(shape.documentation))
            for _, shape in fields(documented(action.name).input_shape)
        )
    }
    alerts = {"ce:CreateNotificationSubscription", "ce:UpdateNotificationSubscription"}
    costs = {name for name in takes if name.startswith("ce:")} | alerts
    assert {"ce:CreateAnomalySubscription", "ce:UpdateAnomalySubscription"} <= costs
    published = {statement.id: statement.roles for statement in published_report().statements}
    assert set(published["email-costs"]["auto-pilot"].allowed) == costs
    assert {"support:CreateCase", "support:AddCommunicationToCase"} <= takes
    assert takes <= costs | listed("open-support-cases")


def listed(statement: str) -> set[str]:
    """The actions that a statement names, by its ID."""
    (actions,) = (found["actions"] for found in LISTED if found["id"] == statement)
    return set(actions)


def documented(action: str) -> OperationModel:
    """The API operation of an action."""
    return operations(action.partition(":")[0])[action.lower()]


def test_statement_about_support_cases_names_what_opens_and_changes_them() -> None:
    """Service Authorization Reference, "AWS Support" and "Service Quotas"."""
    writes = {f"support:{name}" for name in SUPPORT_WRITES}
    opens = {"servicequotas:CreateSupportCase", "servicequotas:RequestServiceQuotaIncrease"}
    refresh = "support:RefreshTrustedAdvisorCheck"
    assert refresh in writes
    uploads = {"support:CompleteAttachmentUpload", "support:GetAttachmentUploadLinks"}
    assert uploads <= NEWER
    assert listed("open-support-cases") - uploads == writes - {refresh} | opens


def test_no_support_writes_leaves_the_cases_that_aws_opens_for_quotas(
    report_with: ReportWith,
) -> None:
    found = answers(report_with("no-support-writes"))
    left = found["open-support-cases"].allowed
    assert left == ("servicequotas:RequestServiceQuotaIncrease",)
    found = answers(report_with("needed-only"))
    assert found["open-support-cases"].limited == left


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", text).split())


ACCEPT, BY_JOINING = "organizations:AcceptHandshake", "Only by joining another"


def test_leaving_or_changing_the_organization_is_only_by_joining_another(
    report_with: ReportWith,
) -> None:
    published = {statement.id: statement.roles for statement in published_report().statements}
    assert published["join-organization"]["auto-pilot"].allowed == (ACCEPT,)
    leave = published["change-organization"]
    assert leave["auto-pilot"].allowed == (ACCEPT,)
    assert (leave["auto-pilot"].answer, leave["auto-pilot"].only) == (YES, BY_JOINING)
    assert (leave["read-only"].answer, leave["read-only"].only) == (NO, "")
    others = {id_: roles for id_, roles in published.items() if id_ not in ONLY}
    assert {answer.only for roles in others.values() for answer in roles.values()} == {""}
    limited = answers(report_with("invitations-from"))["change-organization"]
    assert (limited.answer, limited.only) == (LIMITED, BY_JOINING)
    denied = answers(report_with("needed-only"))["change-organization"]
    assert (denied.answer, denied.only) == (NO, "")


def test_other_ways_of_leaving_are_not_only_by_joining_another() -> None:
    accept, leave = ACCEPT, "organizations:LeaveOrganization"

    def only(*policies: Mapping[str, Any]) -> tuple[str, str]:
        named = ((f"Policy{number}", policy) for number, policy in enumerate(policies))
        role = role_of(*named, own=())
        found = answers(of_contents(Assembly(roles=(DeployedRole(role=role),))))
        return found["change-organization"].answer, found["change-organization"].only

    assert only(allow(accept)) == (YES, BY_JOINING)
    assert only(allow(accept, leave), deny(leave)) == (YES, BY_JOINING)
    assert only(allow(accept, leave)) == (YES, "")
    assert only(allow(leave)) == (YES, "")
    assert only(allow("organizations:*")) == (YES, "")
    # What cannot be read may allow to leave.
    unreadable = document(Effect="Allow", Action={"Ref": "Actions"})
    assert only(allow(accept), unreadable) == (YES, "")


MANAGEMENT_ONLY = {
    # AWS Billing User Guide, "Viewing transfers": in the organization's management account
    "organizations:DescribeResponsibilityTransfer",
    "organizations:ListInboundResponsibilityTransfers",
    "organizations:ListOutboundResponsibilityTransfers",
    # Service Authorization Reference, "AWS Consolidated Billing": the accounts of a payer
    "consolidatedbilling:ListLinkedAccounts",
}
"""The reads of the organization whose API reference does not say in which accounts they work."""


def test_questions_about_the_organization_say_from_which_accounts_each_read_works() -> None:
    """AWS Organizations API Reference, under the name of each operation."""
    anywhere, restricted = set(), set()
    for action in published_report().actions:
        if action.service == "organizations" and action.only_reads:
            said = documented(action.name).documentation
            if "can call this operation from any account" in plain(said):
                anywhere.add(action.name)
            if "can only call this operation from the management account" in plain(said):
                restricted.add(action.name)
    assert listed("read-membership") == anywhere
    assert listed("read-organization") == restricted | MANAGEMENT_ONLY
    assert len(anywhere) == 4
    assert len(restricted) > 20


AN_AMOUNT = re.compile(r"\w*(Amount|Cost|CostEquivalent|Fee|Spend|Impact|MeanValue)")


def test_statement_about_the_costs_of_every_account_names_what_returns_costs() -> None:
    """By the responses of the Cost Explorer API. A list of accounts is not a cost."""
    granted = {action.name for action in published_report().actions if action.service == "ce"}
    reads = [name for name in granted if name.startswith(("ce:Get", "ce:List", "ce:Describe"))]
    models = {name: documented(name) for name in reads if name.lower() in operations("ce")}
    returns = {
        name
        for name, model in models.items()
        if any(AN_AMOUNT.fullmatch(field) for field, _ in fields(model.output_shape))
    }
    assert listed("read-consolidated-bill") == returns
    # What the API reference of some of them says.
    shows = re.compile("management account.*member accounts", re.IGNORECASE)
    shown = {name for name, model in models.items() if shows.search(plain(model.documentation))}
    assert "ce:GetCostAndUsageWithResources" in shown
    assert shown <= returns


def test_statement_about_alarms_names_what_returns_the_reason_of_a_state() -> None:
    """By the responses of the CloudWatch API, and of actions that the catalog lacks, too."""
    returns = {
        f"cloudwatch:{model.name}"
        for model in operations("cloudwatch").values()
        if "StateReason" in {field for field, _ in fields(model.output_shape)}
    }
    assert returns & {*newer()[1]}
    assert returns <= listed("read-dashboards")
    denied = of_published(guardrails=[Guardrail.METADATA_ONLY]).statements
    (answers,) = (found.roles for found in denied if found.id == "read-dashboards")
    assert {answer.answer for answer in answers.values()} == {NO}


def test_statement_about_other_accounts_names_what_works_in_a_monitoring_account() -> None:
    """CloudWatch API Reference, and EKS in the Service Authorization Reference."""
    actions = published_report().actions
    works = set()
    for action in actions:
        if action.service == "cloudwatch" and action.name.lower() in operations("cloudwatch"):
            model = documented(action.name)
            inputs = [shape.documentation for _, shape in fields(model.input_shape)]
            if any("monitoring account" in plain(said) for said in (model.documentation, *inputs)):
                works.add(action.name)
    spans = {
        action.name
        for action in actions
        if "across multiple accounts and regions" in action.description
    }
    assert works
    assert spans
    assert listed("read-other-accounts") == works | spans


def test_every_named_action_exists() -> None:
    """In AWS's whole catalog, with the case that it is written in."""
    known = {action.name for action in catalog.actions().values()}
    assert set(NAMED) <= known | {*newer()[1]}


UNDECIDED = {"neptune-db:ReadDataViaQuery"}
"""The simulator finds no resource type for it, whatever the resource."""

NEWER = {*newer()[1]}.intersection(NAMED)
"""The simulator does not know these yet."""


@pytest.mark.parametrize(
    "name",
    ["read-only", "read-only-recommended", "auto-pilot", *EVERY],
)
def test_each_answer_is_what_a_policy_simulator_decides(
    name: str, guarded: Path, report_with: ReportWith
) -> None:
    file = guarded / f"{name}.template.json"
    found = answers(report_with(name)).values()
    # What no policy allows is denied explicitly where everything but some actions is.
    everything_else = name == Guardrail.NEEDED_ONLY.name
    expected = {
        action: decision
        for answer in found
        for actions, decision in (
            (answer.allowed, ALLOWED),
            (answer.denied, EXPLICITLY_DENIED),
            (answer.not_granted, EXPLICITLY_DENIED if everything_else else IMPLICITLY_DENIED),
        )
        for action in actions
    }
    limited = {action for answer in found for action in answer.limited}
    assert expected.keys() | limited == set(NAMED)
    assert not expected.keys() & limited
    for action in UNDECIDED:
        assert expected.pop(action) in {EXPLICITLY_DENIED, IMPLICITLY_DENIED}
    expected = {action: expected[action] for action in expected.keys() - NEWER}
    assert len(expected) > 200
    deployed = Deployed.of_template(json.loads(file.read_text()))
    context = {"aws:CurrentTime": "2027-01-01T00:00:00Z"}
    expected = dict(some(expected.items(), 3, len(name)))
    asked = [
        use(
            deployed,
            action=action,
            resource=catalog.actions()[action.lower()].resources[0],
            context=context,
        )
        for action in expected
    ]
    assert dict(zip(expected, decide(asked), strict=True)) == expected


@pytest.mark.parametrize("name", EVERY)
def test_limited_is_what_is_allowed_here_and_denied_there(
    name: str, guarded: Path, report_with: ReportWith
) -> None:
    file = guarded / f"{name}.template.json"
    limited = {
        action for answer in answers(report_with(name)).values() for action in answer.limited
    }
    cases = LIMITS.get(name, {})
    without_tags = {"savingsplans:CreateSavingsPlan"} if name == Guardrail.HANDS_OFF.name else set()
    # Only tagging is limited by the key of a tag: a plan can be bought without it.
    assert limited == cases.keys() - without_tags
    deployed = Deployed.of_template(json.loads(file.read_text()))
    for action, requests in cases.items():
        decided = decide(
            [
                use(deployed, action=action, resource=resource, context=context)
                for resource, context in requests
            ]
        )
        assert set(decided) == {ALLOWED, EXPLICITLY_DENIED}, action


def test_an_answer_is_limited_only_if_nothing_is_allowed_outright(report_with: ReportWith) -> None:
    found = answers(report_with("only-in-regions"))
    assert found["spend-money"].answer == YES  # no condition key has a plan's Region
    assert len(found["spend-money"].limited) == 7
    found = answers(report_with("invitations-from"))
    assert found["join-organization"].answer == LIMITED
    found = answers(report_with("no-commitments"))
    assert found["spend-money"].answer == found["sell"].answer == NO
    assert len(found["spend-money"].denied) == 8


def test_answer_about_money_says_that_purchases_wait_for_approval(report_with: ReportWith) -> None:
    report = report_with("only-when-approved")
    for statement, number in (("spend-money", "8 of 11"), ("sell", "2 of 2")):
        answer = answers(report)[statement]
        assert answer.answer == LIMITED
        assert answered_in_words(answer, report.roles[0]) == f"{number}, by only-when-approved"


@pytest.mark.parametrize(
    ("policy", "yes"),
    [
        (allow("*"), None),
        (document(Effect="Allow", NotAction="ec2:*"), None),
        (allow("s3:Get*"), {"read-objects"}),
        (allow("s3:Get?bject"), {"read-objects"}),
        (allow("*:GetObject"), {"read-objects"}),
        (allow("s3:*", Resource="arn:aws:s3:::bucket"), {"read-objects", "tag"}),
        (
            allow("s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            {"read-objects", "tag"},
        ),
        (allow("kms:Decrypt", "sqs:Receive*"), {"read-secrets", "read-queues"}),
        (allow("iam:PassRole"), {"become"}),
    ],
)
def test_what_a_pattern_matches_is_a_yes_whether_or_not_the_catalog_has_it(
    policy: dict[str, Any], yes: Any
) -> None:
    found = answered(policy)
    assert {id_ for id_, answer in found.items() if answer == YES} == (yes or found.keys())


def test_all_but_one_service_denies_the_others() -> None:
    everything = allow("*")
    found = answered(everything, document(Effect="Deny", NotAction=["s3:*", "S3express:*"]))
    assert {id_ for id_, answer in found.items() if answer != NO} == {"read-objects", "tag"}
    assert found["read-objects"] == YES
    of_iam = "arn:aws:iam::*:*"
    limited = answered(everything, document(Effect="Deny", NotAction="s3:*", Resource=of_iam))
    assert limited["change-iam"] == LIMITED


@pytest.mark.parametrize(
    ("denied", "answer"),
    [
        (deny("s3:*", "s3express:*", "s3-object-lambda:*", "glacier:*"), NO),
        (deny("*", Condition={}), NO),
        (deny("*", Resource=["arn:aws:s3:::x", "*"]), NO),
        (deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}), LIMITED),
        (deny("*", Condition={"Fn::If": ["C", {}, {"Ref": "AWS::NoValue"}]}), LIMITED),
        (deny("*", Condition=None), LIMITED),
        (deny("*", Resource="arn:aws:s3:::bucket/*"), LIMITED),
        (deny("*", Resource={"Ref": "Everything"}), LIMITED),
        (deny("*", Resource=[]), YES),
        (deny("s3:Put*"), YES),
        # These denies are not certain.
        (document(Effect="Deny", Action=["s3:*", {"Ref": "More"}]), YES),
        (document(Effect="Deny", Action={"Fn::If": ["C", "*", "s3:Put*"]}), YES),
        (document(Effect="Deny", NotAction=[]), YES),
        (document(Effect="deny", Action="*"), YES),
        (document(Effect="Deny", Action="*", Principal="*"), YES),
        (document(Effect="Deny", Action="*", NotAction="iam:*"), YES),
        (document(Effect="Deny", Action="*", NotResource="arn:aws:s3:::bucket"), YES),
        ({"Statement": {"Effect": "Deny", "Action": "*"}}, YES),
        ({**deny("*"), "Fn::Transform": {"Name": "AWS::Include"}}, YES),
        ({"Statement": {"Fn::If": ["C", deny("*")["Statement"][0], {}]}}, YES),
        # IAM rejects a wildcard in the service.
        *((deny(pattern), YES) for pattern in ("*:GetObject", "s?:GetObject", "s3*", "*3:Get*")),
        # In lower case, the Kelvin sign is a k.
        (deny("\N{KELVIN SIGN}ms:*", "s3(external ID)"), YES),
    ],
)
def test_only_a_deny_that_is_certain_takes_away(denied: dict[str, Any], answer: str) -> None:
    assert answered(allow("s3:*"), denied)["read-objects"] == answer


def test_the_kelvin_sign_is_not_a_k() -> None:
    found = answered(allow("kms:Decrypt"), deny("\N{KELVIN SIGN}ms:Decrypt"))
    assert found["read-secrets"] == YES


def test_external_id_that_equals_an_action_hides_no_action(text: str, tmp_path: Path) -> None:
    hidden = json.loads(text.replace("Secret-Example-1234", "RunInstances"))
    report = changed(json.dumps(hidden), tmp_path, another(allow("ec2:RunInstances")))
    (role,) = report.roles
    assert not role.exact
    assert answers(report)["change-resources"].answer == UNKNOWN


@pytest.mark.parametrize("name", ["no-commitments", "only-in-regions", "until"])
def test_two_policies_with_the_same_name_are_not_recognized_by_it(name: str) -> None:
    guardrail = EVERY[name]
    own = documents([guardrail], ROLES["auto-pilot"])[guardrail]
    more = allow("iam:*", "s3:*")
    for policies in ((own, more), (more, own)):
        role = role_of(*((guardrail.policy_name, policy) for policy in policies))
        report = of_contents(Assembly(roles=(DeployedRole(role=role),)))
        found = answers(report)
        assert {found["change-iam"].answer, found["read-objects"].answer} <= {YES, LIMITED}
        assert found["change-iam"].left
        assert report.roles[0].guardrails == ()
        assert report.roles[0].ends == ""
        assert not report.roles[0].exact
        added = [each for each in report.roles[0].differences if each.rule == "policy-added"]
        assert [each.subject for each in added] == [guardrail.policy_name] * len(added)
        assert added


PATTERNS = st.sampled_from(
    [
        *("*", "*:*", "ec2:*", "EC2:describe*", "ec2:DescribeInstances", "ec2:?escribe*s", "ec2*"),
        *("e*:Describe*", "ce:Get*", "*:Get*", "iam:CreateServiceLinkedRole", "s3:GetObject"),
        *("ec2:[dD]*", "", "ec2"),
    ]
)
STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
        "Resource": st.sampled_from(["*", "arn:aws:x", ["arn:aws:x", "*"]]),
    },
    optional={
        "Action": st.lists(PATTERNS, max_size=3),
        "NotAction": st.lists(PATTERNS, max_size=3),
        "Condition": st.sampled_from([{}, {"Bool": {"aws:SecureTransport": "true"}}]),
    },
)


@given(st.lists(st.lists(STATEMENTS, max_size=3), max_size=3))
def test_single_action_has_the_same_decision_as_in_the_full_list(
    policies: list[list[dict[str, Any]]],
) -> None:
    named = ((f"Policy{at}", {"Statement": found}) for at, found in enumerate(policies))
    evaluator = PolicyEvaluator(role_of(*named, own=()).policies, shipped())
    granted = evaluator.grants
    nothing = Grant(decision=NOT_GRANTED, granted_by=(), denied_by=())
    for action in shipped().actions.values():
        assert evaluator.grant(action.name) == granted.get(action.name, nothing)
        assert evaluator.grant(action.name.upper()) == evaluator.grant(action.name)


WORST: list[dict[str, Any]] = json.loads(
    resources.files("pump_roles.review.report").joinpath("worst_cases.json").read_bytes()
)


@pytest.mark.parametrize("listed", WORST, ids=lambda listed: listed["id"])
def test_each_guardrail_limits_what_it_is_said_to_limit(
    listed: dict[str, Any], report_with: ReportWith
) -> None:
    was = answers(report_with("auto-pilot"))
    assert listed["answers"]
    assert was.keys() >= {*listed["answers"]}
    assert listed["source"] or not listed["texts"]
    for guardrail in listed["limits"]:
        now = answers(report_with(guardrail))
        limited = [name for name in listed["answers"] if now[name].answer in (LIMITED, NO)]
        assert {*limited} - {name for name in was if was[name].answer == NO}, guardrail
