"""Everything else in templates that gives access is listed, and is an alarm if it could reach Pump.

Each case is an attack that once passed as an unchanged published role.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.access import Access
from pump_roles.assembly import OtherResource
from pump_roles.constructs.widening import Built, widenings
from pump_roles.iam import Principal, Value
from pump_roles.review.output.descriptions import describe_alarms
from pump_roles.review.output.report_descriptions import alarm_text
from pump_roles.review.report import Report
from pump_roles.review.report.permission_report import of_templates
from tests.innocent import customers_app
from tests.support import (
    EVERYTHING,
    NO_VALUE,
    PUMP_ACCOUNT,
    SECRET,
    every_format,
    plain,
    role_of,
    said,
)

ALARMS = {"difference", "trust", "uncounted", "suspect"}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
MAYBE = {"Fn::If": ["C", "x", NO_VALUE]}
OWN_ROOT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}


def role(principal: Any, **statement: Any) -> dict[str, Any]:
    """A role with administrator access that trusts a principal."""
    if principal is not None:
        statement["Principal"] = principal
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    trust = {"Version": "2012-10-17", "Statement": [allow]}
    properties = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [ADMINISTRATOR]}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def of(text: str, folder: Path, other: Mapping[str, Any], *, same: bool, **members: Any) -> Report:
    """The report of the auto-pilot role and another resource, in the same template or another."""
    template = json.loads(text)
    if same:
        template["Resources"]["Other"] = other
        template |= members
    else:
        other_content = {"Resources": {"Other": other}, **members}
        (folder / "Another.template.json").write_text(json.dumps(other_content))
    (folder / "PumpAutoPilot.template.json").write_text(json.dumps(template))
    return of_templates(folder)


def suspects(report: Report) -> list[str]:
    return [describe_alarms(other) for other in report.others if other.alarms]


def alarm(report: Report) -> str:
    """Return the report's first finding, which must be an alarm about another resource."""
    first, *_ = report.findings
    assert first.kind == "suspect"
    assert "Other" in said(report)
    return said(report)


def alarms(report: Report) -> list[str]:
    return [alarm_text(found, report) for found in report.findings if found.kind in ALARMS]


ESCAPED = "".join(f"\\u{ord(letter):04X}" for letter in "PumpAutoPilotRole")
STATEMENT = {"Effect": "Allow", "Principal": {"AWS": int(PUMP_ACCOUNT)}, "Action": "s3:*"}
"""A statement with the account as a JSON number."""


ROLE_ARN = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/PumpAutoPilotRole"}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:iam::*:role/PumpAutoPilotRole"}
ALLOW = {**DENY, "Effect": "Allow"}


def command(text: Any) -> dict[str, Any]:
    return resource("Custom::Command", Command=text)


BY_BUDGET = {"IamActionDefinition": {"Roles": ["PumpAutoPilotRole"]}}
COMMANDS = {"config": {"commands": {"a": {"command": "x --role-name PumpAutoPilotRole"}}}}
NAMES_ROLE = "names the role PumpAutoPilotRole"
NAMES_ACCOUNT = f"names Pump's account {PUMP_ACCOUNT}"
TRUSTS_ACCOUNT = f"trusts Pump's account {PUMP_ACCOUNT}"
TRUSTS_EVERYONE = "trusts everyone"


def policy(**properties: Any) -> dict[str, Any]:
    document = {"PolicyName": "P", "PolicyDocument": EVERYTHING}
    return resource("AWS::IAM::Policy", **document, **properties)


def requiring(external_id: Any) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}}


COGNITO = "cognito-identity.amazonaws.com"


def of_pool(pool: Any, *, users: str = "authenticated", **operators: Any) -> dict[str, Any]:
    """A role for the users of an Amazon Cognito identity pool."""
    in_pool = {"StringEquals": {f"{COGNITO}:aud": pool}}
    of_users = {"ForAnyValue:StringLike": {f"{COGNITO}:amr": users}}
    return role({"Federated": COGNITO}, Condition={**in_pool, **of_users, **operators})


def pool(name: Any, **properties: Any) -> dict[str, Any]:
    """An identity pool in which users of a user pool sign in."""
    users = [{"ProviderName": name}]
    return resource("AWS::Cognito::IdentityPool", CognitoIdentityProviders=users, **properties)


USERS = {"Fn::GetAtt": ["Users", "ProviderName"]}
OWN_RESOURCES = {
    "Own": role({"Service": "ec2.amazonaws.com"}),
    "Account": resource("AWS::Organizations::Account"),
    "Users": resource("AWS::Cognito::UserPool"),
    "Pool": pool(USERS),
    "OfOthers": pool("cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"),
    "OfOwn": pool({"Fn::GetAtt": "Users.ProviderName"}),
    "OfApps": pool(USERS, OpenIdConnectProviderARNs=["arn:aws:iam::1:oidc-provider/x"]),
}


def in_text(name: str) -> dict[str, str]:
    """A trust policy that is put together as a text."""
    principal = {"AWS": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{name}"}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"Fn::Sub": json.dumps({"Statement": [allow]})}


WORKER = f"arn:aws:iam::{PUMP_ACCOUNT}:role/Worker"
MAYBE_PUMP = {"Fn::If": ["C", {"Ref": "AWS::AccountId"}, PUMP_ACCOUNT]}

REACHES_PUMP: dict[str, list[dict[str, Any]]] = {
    TRUSTS_EVERYONE: [
        role("*"),
        role({"AWS": "*"}),
        role({"AWS": ["*"]}),
        role({"AWS": {"Fn::Sub": ["*${X}", {"X": MAYBE}]}}),
        role("*", Condition={"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}),
    ],
    "trusts everyone except those in NotPrincipal": [
        role(None, NotPrincipal={"AWS": "123456789012"})
    ],
    TRUSTS_ACCOUNT: [
        role({"AWS": PUMP_ACCOUNT}),
        role({"AWS": f"arn:aws:iam::{PUMP_ACCOUNT}:root"}),
        role({"AWS": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{PUMP_ACCOUNT}:role/Any"}}),
        role({"AWS": {"Fn::If": ["C", {"Ref": "AWS::AccountId"}, PUMP_ACCOUNT]}}),
    ],
    "trusts the role PumpAutoPilotRole": [
        resource("AWS::IAM::Role", AssumeRolePolicyDocument=in_text("role/PumpAutoPilotRole"))
    ],
    "trusts the role pumpautopilotrole": [
        role({"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/pumpautopilotrole"}})
    ],
    "trusts a principal that cannot be read": [
        role({"AWS": {"Ref": "Parameter"}}),
        role({"Fn::If": ["C", {"AWS": "*"}, NO_VALUE]}),
        role(None),
    ],
    "requires the external ID of one of Pump's roles": [
        role({"AWS": OWN_ROOT}, Condition={"StringLike": {"sts:externalID": SECRET}}),
        role({"AWS": OWN_ROOT}, **requiring({"Fn::If": ["C", SECRET, "Another-1234"]})),
    ],
    "its trust policy cannot be read": [
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Fn::If": ["C", {}, {}]})
    ],
    "its trust policy has a statement that cannot be read": [
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": [MAYBE]}),
        resource("AWS::Serverless::Function", AssumeRolePolicyDocument={"Statement": {}}),
    ],
    "may attach to one of the roles": [policy(Roles=[{"Ref": "Parameter"}])],
    "attaches to the role PumpReadOnlyRole": [
        resource("AWS::IAM::ManagedPolicy", Roles=["PumpReadOnlyRole"], PolicyDocument=EVERYTHING)
    ],
    "attaches to the role PumpAutoPilotRole": [
        resource("AWS::IAM::InstanceProfile", Roles=["PumpAutoPilotRole"]),
    ],
    "may attach to the role PumpAutoPilotRole": [
        resource("AWS::Budgets::BudgetsAction", Definition=BY_BUDGET)
    ],
    NAMES_ROLE: [
        resource("AWS::EKS::AccessEntry", PrincipalArn=ROLE_ARN),
        resource("AWS::KMS::Key", KeyPolicy={"Statement": {**ALLOW, "Principal": "*"}}),
        command({"Fn::Sub": f'{{"role": "{ESCAPED}", "of": "${{X}}"}}'}),
        command({"PumpAutoPilotRole": "*"}),
        {"Type": "AWS::EC2::Instance", "Metadata": {"AWS::CloudFormation::Init": COMMANDS}},
        command({"Fn::Join": ["", ["--role Pump", {"Fn::If": ["C", "AutoPilotRole ", NO_VALUE]}]]}),
    ],
    NAMES_ACCOUNT: [
        # Through an identity provider, or a service, for what is Pump's.
        role({"Federated": "idp.example"}, Condition={"StringLike": {"idp.example:sub": WORKER}}),
        role(
            {"Federated": "idp.example"},
            Condition={"StringEquals": {"idp.example:aud": [MAYBE_PUMP]}},
        ),
        role({"Federated": f"arn:aws:iam::{PUMP_ACCOUNT}:saml-provider/Pump"}),
        role(
            {"Service": "ec2.amazonaws.com"},
            Condition={"StringEquals": {"aws:SourceAccount": int(PUMP_ACCOUNT)}},
        ),
        role(
            {"AWS": OWN_ROOT, "Service": "ec2.amazonaws.com"},
            Condition={"ForAllValues:StringLike": {"aws:PrincipalArn": WORKER}},
        ),
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [STATEMENT]}),
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Fn::If": ["C", STATEMENT, NO_VALUE]}),
        resource("AWS::S3::BucketPolicy", Text={"Fn::ToJsonString": {"Statement": STATEMENT}}),
    ],
    "names the role PumpReadOnlyRole": [
        resource("AWS::SSO::PermissionSet", RelayStateType="arn:aws:iam::1:role/PumpReadOnlyRole")
    ],
    "may have the name of one of the roles": [
        resource(
            "AWS::IAM::Role",
            RoleName={"Fn::Sub": "Pump${Maybe}"},
            AssumeRolePolicyDocument={"Statement": []},
        )
    ],
    "the template of Other cannot be read": [
        resource("AWS::CloudFormation::Stack"),
        resource("AWS::CloudFormation::Stack", TemplateURL="https://example.com/t.json"),
        resource(
            "AWS::CloudFormation::StackSet", TemplateBody='{"Resources": {}}', TemplateURL="x"
        ),
    ],
}
"""Resources by what the alarm says about them."""


@pytest.mark.parametrize("same", [True, False], ids=["in Pump's template", "in another template"])
@pytest.mark.parametrize(
    ("other", "said"), [(other, said) for said, others in REACHES_PUMP.items() for other in others]
)
def test_resource_that_reaches_pump_is_an_alarm_in_any_template(
    other: dict[str, Any], said: str, text: str, tmp_path: Path, *, same: bool
) -> None:
    report = of(text, tmp_path, other, same=same)
    assert any(said in found for found in alarms(report)), alarms(report)
    assert report.findings[0].kind in ALARMS


@pytest.mark.parametrize(
    ("principal", "same", "ways"),
    [
        ({"AWS": PUMP_ACCOUNT}, False, f"{NAMES_ACCOUNT}; {TRUSTS_ACCOUNT}"),
        ({"AWS": "123456789012"}, False, ""),
        ({"AWS": "123456789012"}, True, "trusts another account: 123456789012"),
        ({"AWS": "*"}, False, TRUSTS_EVERYONE),
        ({"Service": "lambda.amazonaws.com"}, True, ""),
        (None, False, ""),
        (None, True, "gives access to another principal: *"),
    ],
)
def test_globals_of_a_serverless_template_are_read(
    principal: dict[str, str] | None, ways: str, text: str, tmp_path: Path, *, same: bool
) -> None:
    trust = {"Statement": {"Effect": "Allow", "Principal": principal}}
    public = {"FunctionUrlConfig": {"AuthType": "NONE"}}
    members = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Globals": {"Function": {"AssumeRolePolicyDocument": trust} if principal else public},
    }
    report = of(text, tmp_path, resource("AWS::SQS::Queue"), same=same, **members)
    assert suspects(report) == ([f"Globals (section): {ways}"] if ways else [])


PATTERN = {"detail": {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [ROLE_ARN]}}}}}

BUCKET_DENY = {**DENY, "Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": ROLE_ARN}}}

OWN_KEY = {"Effect": "Allow", "Principal": {"AWS": OWN_ROOT}, "Action": "kms:*", "Resource": "*"}


def organization(content: Any) -> dict[str, Any]:
    return resource("AWS::Organizations::Policy", Content=content)


ONLY_NAMES_IT = [
    resource("AWS::SSM::Parameter", Type="String", Value=ROLE_ARN),
    resource("AWS::SSM::Parameter", Type="String", Value=PUMP_ACCOUNT),
    resource("AWS::Events::Rule", EventPattern=PATTERN),
    organization({"Statement": [DENY]}),
    organization({"Statement": DENY}),
    organization(json.dumps({"Statement": [DENY, DENY]})),
    resource("AWS::Organizations::Policy", Content={}, Description="Nobody is PumpAutoPilotRole"),
    resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [BUCKET_DENY]}),
    resource("AWS::KMS::Key", KeyPolicy={"Statement": [BUCKET_DENY, OWN_KEY]}),
    resource("AWS::Logs::ResourcePolicy", PolicyDocument=json.dumps({"Statement": [DENY]})),
    resource("AWS::CloudWatch::Alarm", AlarmDescription="PumpAutoPilotRole was used"),
    resource("AWS::CloudWatch::Alarm", Tags=[{"Key": "watches", "Value": ROLE_ARN}]),
    # A name is only a name.
    resource(
        "AWS::CloudWatch::Alarm",
        AlarmName="PumpAutoPilotRole",
        Dimensions=[{"Name": "Role", "Value": "PumpAutoPilotRole"}],
    ),
    resource("AWS::CloudWatch::Dashboard", DashboardName="PumpAutoPilotRole"),
    *(
        resource(f"AWS::{kind}", **{member: ROLE_ARN})
        for kind, member in (
            ("Athena::NamedQuery", "QueryString"),
            ("CloudTrail::Trail", "EventSelectors"),
            ("Logs::SubscriptionFilter", "FilterPattern"),
            ("Notifications::EventRule", "EventPattern"),
            ("SecurityHub::Insight", "Filters"),
        )
    ),
    resource("AWS::CloudWatch::CompositeAlarm", AlarmRule="ALARM(PumpAutoPilotRole)"),
    resource(
        "AWS::Logs::MetricFilter",
        FilterName="PumpAutoPilotRole",
        MetricTransformations=[{"MetricName": "PumpAutoPilotRole"}],
    ),
    resource("AWS::SNS::Topic", TopicName=f"logs-{PUMP_ACCOUNT}"),
    resource("AWS::EKS::Cluster", Name="PumpAutoPilotRole"),
    resource("AWS::EC2::SecurityGroup", GroupDescription=f"For {PUMP_ACCOUNT}"),
    resource("AWS::Config::ConfigRule", InputParameters={"r": ROLE_ARN}, Source={"Owner": "AWS"}),
]
MAY_DO_MORE = [
    resource("AWS::SecretsManager::Secret", SecretString=ROLE_ARN),
    resource("AWS::Events::Rule", EventPattern=PATTERN, RoleArn=ROLE_ARN),
    organization({"Statement": [DENY, ALLOW]}),
    organization({"Statement": {"Fn::If": ["C", DENY, ALLOW]}}),
    organization({"Statement": [DENY], "Fn::Transform": {"Name": "PumpAutoPilotRole"}}),
    organization({"Statement": [DENY], "Principal": "PumpAutoPilotRole"}),
    organization('{"Statement": {"Effect": "Allow", "Effect": "Deny", "A": "PumpAutoPilotRole"}}'),
    organization(ROLE_ARN),
    resource("Custom::Policy", PolicyDocument={"Statement": [BUCKET_DENY]}),
    resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [BUCKET_DENY, ALLOW]}),
    resource("AWS::CloudWatch::Alarm", AlarmActions=["PumpAutoPilotRole"]),
    resource("Custom::Command", Description="PumpAutoPilotRole"),
    resource("Custom::Command", CommandName="PumpAutoPilotRole"),
    resource("AWS::S3::Bucket", AlarmName="PumpAutoPilotRole"),
    resource("AWS::Logs::SubscriptionFilter", DestinationArn="PumpAutoPilotRole"),
    resource("AWS::CloudFormation::CustomResource", Tags=["PumpAutoPilotRole"]),
    organization("PumpAutoPilotRole"),
    *(
        resource("AWS::Config::ConfigRule", InputParameters={"r": ROLE_ARN}, Source=source)
        for source in ({"Owner": "CUSTOM_LAMBDA"}, {"Owner": {"Ref": "Owner"}})
    ),
]


@pytest.mark.parametrize(
    ("other", "harmless"),
    [*((other, True) for other in ONLY_NAMES_IT), *((other, False) for other in MAY_DO_MORE)],
)
@pytest.mark.parametrize("same", [True, False])
def test_what_only_names_the_role_is_listed_as_information(
    other: dict[str, Any], text: str, tmp_path: Path, *, harmless: bool, same: bool
) -> None:
    report = of(text, tmp_path, other, same=same)
    assert (alarms(report) == []) == harmless
    assert report.roles[0].exact == harmless
    (listed,) = report.others
    assert (listed.name, listed.type, listed.alarms == ()) == ("Other", other["Type"], harmless)


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        ({"Fn::Sub": "arn:aws:iam::${Stored.Value}:root"}, f"Pump's account {PUMP_ACCOUNT}"),
        # In parts, it could be any parameter of the app.
        ({"Fn::Sub": "{{resolve:ssm:${Stored}}}"}, f"Pump's account {PUMP_ACCOUNT}"),
        ({"Fn::Join": ["", ["{{res", "olve:ssm:/x}}"]]}, "a principal that cannot be read"),
    ],
)
def test_reference_whose_value_is_elsewhere_is_not_known(
    principal: Any, said: str, text: str, tmp_path: Path
) -> None:
    stored = resource("AWS::SSM::Parameter", Type="String", Value=PUMP_ACCOUNT)
    resources = {
        "Stored": stored,
        "Other": role({"AWS": principal}),
    }
    report = of(text, tmp_path, {}, same=False, Resources=resources)
    assert any(f"Other (AWS::IAM::Role): trusts {said}" in found for found in alarms(report))


@pytest.mark.parametrize(
    ("statement", "harmless"),
    [
        ({"Action": "sts:AssumeRole"}, True),
        ({"Action": ["STS:assumerole"], "Sid": "Customers"}, True),
        ({"Action": "sts:AssumeRole", "Effect": "Deny", "Condition": {}}, True),
        ({"Action": "sts:AssumeRole", "Condition": {}}, False),
        ({"Action": "sts:AssumeRole", "Condition": {"Null": {"sts:ExternalId": "true"}}}, False),
        ({"Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{PUMP_ACCOUNT}:role/A"}, False),
        ({"Action": "sts:AssumeRole", "NotAction": "iam:*"}, False),
        ({"Action": "sts:AssumeRole", "action": "iam:*"}, False),
        ({"Action": "sts:AssumeRole", "Fn::Transform": {"Name": "Macro"}}, False),
        ({"Action": "sts:AssumeRole", "Effect": {"Ref": "Effect"}}, False),
        ({"Action": "iam:PassRole"}, False),
        ({"Action": ["sts:AssumeRole", "iam:PutRolePolicy"]}, False),
        ({"Action": "sts:*"}, False),
        ({"Action": []}, False),
        ({"Action": [{"Ref": "Action"}]}, False),
        ({"NotAction": "sts:AssumeRole"}, False),
        ({"Action": "sts:AssumeRole", "Other": "PumpAutoPilotRole"}, False),
    ],
)
@pytest.mark.parametrize("inline", [False, True])
def test_permission_to_assume_a_role_with_an_external_id_is_no_alarm(
    statement: dict[str, Any], text: str, tmp_path: Path, *, harmless: bool, inline: bool
) -> None:
    allow = {
        "Effect": "Allow",
        "Resource": "arn:aws:iam::*:role/PumpAutoPilotRole",
        "Condition": {"Null": {"sts:ExternalId": "false"}},
        **statement,
    }
    policy = {"PolicyName": "P", "PolicyDocument": {"Statement": [allow]}}
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}}}
    other = (
        resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust, Policies=[policy])
        if inline
        else resource("AWS::IAM::Policy", Users=["worker"], **policy)
    )
    assert (alarms(of(text, tmp_path, other, same=False)) == []) == harmless


def test_permission_to_assume_one_of_the_templates_roles_is_an_alarm(
    text: str, tmp_path: Path
) -> None:
    """Unlike a name, it can only be this role, which an account that trusts itself would admit."""
    allow = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": {"Fn::GetAtt": ["AutoPilotRole", "Arn"]},
        "Condition": {"Null": {"sts:ExternalId": "false"}},
    }
    policy = {"PolicyName": "P", "PolicyDocument": {"Statement": allow}, "Users": ["worker"]}
    report = of(text, tmp_path, resource("AWS::IAM::Policy", **policy), same=True)
    assert "names AutoPilotRole" in alarm(report)


OTHER_ROOT = "arn:aws:iam::123456789012:root"
MAYBE_OTHER = {"Fn::If": ["C", "s3.amazonaws.com", OTHER_ROOT]}
IN_A_LAKE = {"DataLakePrincipalIdentifier": OTHER_ROOT}
LETS_OTHERS_IN = [
    (role({"AWS": OTHER_ROOT}), "trusts another account"),
    (role({"AWS": "arn:aws:iam::123456789012:role/x"}), "trusts another account"),
    (role({"AWS": ["123456789012", OWN_ROOT]}), "trusts another account"),
    (
        role({"AWS": "123456789012"}, Condition={"StringLike": {"sts:ExternalId": "x"}}),
        "trusts another account",
    ),
    (role({"AWS": {"Fn::If": ["C", OWN_ROOT, "123456789012"]}}), "trusts another account"),
    (role({"AWS": {"Fn::GetAtt": ["Account", "AccountId"]}}), "trusts another account"),
    (role({"Federated": "arn:aws:iam::1:oidc-provider/x"}), "trusts an identity provider"),
    (role({"Federated": {"Ref": "Provider"}}), "trusts an identity provider"),
    # Whose pool it is is not known, or everyone is a guest there.
    (of_pool("us-east-1:11111111-2222-3333-4444-555555555555"), "trusts an identity provider"),
    (of_pool({"Ref": "Parameter"}), "trusts an identity provider"),
    (of_pool([{"Ref": "Pool"}, {"Ref": "Parameter"}]), "trusts an identity provider"),
    *(
        (of_pool({"Ref": name}), "trusts an identity provider")
        for name in ("Own", "OfOthers", "OfApps")
    ),
    (of_pool({"Ref": "Pool"}, users="unauthenticated"), "trusts an identity provider"),
    (of_pool({"Ref": "Pool"}, StringEquals={}), "trusts an identity provider"),
    (role({"Federated": COGNITO}), "trusts an identity provider"),
    (resource("AWS::IAM::User", LoginProfile={"Password": "x"}), "can act as this user"),
    (resource("AWS::IAM::AccessKey", UserName="x"), "can act as a user of the account"),
    (resource("AWS::IAM::OIDCProvider", Url="https://example.com"), "external identity provider"),
    (resource("AWS::RolesAnywhere::Profile", RoleArns=[]), "anyone with a certificate"),
    (resource("AWS::SSO::Assignment", PrincipalId="x"), "IAM Identity Center"),
    (resource("AWS::EKS::AccessEntry", PrincipalArn={"Ref": "Parameter"}), "cannot be read"),
    (resource("AWS::IdentityStore::GroupMembership", GroupId="g"), "IAM Identity Center"),
    (
        {**role({"AWS": "123456789012"}), "Type": "AWS::Serverless::Function"},
        "trusts another account: 123456789012",
    ),
    (
        resource("AWS::Serverless::Function", FunctionUrlConfig={"AuthType": "NONE"}),
        "another principal: *",
    ),
    *(
        (resource(f"AWS::{kind}", **{name: value}), said)
        for kind, name, value, said in [
            ("Lambda::Permission", "Principal", "evil.com", "another principal: evil.com"),
            ("Lambda::Permission", "PrincipalOrgID", "o-example", "another principal: o-example"),
            ("Lambda::Permission", "Principal", {"Ref": "P"}, "a principal that cannot be read"),
            ("Lambda::Permission", "Principal", MAYBE_OTHER, f"another principal: {OTHER_ROOT}"),
            ("Lambda::LayerVersionPermission", "OrganizationId", "o-e", "another principal: o-e"),
            ("Events::EventBusPolicy", "Principal", "*", "another principal: *"),
            ("SSO::ApplicationAssignment", "PrincipalId", "u-1", "another principal: u-1"),
            ("RAM::ResourceShare", "Principals", [OWN_ROOT, "o-e"], "another principal: o-e"),
            ("LakeFormation::PrincipalPermissions", "Principal", IN_A_LAKE, OTHER_ROOT),
            ("LakeFormation::Permissions", "DataLakePrincipal", IN_A_LAKE, OTHER_ROOT),
            ("EC2::VPCEndpointServicePermissions", "AllowedPrincipals", ["*"], "another principal"),
        ]
    ),
]


@pytest.mark.parametrize(("other", "said"), LETS_OTHERS_IN)
def test_access_for_others_is_an_alarm_only_next_to_pumps_role(
    other: dict[str, Any], said: str, text: str, tmp_path: Path
) -> None:
    changed = json.loads(text)
    changed["Resources"] |= OWN_RESOURCES
    assert said in alarm(of(json.dumps(changed), tmp_path, other, same=True))
    for file in tmp_path.iterdir():
        file.unlink()
    elsewhere = {**OWN_RESOURCES, "Other": other}
    assert alarms(of(text, tmp_path, other, same=False, Resources=elsewhere)) == []


def test_role_that_trusts_pumps_role_is_an_alarm(text: str, tmp_path: Path) -> None:
    """Within one account, the trust policy alone admits it."""
    trusted = {"AWS": {"Fn::Join": ["", [{"Fn::GetAtt": "AutoPilotRole.Arn"}]]}}
    report = of(text, tmp_path, role(trusted), same=True)
    assert suspects(report) == ["Other (AWS::IAM::Role): trusts AutoPilotRole"]
    # The numbers of its own policies are exact, but it can reach more.
    assert [report.roles[0].exact, report.roles[0].readable] == [True, False]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (role({"AWS": {"Ref": "PumpIamRole"}}), "trusts PumpIamRole"),
        (
            role({"AWS": OWN_ROOT}, **requiring([{"Ref": "PumpExternalID"}])),
            "requires the external ID of one of Pump's roles",
        ),
    ],
)
def test_role_with_one_of_the_parameters_of_pumps_role_is_an_alarm(
    other: dict[str, Any], said: str, tmp_path: Path
) -> None:
    report = of(universal.template("auto-pilot").decode(), tmp_path, other, same=True)
    assert f"Other (AWS::IAM::Role): {said}" in alarm(report)


def test_external_id_that_another_role_shares_is_not_shown(text: str, tmp_path: Path) -> None:
    shares = role({"AWS": OWN_ROOT}, **requiring(SECRET))
    report = of(text, tmp_path, shares, same=False)
    assert "requires the external ID of one of Pump's roles" in alarm(report)
    assert SECRET not in every_format(report)


def test_external_ids_that_are_not_read_are_not_the_same(text: str, tmp_path: Path) -> None:
    template = json.loads(text)
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    statement |= requiring({"Fn::ImportValue": "One"})
    other = role({"AWS": OWN_ROOT}, **requiring({"Fn::ImportValue": "Another"}))
    assert suspects(of(json.dumps(template), tmp_path, other, same=True)) == []


HARMLESS = [
    role({"Service": "ec2.amazonaws.com"}),
    role({"Service": {"Fn::FindInMap": ["Services", {"Ref": "AWS::Region"}, "states"]}}),
    role({"Service": ["a.amazonaws.com"], "AWS": OWN_ROOT}),
    role({"AWS": {"Ref": "AWS::AccountId"}}),
    role({"AWS": OWN_ROOT}),
    role({"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/Mine"}}),
    role({"AWS": {"Fn::GetAtt": ["Own", "Arn"]}}),
    role({"AWS": "*"}, Effect="Deny"),
    resource("AWS::IAM::Role", AssumeRolePolicyDocument=in_text("root")),
    of_pool({"Ref": "Pool"}),
    of_pool([{"Ref": "Pool"}, {"Ref": "OfOwn"}]),
    role(None, Effect="Deny", NotPrincipal={"AWS": WORKER}),
    *(
        role(
            {"Service": "ec2.amazonaws.com"},
            Condition={operator: {"aws:SourceArn": WORKER, "aws:SourceAccount": PUMP_ACCOUNT}},
        )
        for operator in ("StringNotEquals", "ArnNotLikeIfExists")
    ),
    role({"AWS": OWN_ROOT}, **requiring(["Another-1234", {"Ref": "Other"}])),
    role({"AWS": OWN_ROOT}, Condition={"StringNotEquals": {"sts:ExternalId": SECRET}}),
    resource("AWS::Serverless::Function", FunctionUrlConfig={"AuthType": "AWS_IAM"}),
    resource("AWS::IAM::User"),
    resource("AWS::IAM::Group"),
    policy(Roles=["Mine"]),
    policy(Users=["Me"]),
    resource("AWS::IAM::ManagedPolicy", PolicyDocument=EVERYTHING),
    resource("AWS::IAM::InstanceProfile", Roles=[{"Ref": "Own"}]),
    resource("AWS::EKS::AccessEntry", PrincipalArn={"Fn::GetAtt": ["Own", "Arn"]}),
    resource("AWS::S3::Bucket", BucketName="pump-read-only-role"),
    {**role({"Service": "lambda.amazonaws.com"}), "Type": "AWS::Serverless::Function"},
    *(
        resource("AWS::Lambda::Permission", Principal=principal)
        for principal in (
            "elasticloadbalancing.amazonaws.com",
            "alexa-appkit.amazon.com",
            {"Fn::Sub": "logs.${AWS::Region}.${AWS::URLSuffix}"},
            {"Ref": "AWS::AccountId"},
            OWN_ROOT,
            {"Fn::GetAtt": ["Own", "Arn"]},
        )
    ),
    resource("AWS::IoT::ThingPrincipalAttachment", Principal={"Ref": "Certificate"}),
]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("other", HARMLESS)
def test_resource_without_access_to_pumps_roles_is_listed_without_an_alarm(
    other: dict[str, Any], text: str, tmp_path: Path, *, same: bool
) -> None:
    changed = json.loads(text)
    changed["Resources"] |= OWN_RESOURCES
    changed["Mappings"] = {"Services": {"us-east-1": {"states": "states.amazonaws.com"}}}
    other_content = {} if same else {"Resources": {**OWN_RESOURCES, "Other": other}}
    report = of(json.dumps(changed), tmp_path, other, same=same, **other_content)
    assert alarms(report) == []
    assert report.roles[0].as_published
    listed = {found.name for found in report.others}
    gives_access = other["Type"] in {f"AWS::IAM::{kind}" for kind in ("Role", "User", "Group")}
    assert ("Other" in listed) == (gives_access or "Policy" in other["Type"])


def test_everything_that_gives_access_is_listed_with_its_principals_and_what_it_grants(
    text: str, tmp_path: Path
) -> None:
    inline = {"PolicyName": "P", "PolicyDocument": {"Statement": {**EVERYTHING["Statement"]}}}
    other = role({"AWS": "arn:aws:iam::123456789012:root", "Service": "ec2.amazonaws.com"})
    other["Properties"]["Policies"] = [inline]
    report = of(text, tmp_path, other, same=False)
    assert report.others == (
        OtherResource(
            name="Other",
            type="AWS::IAM::Role",
            source="Another.template.json",
            principals=(
                Principal("account", Value("known", "123456789012")),
                Principal("service", Value("known", "ec2.amazonaws.com")),
            ),
            grants=(Access("allows", "*"), Access("allows-managed-policy", ADMINISTRATOR)),
        ),
    )
    (listed,) = plain(report)["others"]
    assert [each["kind"] for each in listed["principals"]] == ["account", "service"]


CERTAIN = "Other is from Another.template.json"
POSSIBLE = "Other cannot be read"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ({"Fn::Select": [1, ["a", MAYBE, "PumpAutoPilotRole"]]}, POSSIBLE),
        ({"Fn::ImportValue": {"Fn::Sub": "The${Suffix}"}}, CERTAIN),
        ({"Fn::GetStackOutput": {"StackName": "PumpAutoPilot", "OutputName": "RoleName"}}, CERTAIN),
    ],
)
def test_policy_in_another_template_that_attaches_to_the_role_is_a_difference(
    name: Any, expected: str, text: str, tmp_path: Path
) -> None:
    template = json.loads(text)
    template["Outputs"]["RoleName"]["Export"] = {"Name": "TheRole"}
    other = policy(Roles=[name])
    suffix = {"Parameters": {"Suffix": {"Type": "String", "AllowedValues": ["Role"]}}}
    report = of(json.dumps(template), tmp_path, other, same=False, **suffix)
    first, second, *_ = report.findings
    assert (first.kind, second.kind) == ("difference", "suspect")
    assert expected in alarm_text(first, report)
    attaches = "attaches" if expected == CERTAIN else "may attach"
    found_text = alarm_text(second, report)
    assert f"Other (AWS::IAM::Policy): {attaches} to the role PumpAutoPilotRole" in found_text
    assert report.others[0].grants == (Access("allows", "*"),)
    (found,) = report.roles
    assert not found.as_published
    assert not found.exact


IN_REGION = {"Fn::Sub": "acme-${AWS::Region}"}


@pytest.mark.parametrize(
    ("role_name", "command_line", "said"),
    [
        ("Acme-Pump", "arn:aws:iam::111122223333:role/acme-pump", "names the role acme-pump"),
        (IN_REGION, "--role acme-eu-west-1 x", "names the role acme-eu-west-1"),
        (IN_REGION, {"Fn::Sub": "--role=acme-${AWS::Region}"}, "names the role acme-${AWS::Region"),
        (IN_REGION, {"Fn::Sub": "--role=acme-${AWS::Region} ${P}"}, "names the role acme-${AWS::"),
        (
            IN_REGION,
            {"Fn::Join": ["-", ["acme", {"Ref": "P"}, "eu-west-1"]]},
            "",
        ),
        (IN_REGION, "acme-logs", ""),
        (IN_REGION, {"Fn::Sub": "acme-${P}"}, ""),
        (IN_REGION, {"Fn::Sub": "acme-logs-${AWS::Region}"}, ""),
        # A generated name.
        (None, "--role Pump-AutoPilotRole-1ABCDEF2GHIJ", "names the role Pump-AutoPilotRole-1AB"),
        (None, "--role Pump-OtherResource-1ABCDEF2GHIJ", ""),
    ],
)
def test_looks_for_the_names_that_the_roles_have_here(
    role_name: Any, command_line: Any, said: str, text: str, tmp_path: Path
) -> None:
    changed = json.loads(text)
    role = changed["Resources"]["AutoPilotRole"]["Properties"]
    role |= {"RoleName": role_name}
    if role_name is None:
        del role["RoleName"]
    report = of(json.dumps(changed), tmp_path, command(command_line), same=False)
    assert [said in found for found in suspects(report)] == ([True] if said else [])


@pytest.mark.parametrize("same", [True, False], ids=["in Pump's stack", "in other stacks"])
def test_ordinary_customers_app_widens_nothing_and_raises_no_alarm(
    tmp_path: Path, *, same: bool
) -> None:
    paths = customers_app(tmp_path, same=same)
    properties = role_of(json.loads(universal.template("read-only")))
    assert [*widenings([Built(None, paths[0], "ReadOnlyRole", properties)], paths)] == []
    report = of_templates(tmp_path)
    assert alarms(report) == []
    assert report.roles[0].as_published
    assert report.roles[0].exact
    assert len(report.others) > 20


MACRO = {"Fn::Transform": {"Name": "Macro"}}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"Transform": "Macro", "Resources": {}}, "the transform Macro can change"),
        ({"Transform": ["AWS::Serverless-2016-10-31", "AWS::Include"]}, "AWS::Include"),
        ({"Fn::Transform": {"Name": "AWS::Include"}, "Resources": {}}, "Fn::Transform can change"),
        ({"Resources": {"Fn::ForEach::Roles": []}}, "Fn::ForEach::Roles creates resources"),
        (
            {"Resources": {"M": {"Type": "My::S3::Bucket::MODULE"}}},
            "M, of type My::S3::Bucket::MODULE, can contain any resource",
        ),
        (
            {"Resources": {"R": resource("AWS::IAM::Role", **{"Fn::Transform": {}})}},
            "has properties that cannot be read",
        ),
        (
            {"Resources": {"R": {**role({"AWS": OWN_ROOT}), "Fn::Transform": {}}}},
            "has properties that cannot be read",
        ),
        (
            {
                "Transform": "AWS::Serverless-2016-10-31",
                "Resources": {
                    "F": resource(
                        "AWS::Serverless::Function",
                        AssumeRolePolicyDocument={
                            "Statement": {"Effect": "Allow", "Principal": {"AWS": PUMP_ACCOUNT}}
                        },
                    )
                },
            },
            f"trusts Pump's account {PUMP_ACCOUNT}",
        ),
        *(
            (content, f"a macro, Fn::Transform, can change {what} when")
            for what, content in {
                "its Mappings": {"Mappings": {"M": {"a": MACRO}}},
                "its Conditions": {"Conditions": MACRO},
                "its Outputs": {"Outputs": {"O": {"Value": MACRO}}},
                "its Parameters": {"Parameters": {"P": MACRO}},
                "P": {"Resources": {"P": resource("AWS::SSM::Parameter", Value=MACRO)}},
                "X": {"Resources": {"X": resource("Custom::X", A=[MACRO])}},
            }.items()
        ),
        # These can hide nothing that reaches Pump.
        (
            {
                "Transform": "AWS::Serverless-2016-10-31",
                "Resources": {"F": resource("AWS::Serverless::Function", Handler="index.handler")},
            },
            "",
        ),
        ({"Resources": {"F": resource("AWS::Lambda::Function", Environment=MACRO)}}, ""),
    ],
)
def test_what_another_template_hides_until_deployment_is_an_alarm(
    other: dict[str, Any], said: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "Pump.template.json").write_text(text)
    (tmp_path / "Another.template.json").write_text(json.dumps({"Resources": {}} | other))
    report = of_templates(tmp_path)
    found = alarms(report)
    assert [said in alarm for alarm in found] == ([True] if said else [])
    assert (report.as_published, report.exact) == ((True, True) if not said else (False, False))
