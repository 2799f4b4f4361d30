"""What the tests share: values, types, and functions that create or read templates."""

import json
import os
import pty
import runpy
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from importlib import resources
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from shutil import which
from typing import Any, TypeVar

import aws_cdk
import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct
from hypothesis import settings
from hypothesis import strategies as st

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack, templates
from pump_roles.app import config, stacks, template_of
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.iam.catalog import Catalog, shipped
from pump_roles.inputs import mapped, validators
from pump_roles.published import ROLES
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.page import as_html
from pump_roles.review.output.report_checks import finding_text
from pump_roles.review.output.saved_report import inventory_from
from pump_roles.review.report import Earlier, Report, permission_report
from pump_roles.review.report.permission_report import of_contents
from pump_roles.review.report.questions import _questions as statements_listed
from tests.documents import written
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.cdk import ROOT, tool_environment

T = TypeVar("T")

Template = dict[str, Any]

Synth = Callable[..., dict[str, Template]]
"""Synthesizes the app's stacks with some settings: see the fixture ``synth``."""

Assembly = Callable[[Mapping[str, Any]], Path]
"""Synthesizes the app with the CDK CLI: see the fixture ``assembly``."""

PRINCIPAL = "arn:aws:iam::999988887777:role/PumpService"
EXTERNAL_ID = "Example-1234"
PUMP_ACCOUNT = "999988887777"
EXAMPLES = ROOT / "examples"
EXAMPLE_APPS = sorted(file.parent.name for file in EXAMPLES.glob("*/app.py"))
PUMP_WORKER = "PumpWorker.template.json"
VENDORS = "Vendors.template.json"
FROM_PUMP: dict[str, str] = json.loads((ROOT / "tools" / "sandbox" / "settings.json").read_text())
"""The values with which the page of the examples synthesizes them."""

DOCUMENTED: dict[str, tuple[str, tuple[int, ...]]] = {
    "read-only": ("PumpReadOnlyRole", (0,)),
    "auto-pilot": ("PumpAutoPilotRole", (0, 1)),
}
"""The roles of the source document by kind: the name, and which of the document's lists of policies
the role carries."""

PUBLISHED_NAMES = " or ".join(name for name, _ in DOCUMENTED.values())
"""The names of the roles, as a message lists them."""

STACKS = [name.removesuffix("Role") for name, _ in DOCUMENTED.values()]
"""The names of the stacks with one role each."""

ROLLOUTS = [f"{stack}Rollout" for stack in STACKS]

ROLE_ARGUMENTS: dict[str, Any] = {"pump_principal": PUMP_ACCOUNT, "external_id": EXTERNAL_ID}
"""The arguments that every role needs."""

UNITS: dict[str, Any] = {"organizational-units": ["r-abcd"]}
ROLLED_OUT: dict[str, Any] = dict.fromkeys(DOCUMENTED, UNITS)
"""Settings with a rollout of each role."""

SCENARIOS: dict[str, dict[str, Any]] = {
    "universal": {},
    "given": {"principal": PRINCIPAL, "external-id": EXTERNAL_ID, "auto-pilot": {}},
    "everything": {
        "principal": "arn:aws:iam::999988887777:role/service/PumpService",
        "external-id": "a=b=c,d@e.f:g/h-i+j_k",
        "next-external-id": "Next-5678",
        "role-path": "/pump/",
        "permissions-boundary": "platform/Boundary",
        "guardrails": ["recommended"],
        "until": "2927-01-31T18:00:00Z",
        "tags": {"team": "platform", "cost-center": "a=b"},
        "termination-protection": True,
        "auto-pilot": {
            "permissions-boundary": "arn:aws:iam::aws:policy/PowerUserAccess",
            "only-in-regions": ["us-east-1", "eu-west-1"],
            "invitations-from": "111122223333",
        },
    },
    "rollout": {
        "principal": "999988887777",
        "external-id": "Example-1234",
        "max-concurrent-count": 1,
        "failure-tolerance-count": 0,
        "read-only": {**UNITS, "exclude-accounts": ["111111111111", "222222222222"]},
        "auto-pilot": {
            "account": "333333333333",
            "organizational-units": ["ou-abcd-12345678", "ou-abcd-87654321"],
            "exclude-accounts": ["111111111111", "222222222222"],
        },
    },
    "rollout as delegated administrator": {
        "next-external-id": "Next-5678",
        "roles": ["read-only"],
        "read-only": {
            "organizational-units": ["ou-abcd-12345678"],
            "only-accounts": ["111111111111"],
        },
        "max-concurrent-percentage": 25,
        "failure-tolerance-percentage": 5,
        "region": "eu-west-1",
        "delegated-admin": True,
    },
    "protected": {
        "principal": PRINCIPAL,
        "external-id": "Example-1234-5678",
        "permissions-boundary": "platform/Boundary",
        "tags": {"team": "platform"},
        "termination-protection": True,
        "read-only": UNITS,
        "auto-pilot": {
            **UNITS,
            "role-name": "Buyer",
            "guardrails": ["only-when-approved"],
            "approval-ends": "20:00",
        },
        "protection": {
            "targets": ["ou-abcd-12345678"],
            "approvers": ["platform/PumpApprover"],
            "boundary-managers": ["platform/Pipeline"],
            "stack-sets": ["PlatformBoundary", "PumpApprover"],
            "trust": True,
            "keep-in-organization": False,
        },
        "alarm": {
            "emails": ["platform@example.com", "finance@example.com"],
            "regions": ["eu-central-1"],
            "account": "444455556666",
            "from-organization": "o-abcd123456",
            "stop-page": "https://wiki.example.com/pump/stop",
        },
    },
}
"""Settings of the app that together use every key."""

NEVER = [
    f"{service}:{name}"
    for service, names in {
        # the customer's data
        "s3": "GetObject PutObject DeleteObject ListBucket ListAllMyBuckets",
        "dynamodb": "GetItem Scan Query",
        "secretsmanager": "GetSecretValue",
        "ssm": "GetParameter",
        "kms": "Decrypt",
        "sqs": "ReceiveMessage",
        "kinesis": "GetRecords",
        "logs": "GetLogEvents FilterLogEvents",
        "athena": "GetQueryResults",
        "rds-db": "connect",
        "rds-data": "ExecuteStatement",
        "redshift-data": "ExecuteStatement",
        "ecr": "GetDownloadUrlForLayer",
        "lambda": "GetFunction InvokeFunction",
        # the customer's data and infrastructure
        "ec2": "GetConsoleOutput GetPasswordData RunInstances StopInstances TerminateInstances "
        "ModifyInstanceAttribute DeleteTags AuthorizeSecurityGroupIngress",
        "ecs": "ExecuteCommand UpdateService",
        "rds": "DownloadDBLogFilePortion CreateDBInstance DeleteDBInstance ModifyDBInstance",
        "elasticache": "DeleteCacheCluster",
        "redshift": "GetClusterCredentials DeleteCluster",
        "es": "ESHttpGet ESHttpPost DeleteDomain",
        "eks": "AccessKubernetesApi DeleteCluster",
        "autoscaling": "SetDesiredCapacity",
        "cloudwatch": "DeleteAlarms",
        "cloudformation": "UpdateStack",
        # more rights, and others' rights
        "iam": "PassRole CreateRole CreateUser CreateAccessKey AttachRolePolicy PutRolePolicy "
        "UpdateAssumeRolePolicy DeleteRolePermissionsBoundary",
        "sts": "AssumeRole GetFederationToken",
        "organizations": "LeaveOrganization CreateAccount InviteAccountToOrganization AttachPolicy",
        "account": "CloseAccount PutContactInformation",
        # payment
        "aws-portal": "ModifyBilling ModifyPaymentMethods",
        "billing": "UpdateBillingPreferences",
        "payments": "MakePayment UpdatePaymentPreferences",
        "aws-marketplace": "Subscribe",
        "route53domains": "RegisterDomain",
    }.items()
    for name in names.split()
]
"""Actions that neither role may ever have."""


def trust(principal: str, external_id: str) -> dict[str, Any]:
    """Return the trust policy that a role must have."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    }


def only_resource(template: Mapping[str, Any], resource_type: str) -> dict[str, Any]:
    """Return the properties of the template's only resource, and check its type."""
    (resource,) = template["Resources"].values()
    assert resource["Type"] == resource_type
    properties: dict[str, Any] = resource["Properties"]
    return properties


def role_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of the role that is the template's only resource."""
    return only_resource(template, "AWS::IAM::Role")


def policies_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inline policies of that role: the documents by name, in order."""
    return {
        policy["PolicyName"]: policy["PolicyDocument"] for policy in role_of(template)["Policies"]
    }


def identity_policies(template: Mapping[str, Any], partition: str = "aws") -> dict[str, Any]:
    """Return the policies that a template attaches, as IAM gets them, by logical ID."""
    return {
        logical_id: _in_partition(resource["Properties"]["PolicyDocument"], partition)
        for logical_id, resource in template.get("Resources", {}).items()
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
    }


def _in_partition(value: Any, partition: str) -> Any:
    def change(part: Any) -> Any:
        if part == {"Ref": "AWS::Partition"}:
            return partition
        if isinstance(part, dict) and part.keys() == {"Fn::Join"}:
            separator, parts = part["Fn::Join"]
            return separator.join(mapped(parts, change))
        return part

    return mapped(value, change)


NEVER_WITHOUT_EXTERNAL_ID = [name for name, _ in DOCUMENTED.values()]
"""The names of the roles that no grantee of Pump's may assume without an external ID."""


def access_policy(granted: str | list[str], *names: str) -> dict[str, Any]:
    """Return the policy that a grantee of Pump's must have, in the partition ``aws``."""
    return {
        "Statement": [
            {
                "Action": "sts:AssumeRole",
                "Condition": {"Null": {"sts:ExternalId": "true"}},
                "Effect": "Deny",
                "Resource": [
                    f"arn:aws:iam::*:role/{path}{name}"
                    for name in [*NEVER_WITHOUT_EXTERNAL_ID, *names]
                    for path in ("", "*/")
                ],
            },
            {
                "Action": "sts:AssumeRole",
                "Condition": {"Null": {"sts:ExternalId": "false"}},
                "Effect": "Allow",
                "Resource": granted,
            },
        ],
        "Version": "2012-10-17",
    }


def worker_in(stack: Stack, name: str = "PumpService") -> iam.Role:
    """Add a role of Pump's to a stack, which Pump's account may assume."""
    return iam.Role(stack, name, role_name=name, assumed_by=iam.AccountPrincipal(PUMP_ACCOUNT))


def size_of(policy: object) -> int:
    """Return the characters of a policy document as IAM counts them: without white space."""
    return len(json.dumps(policy, separators=(",", ":")))


def messages_of(construct: IConstruct, level: str) -> list[str]:
    """Return what the synth says about a construct."""
    return [
        str(entry.data) for entry in construct.node.metadata if entry.type == f"aws:cdk:{level}"
    ]


def stack_set(rollout: Template) -> dict[str, Any]:
    """Return the properties of the StackSet that is the only resource of a rollout's template."""
    return only_resource(rollout, "AWS::CloudFormation::StackSet")


def member_template(rollout: Template) -> Template:
    """Return the template that a rollout's template deploys to the accounts."""
    template: Template = json.loads(stack_set(rollout)["TemplateBody"])
    return template


def published_policies(published: list[list[dict[str, Any]]], kind: str) -> dict[str, Any]:
    """Return the policies of a role in the source document: the documents by name, in order."""
    _, lists = DOCUMENTED[kind]
    return {
        policy["PolicyName"]: policy["PolicyDocument"]
        for number in lists
        for policy in published[number]
    }


def published_patterns(published: list[list[dict[str, Any]]], kind: str) -> list[str]:
    """Return a role's action patterns in the source document, without duplicates, in order."""
    return list(
        dict.fromkeys(
            pattern
            for document in published_policies(published, kind).values()
            for statement in document["Statement"]
            for pattern in statement["Action"]
        )
    )


def settings_of(content: Mapping[str, Any]) -> config.Settings:
    """Return the settings of a file with some content, or without a file if there is none."""
    return config.Settings(content) if content else config.Settings({}, "")


def app_files(settings: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the app's templates, by stack, as they are written without the CDK CLI."""
    return _app_files(json.dumps(settings))


@cache
def _app_files(settings: str) -> dict[str, bytes]:
    app = App(default_stack_synthesizer=LegacyStackSynthesizer())
    for stack in stacks(settings_of(json.loads(settings))):
        stack.build(app)
    return {
        stack.stack_name: Path(stack.template_full_path).read_bytes()
        for stack in app.synth().stacks
    }


def run_app(
    file: Path,
    settings: Mapping[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Run an app in this process, where that takes a fraction of a second, with some settings."""
    (folder / "pump.json").write_text(json.dumps(settings))
    monkeypatch.chdir(folder)
    patched = partial(App, context=context, outdir=str(folder / "cdk.out"))
    monkeypatch.setattr(aws_cdk, "App", patched)
    runpy.run_path(str(file), run_name="__main__")


def with_values(app: str, *placeholders: str) -> str:
    """Return an example's code with values for these placeholders, or for all."""
    values = {
        "PRINCIPAL": FROM_PUMP["principal"],
        "EXTERNAL_ID": FROM_PUMP["external-id"],
        "ROOT": "r-abcd",
        "UNIT": "ou-abcd-12345678",
    }
    for placeholder in placeholders or values:
        app = app.replace(f'"{placeholder}"', f'"{values[placeholder]}"')
    return app


def run_example(
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *values: str,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Run an example into a folder, with values for these of its placeholders, or for all."""
    file = folder / "app.py"
    file.write_text(with_values((EXAMPLES / name / "app.py").read_text(), *values))
    monkeypatch.setattr(aws_cdk, "App", partial(App, context=context, outdir=str(folder)))
    runpy.run_path(str(file), run_name="__main__")


def synthesized(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run an app as the CDK CLI does."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**tool_environment(), "CDK_OUTDIR": "cdk.out", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def synthesize(folder: Path, *guardrails: Guardrail, **more: Any) -> Path:
    """Synthesize both roles' stacks into a folder, the auto-pilot role with some guardrails."""
    app = App(outdir=str(folder), default_stack_synthesizer=LegacyStackSynthesizer())
    arguments = {**ROLE_ARGUMENTS, **more}
    ReadOnlyStack(app, "PumpReadOnly", **arguments)
    AutoPilotStack(app, "PumpAutoPilot", guardrails=guardrails, **arguments)
    app.synth()
    return folder


IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
"""Whether this is `make check`."""


def examples(thorough: int, quick: int) -> settings:
    """Return settings of Hypothesis: how many examples `make check` tries, and `make test`."""
    return settings(max_examples=thorough if IS_THOROUGH else quick)


def some(values: Iterable[T], one_in: int, number: int = 0) -> Iterator[T]:
    """Yield one in so many values, from another one on for each test; `make check` tries all."""
    return islice(values, *((0, None) if IS_THOROUGH else (number % one_in, None, one_in)))


def json_values(leaves: st.SearchStrategy[Any], *keys: str) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON with these leaves, in lists and in objects with these keys."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=3)
        ),
        max_leaves=12,
    )


SECRET = "Secret-Example-1234"
OTHER_SECRET = "Other-Secret-5678"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"


NO_VALUE = {"Ref": "AWS::NoValue"}


EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


CONDITION = {"Bool": {"aws:SecureTransport": "true"}}
ACTIONS = ("ec2:DescribeInstances", "ec2:CreateTags", "ce:GetCostAndUsage", "iam:GetRole")
ARNS = (
    f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:instance/one",
    f"arn:aws:iam::{ACCOUNT_ID}:role/two",
    "arn:aws:s3:::example/three",
)
STATEMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
        "Action": st.lists(
            st.sampled_from([*ACTIONS, "*", "ec2:*", "EC2:describe*", "ce:?et*"]),
            min_size=1,
            max_size=2,
        ),
    },
    optional={"Condition": st.just(CONDITION)},
).flatmap(
    lambda made: st.sampled_from(
        [
            {**made, "Resource": "*"},
            {**made, "Resource": "*"},
            {**made, "Resource": ARNS[0]},
            {**made, "Resource": [ARNS[0], ARNS[1]]},
            {**made, "NotResource": ARNS[0]},
        ]
    )
)
"""Statements of an identity policy about some actions and resources."""


Change = Callable[[dict[str, Any], dict[str, Any]], object]
"""Changes the auto-pilot role's template: gets all of it, and its role's properties."""


def changed(text: str, folder: Path, change: Change) -> Report:
    """Return the report of the auto-pilot role's template after a change."""
    template = json.loads(text)
    change(template, template["Resources"]["AutoPilotRole"]["Properties"])
    file = folder / "changed.template.json"
    file.write_text(json.dumps(template))
    return of_templates(file)


@cache
def short_catalog() -> Catalog:
    """Return the catalog with one action for each published pattern, and with :data:`ACTIONS`."""
    patterns = {pattern for role in ROLES.values() for pattern in role.patterns}
    first = {shipped().matched_by(pattern)[0].name.lower() for pattern in patterns}
    left = first | {action.lower() for action in ACTIONS}
    actions = {name: action for name, action in shipped().actions.items() if name in left}
    return replace(shipped(), actions=actions)


@cache
def _in_the_verdict() -> list[dict[str, Any]]:
    made_from = {"spend-money", "sell", "change-resources", "tag", "join-organization"}
    return [listed for listed in statements_listed() if listed["id"] in made_from]


@contextmanager
def short_reports() -> Iterator[Catalog]:
    """Make reports with one action for each published pattern, and few answers.

    They take a tenth of the time, and say the same about what templates contain.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(permission_report, "shipped", short_catalog)
        patched.setattr("pump_roles.iam.decisions.shipped", short_catalog)
        patched.setattr("pump_roles.review.report.questions._questions", _in_the_verdict)
        yield short_catalog()


def of_templates(path: Path, *, since: Earlier | None = None) -> Report:
    """Report on the roles in a synthesized template, or in the templates of a folder."""
    return of_contents(templates.read(path), since=since)


def said(report: Report, index: int = 0) -> str:
    """Return what one of a report's findings says."""
    return finding_text(report.findings[index], report)


def every_format(report: Report) -> str:
    """Return a report in every format, as one text."""
    return (
        written(report, "markdown", every_action=True)
        + written(report, "csv")
        + to_json(report)
        + as_html(report)
    )


def attach(kind: str, target: Any, **more: Any) -> Change:
    """Return a change that adds a policy of a kind, attached to a target."""
    where = "RoleName" if kind == "RolePolicy" else "Roles"

    def change(template: dict[str, Any], _: dict[str, Any]) -> None:
        template["Resources"]["Other"] = {
            "Type": f"AWS::IAM::{kind}",
            "Properties": {"PolicyName": "P", where: target, "PolicyDocument": EVERYTHING},
            **more,
        }

    return change


def together(*changes: Change) -> Change:
    """Return several changes as one."""

    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        for single in changes:
            single(template, role)

    return change


def guarded(*guardrails: Guardrail) -> Change:
    """Return a change that adds guardrails as the package does."""

    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        role["Policies"] += [
            {"PolicyName": guardrail.policy_name, "PolicyDocument": document}
            for guardrail, document in documents(guardrails, ROLES["auto-pilot"]).items()
        ]

    return change


def in_role(**properties: Any) -> Change:
    """Return a change of the role's properties."""
    return lambda _, role: role.update(properties)


def in_template(**members: Any) -> Change:
    """Return a change of the template's members."""
    return lambda template, _: template.update(members)


def on_role(**members: Any) -> Change:
    """Return a change of the role's members, next to its properties."""
    return lambda template, _: template["Resources"]["AutoPilotRole"].update(members)


def add_resources(**resources: Any) -> Change:
    """Return a change that adds resources."""
    return lambda template, _: template["Resources"].update(resources)


def another(document: Any, name: Any = "") -> Change:
    """Return a change that adds an inline policy with a document."""

    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        more = sum("Extra" in policy["PolicyName"] for policy in role["Policies"])
        own = name or (f"Extra{more + 1}" if more else "Extra")
        role["Policies"].append({"PolicyName": own, "PolicyDocument": document})

    return change


def a_statement(statement: Any) -> Change:
    """Return a change that adds a statement to the first inline policy."""

    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)

    return change


def external_id(value: Any) -> Change:
    """Return a change of the external ID that the role requires."""

    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        statement["Condition"]["StringEquals"]["sts:ExternalId"] = value

    return change


def principal(value: Any) -> Change:
    """Return a change of the principal that the role trusts, among parameters that it may name."""

    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        pattern = validators.PRINCIPAL.pattern
        template["Parameters"] = {
            "Fine": {"Type": "String", "AllowedPattern": pattern, "Default": "111122223333"},
            "Everybody": {"Type": "String", "Default": "*"},
            "Loose": {"Type": "String", "AllowedPattern": ".*"},
            "Default": {"Type": "String", "AllowedPattern": pattern, "Default": "*"},
            "List": {"Type": "CommaDelimitedList", "AllowedPattern": pattern},
        }
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = value

    return change


@cache
def _rollout() -> str:
    settings = {
        "principal": "999988887777",
        "external-id": SECRET,
        "auto-pilot": {"organizational-units": ["r-abcd"]},
    }
    text, _ = template_of("auto-pilot", config.Settings(settings), {}, rollout=True)
    return text


def rolled_out(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the template of a rollout of the auto-pilot role, with a change of its StackSet."""
    template = json.loads(_rollout())
    change(template["Resources"]["StackSet"]["Properties"])
    file = folder / "R.template.json"
    file.write_text(json.dumps(template))
    return file


@cache
def rollout_with_parameters(kind: str) -> bytes:
    """Return the template of a rollout whose units, and Pump's values, are parameters."""
    text, warnings = template_of(kind, config.Settings({}, ""), {}, rollout=True)
    assert not warnings
    return text.encode()


def plain(report: Report) -> dict[str, Any]:
    """Return a report as the JSON object that is written."""
    content: dict[str, Any] = json.loads(to_json(report))
    return content


def ago(*, hours: int) -> str:
    """Return the time so many hours ago, as in a policy."""
    time = datetime.now(timezone.utc) - timedelta(hours=hours)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def earlier(report: dict[str, Any] | Report, file: str = "earlier.json") -> Earlier:
    """Return a report as an earlier one."""
    if not isinstance(report, Report):
        report = permission_report.of_kept(inventory_from(report["read"]))
    return Earlier(file=file, report=report)


def action_count(kind: str) -> int:
    """Return how many actions a role's published patterns match in the npm package's catalog."""
    return len(catalog.matching(ROLES[kind].patterns))


def role_in(account: int, name: str = "PumpReadOnlyRole") -> str:
    """Return the ARN of a role in an account."""
    return f"arn:aws:iam::{account:012}:role/{name}"


NOT_NEEDED = {"aws_cdk", "boto3", "botocore", "cdk_nag", "constructs", "jsii", "rich"}
"""Packages that only commands for the CDK or AWS, or that draw tables, need."""


def without_node(folder: Path) -> dict[str, str]:
    """Return the environment of a machine without Node."""
    inherited = {
        name: value
        for name, value in tool_environment().items()
        if "NODE" not in name and not name.startswith(("JSII", "NPM", "npm"))
    }
    return inherited | {"PATH": str(folder), "PYTHONPATH": str(ROOT)}


def python(
    *arguments: str, folder: Path, environment: dict[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run Python in a folder, and return its result and the packages that it loaded."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=folder,
        env=environment or without_node(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stderr.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    ended.stderr = "\n".join(line for line in lines if not line.startswith("import time:"))
    packages = {module.partition(".")[0] for module in modules}
    # Python also lists what it tried to load, such as a module of another operating system.
    return ended, {package for package in packages if find_spec(package)}


def on_terminal(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    only_errors: bool = False,
    typed: str = "",
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a command on a terminal of 80 columns. Return its result and what the terminal shows."""
    master, slave = pty.openpty()
    os.write(master, typed.encode())
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm", "COLUMNS": "80"},
        stdin=slave,
        stdout=subprocess.PIPE if only_errors else slave,
        stderr=slave,
        text=True,
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                more = os.read(master, 65_536)
            except OSError:  # Linux's end of a terminal
                break
            if not more:
                break
            shown += more
        output = process.stdout.read() if process.stdout else ""
    os.close(master)
    ended = subprocess.CompletedProcess(command, process.returncode, output, "")
    return ended, shown.decode()


def other_pythons() -> list[str]:
    """Return this machine's other Pythons that can use this environment's pure Python packages.

    Only versions after 3.10, which needs an additional package.
    """
    others = (which(f"python3.{minor}") for minor in range(11, 16) if minor != sys.version_info[1])
    return [
        path
        for path in others
        if path and not subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL)
    ]


def bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub Actions (`shell: bash`) and GitLab's runner do."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        # The modules of the copy, not those of the installed project.
        env=tool_environment() | {"PATH": other_commands(), "PYTHONPATH": str(folder)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def other_commands() -> str:
    """Return the search path without this environment's commands: a job must find its own."""
    own = Path(sys.prefix, "bin").resolve()
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder).resolve() != own)


@cache
def recommended_flags() -> Mapping[str, Any]:
    """Return the feature flags that the installed ``aws-cdk-lib`` recommends for a new app."""
    # An archive has no index, and this is one of its last files; what follows is not read.
    (bundle,) = (
        file for file in resources.files("aws_cdk._jsii").iterdir() if file.name.endswith(".tgz")
    )
    with bundle.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|gz") as archive:
        for member in archive:
            if member.name == "package/recommended-feature-flags.json":
                content = archive.extractfile(member)
                assert content is not None
                flags: dict[str, Any] = json.load(content)
                return flags
    raise FileNotFoundError("recommended-feature-flags.json")
