"""What widens one of Pump's roles, or gets around its limits, and what only looks like it.

One table for everything that reads it: the check at synth, what the templates contain, the report,
and ``verify``, which reads the roles of an account. What takes the CDK is in ``tests/hostile.py``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pump_roles import Guardrail, universal
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.published import ROLES
from pump_roles.role.assembly import Assembly
from tests.support import EVERYTHING, NO_VALUE, PUMP_ACCOUNT, SECRET, Template

__all__ = [
    "ADMINISTRATOR",
    "ATTACKS",
    "BESIDE",
    "ELSEWHERE",
    "HERE",
    "INNOCENT",
    "MACRO",
    "NAME",
    "OWN_ROOT",
    "TRANSFORM",
    "Attack",
    "Found",
    "as_set",
    "attack",
    "found_in",
    "merged",
    "policy",
    "requiring",
    "resource",
    "role",
    "template",
    "write_app",
]

NAME: Final = "PumpAutoPilotRole"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OWN_ROOT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
OTHER_ROOT = "arn:aws:iam::123456789012:root"
ACCOUNT_ROOT = f"arn:aws:iam::{PUMP_ACCOUNT}:root"


HERE, ELSEWHERE = "the role's template", "another template"


@cache
def _with_literals() -> str:
    return (
        json.dumps(json.loads(universal.template("auto-pilot")))
        .replace('{"Ref": "PumpIamRole"}', json.dumps(PUMP_ACCOUNT))
        .replace('{"Ref": "PumpExternalID"}', json.dumps(SECRET))
    )


def template(guardrail: str = "") -> Template:
    """Return the template of the auto-pilot role, with literals, exports, and a guardrail."""
    made: Template = json.loads(_with_literals())
    del made["Parameters"]
    chosen = [Guardrail.named(guardrail)] if guardrail else []
    made["Resources"]["AutoPilotRole"]["Properties"]["Policies"] += [
        {"PolicyName": found.policy_name, "PolicyDocument": document}
        for found, document in documents(chosen, ROLES["auto-pilot"]).items()
    ]
    for name, value in (("TheRole", {"Ref": "AutoPilotRole"}), ("TheArn", ARN_OF_ROLE)):
        made["Outputs"][name] = {"Value": value, "Export": {"Name": name}}
    return made


def found_in(assembly: Assembly) -> frozenset[str]:
    """Return how the rest of an app reaches the role, and what is not known of both."""
    ways = (way for other in assembly.others for way in other.access)
    of_roles = (each for found in assembly.roles for each in found.role.not_known)
    unknown = (*assembly.unreadable, *(each for each in of_roles if each.may_add_access))
    return frozenset(
        [
            *(f"{way.why} {way.subject}".rstrip() for way in ways),
            *(f"{each.part} {each.why} {each.subject}".rstrip() for each in unknown),
        ]
    )


def merged(own: Template, sections: Template) -> Template:
    """Return a template with more sections, or more in them."""
    return own | {
        name: {**own.get(name, {}), **section} if isinstance(section, dict) else section
        for name, section in sections.items()
    }


def write_app(
    folder: Path, own: Template, other: Template | None = None, tags: Any = None
) -> list[Path]:
    """Write two templates of an app as the CDK does, the first one of a stack with tags."""
    paths = []
    for stack, content in (("Own", own), ("Other", other or {})):
        paths.append(folder / f"{stack}.template.json")
        paths[-1].write_text(json.dumps(content))
    artifacts = {
        path.name.partition(".")[0]: {"properties": {"templateFile": path.name, "tags": tags}}
        for path in paths
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return paths


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Something in an app, and what is found: in the template of the role, and in another one.

    :param content: the sections of a template.
    :param found: the reasons of the reader, each with its subject.
    :param gate: those of the check at synth.
    :param is_information: whether it is listed even though nothing is found.
    """

    content: Template
    found: frozenset[str]
    elsewhere: frozenset[str]
    gate: frozenset[str]
    gate_elsewhere: frozenset[str]
    is_information: bool

    def written(self, place: str, folder: Path) -> list[Path]:
        """Write an app with the role, and this in one of two templates."""
        if place == ELSEWHERE:
            return write_app(folder, template(), self.content)
        return write_app(folder, merged(template(), self.content))


Found = str | tuple[str, ...]


def role(principal: Any, **statement: Any) -> dict[str, Any]:
    """Return a role with administrator access that trusts a principal."""
    if principal is not None:
        statement["Principal"] = principal
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    trust = {"Version": "2012-10-17", "Statement": [allow]}
    return resource(
        "AWS::IAM::Role", AssumeRolePolicyDocument=trust, ManagedPolicyArns=[ADMINISTRATOR]
    )


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    """Return a resource of a template."""
    return {"Type": kind, "Properties": properties}


def policy(kind: str = "Policy", **properties: Any) -> dict[str, Any]:
    """Return a policy that allows everything."""
    named = {} if kind == "ManagedPolicy" else {"PolicyName": "P"}
    return resource(f"AWS::IAM::{kind}", **named, PolicyDocument=EVERYTHING, **properties)


def requiring(external_id: Any) -> dict[str, Any]:
    """Return what a statement has that requires an external ID."""
    return {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}}


COGNITO = "cognito-identity.amazonaws.com"


OF_AWS: Final = {
    "ForAllValues:StringLike": {"events:source": "aws.*"},
    "Null": {"events:source": "false"},
}
"""The condition that only events of AWS meet."""


def _root_of(parameter: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{{parameter}}}:root"}


def _bus(**more: Any) -> dict[str, Any]:
    return resource("AWS::Events::EventBusPolicy", Statement={"Effect": "Allow", **more})


def _of_pool(pool: Any, *, users: str = "authenticated", **operators: Any) -> dict[str, Any]:
    # A role for the users of an Amazon Cognito identity pool.
    in_pool = {"StringEquals": {f"{COGNITO}:aud": pool}}
    of_users = {"ForAnyValue:StringLike": {f"{COGNITO}:amr": users}}
    return role({"Federated": COGNITO}, Condition={**in_pool, **of_users, **operators})


def _pool(name: Any, **properties: Any) -> dict[str, Any]:
    # An identity pool in which users of a user pool sign in.
    users = [{"ProviderName": name}]
    return resource("AWS::Cognito::IdentityPool", CognitoIdentityProviders=users, **properties)


USERS = {"Fn::GetAtt": ["Users", "ProviderName"]}
BESIDE: Template = {
    "Resources": {
        "Own": role({"Service": "ec2.amazonaws.com"}),
        "Account": resource("AWS::Organizations::Account"),
        "Users": resource("AWS::Cognito::UserPool"),
        "Machine": resource("AWS::StepFunctions::StateMachine", StateMachineName=NAME),
        "Named": resource("AWS::Cognito::UserPoolGroup", GroupName=NAME, UserPoolId="x"),
        "OpenUser": resource("AWS::IAM::User", UserName={"Ref": "Free"}),
        "EitherGroup": resource("AWS::IAM::Group", GroupName={"Fn::If": ["C", "x", NAME]}),
        "Line": resource("AWS::SQS::Queue", QueueName="Mine"),
        "Pool": _pool(USERS, IdentityPoolName="Mine"),
        "OfOthers": _pool("cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"),
        "OfOwn": _pool({"Fn::GetAtt": "Users.ProviderName"}),
        "OfApps": _pool(USERS, OpenIdConnectProviderARNs=["arn:aws:iam::1:oidc-provider/x"]),
        "Stored": resource("AWS::SSM::Parameter", Type="String", Name="/app/name", Value=NAME),
        "StoredAccount": resource("AWS::SSM::Parameter", Type="String", Value=PUMP_ACCOUNT),
    },
    "Parameters": {
        "Free": {"Type": "String"},
        "ByDefault": {"Type": "String", "Default": NAME},
        "OfSsm": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/app/name"},
        "Suffix": {"Type": "String", "AllowedValues": ["Role"]},
    },
    "Mappings": {"Services": {"us-east-1": {"states": "states.amazonaws.com"}}},
}
"""What some refer to. It is innocent."""

NOT_READ: list[Any] = [
    {"Ref": "Free"},
    ["sts:TagSession", {"Fn::ImportValue": "Action"}],
    "{{resolve:ssm:/action}}",
]
"""Actions that only the deployment knows."""

MAYBE = {"Fn::If": ["C", "x", NO_VALUE]}
TRANSFORM: dict[str, Any] = {"Fn::Transform": {"Name": "Macro"}}
NAMING_MACRO = {"Name": "Macro", "Parameters": {"Role": NAME}}
ARN_OF_ROLE = {"Fn::GetAtt": ["AutoPilotRole", "Arn"]}
ROLE_ARN = {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{NAME}"}
WORKER = f"arn:aws:iam::{PUMP_ACCOUNT}:role/Worker"
MAYBE_PUMP = {"Fn::If": ["C", {"Ref": "AWS::AccountId"}, PUMP_ACCOUNT]}
ESCAPED = "".join(f"\\u{ord(letter):04X}" for letter in NAME)
DENY = {"Effect": "Deny", "Action": "*", "Resource": f"arn:aws:iam::*:role/{NAME}"}
ALLOW = {**DENY, "Effect": "Allow"}
BUCKET_DENY = {**DENY, "Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": ROLE_ARN}}}
OWN_KEY = {"Effect": "Allow", "Principal": {"AWS": OWN_ROOT}, "Action": "kms:*", "Resource": "*"}
# With the account as a JSON number.
STATEMENT = {"Effect": "Allow", "Principal": {"AWS": int(PUMP_ACCOUNT)}, "Action": "s3:*"}
PATTERN = {"detail": {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [ROLE_ARN]}}}}}
COMMANDS = {"config": {"commands": {"a": {"command": f"x --role-name {NAME}"}}}}
SERVERLESS = "AWS::Serverless-2016-10-31"


def _command(text: Any) -> dict[str, Any]:
    return resource("Custom::Command", Command=text)


def _in_text(name: str) -> dict[str, str]:
    # A trust policy that is put together as a text.
    principal = {"AWS": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{name}"}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"Fn::Sub": json.dumps({"Statement": [allow]})}


def _organization(content: Any) -> dict[str, Any]:
    return resource("AWS::Organizations::Policy", Content=content)


def _budget(**action: Any) -> dict[str, Any]:
    definition = {"PolicyArn": ADMINISTRATOR, "Roles": [NAME], **action}
    return {"IamActionDefinition": definition}


def _by_budget(definition: Any) -> dict[str, Any]:
    return resource("AWS::Budgets::BudgetsAction", Definition=definition)


def _stackas_set(body: Any) -> dict[str, Any]:
    return resource("AWS::CloudFormation::StackSet", StackSetName="Wide", TemplateBody=body)


def _in_json(name: str) -> str:
    return json.dumps({"Resources": {"Wide": policy("RolePolicy", RoleName=name)}})


def _in_yaml(name: str) -> str:
    properties = f"RoleName: {name}\n      PolicyName: Wide"
    return f"Resources:\n  W:\n    Type: AWS::IAM::RolePolicy\n    Properties:\n      {properties}"


def _nested(**parameters: Any) -> dict[str, Any]:
    url = "https://example.com/t.json"
    return resource("AWS::CloudFormation::Stack", TemplateURL=url, Parameters=parameters)


def _each_of(name: str) -> list[Any]:
    return ["X", [name], {"P${X}": policy("RolePolicy", RoleName={"Ref": "X"})}]


def _connected(source: Any, target: Any = "") -> Template:
    # What SAM makes a managed policy of, for the role of the source or the destination.
    destination = {"Destination": target or {"Arn": "arn:x"}, "Permissions": ["Write"]}
    return {
        "Transform": SERVERLESS,
        "Resources": {
            "Other": resource("AWS::Serverless::Connector", Source=source, **destination),
            "F": resource("AWS::Lambda::Function", Role=ROLE_ARN),
            "R": resource("AWS::Events::Rule", Targets=[{"Id": "x", "RoleArn": ROLE_ARN}]),
            "Q": resource("AWS::SQS::Queue"),
        },
    }


def _assuming(**statement: Any) -> Iterator[dict[str, Any]]:
    # Permission to assume the role with an external ID, as Pump's own services have it.
    allow = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": f"arn:aws:iam::*:role/{NAME}",
        "Condition": {"Null": {"sts:ExternalId": "false"}},
        **statement,
    }
    allow = {name: value for name, value in allow.items() if value is not None}
    document = {"PolicyName": "P", "PolicyDocument": {"Statement": [allow]}}
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}}}
    yield resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust, Policies=[document])
    yield resource("AWS::IAM::Policy", Users=["worker"], **document)


def _trust(account: str) -> dict[str, Any]:
    return {"Statement": {"Effect": "Allow", "Principal": {"AWS": account}}}


def _function(**members: Any) -> Template:
    # A serverless template in which each function has some members.
    return {"Transform": SERVERLESS, "Globals": {"Function": members}}


def _each(
    found: Found,
    *contents: Mapping[str, Any],
    elsewhere: Found | None = None,
    gate: Found = (),
    gate_elsewhere: Found | None = None,
    is_information: bool = False,
) -> Iterator[Attack]:
    # What is not passed for another template is the same there.
    for content in contents:
        sections = {"Resources": {"Other": content}} if "Type" in content else dict(content)
        yield Attack(
            content={
                **BESIDE,
                **sections,
                **{
                    name: {**BESIDE[name], **sections[name]}
                    for name in BESIDE.keys() & sections.keys()
                },
            },
            found=as_set(found),
            elsewhere=as_set(found if elsewhere is None else elsewhere),
            gate=as_set(gate),
            gate_elsewhere=as_set(gate if gate_elsewhere is None else gate_elsewhere),
            is_information=is_information,
        )


def attack(other: Mapping[str, Any], **sections: Any) -> Attack:
    """Return a resource as an attack of which nothing is said, with more sections."""
    (made,) = _each((), {"Resources": {"Other": other}, **sections})
    return made


def as_set(found: Found) -> frozenset[str]:
    """Return one finding, or several, as a set."""
    return frozenset([found] if isinstance(found, str) else found)


ATTACHES, COULD_ATTACH = f"attaches {NAME}", f"could-attach {NAME}"
NAMES_ROLE, NAMES_ACCOUNT = f"names-role {NAME}", f"names-account {PUMP_ACCOUNT}"
ENDS_APPROVALS = {
    "Arn": "arn:aws:scheduler:::aws-sdk:iam:untagRole",
    "Input": f'{{"RoleName": "{NAME}", "TagKeys": ["pump-commitments"]}}',
}
"""What a schedule that ends approvals calls; a custom resource may do anything with it."""
TRUSTS_ACCOUNT = f"trusts-account {PUMP_ACCOUNT}"
UNREAD_POLICIES = "managed-policies unreadable Other"
UNREAD_POLICY = "inline-policies unreadable Other"
MAY_ATTACH = ("may-attach", "managed-policies attached-to-unknown Other")
ELSEWHERE_INLINE = "inline-policies deployed-elsewhere Other"
ELSEWHERE_MANAGED = "managed-policies deployed-elsewhere Other"
UNREAD_TEMPLATE = "template unread-template Other"
MACRO, LATER = "template macro Own.template.json", "changed-later AutoPilotRole"

_TRUSTING = [
    # Everyone, or Pump.
    *_each(
        "trusts-everyone",
        role("*"),
        role({"AWS": "*"}),
        role({"AWS": ["*"]}),
        role({"AWS": {"Fn::Sub": ["*${X}", {"X": MAYBE}]}}),
        role("*", Condition={"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}),
    ),
    *_each("trusts-everyone-but", role(None, NotPrincipal={"AWS": "123456789012"})),
    # What is no text may be any action.
    *_each("trusts-everyone", *(role("*", Action=action) for action in NOT_READ)),
    *_each(
        "trusts-everyone-but",
        *(role(None, NotPrincipal={"AWS": "1"}, Action=action) for action in NOT_READ),
    ),
    *_each(
        TRUSTS_ACCOUNT,
        role({"AWS": PUMP_ACCOUNT}),
        role({"AWS": ACCOUNT_ROOT}),
        role({"AWS": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{PUMP_ACCOUNT}:role/Any"}}),
        role({"AWS": MAYBE_PUMP}),
        role({"AWS": {"Fn::Sub": "arn:aws:iam::${StoredAccount.Value}:root"}}),
        # In parts, it could be any parameter of the app.
        role({"AWS": {"Fn::Sub": "{{resolve:ssm:${StoredAccount}}}"}}),
        gate="trusts-account Other",
    ),
    *_each(
        f"trusts-role {NAME}",
        resource("AWS::IAM::Role", AssumeRolePolicyDocument=_in_text(f"role/{NAME}")),
    ),
    *_each(
        f"trusts-role {NAME.lower()}",
        *(
            role(
                {"AWS": {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{path}{NAME.lower()}"}}
            )
            for path in ("", "path/")
        ),
    ),
    *_each(
        "trusts-unreadable",
        role({"AWS": {"Ref": "Parameter"}}),
        role({"AWS": {"Fn::Join": ["", ["{{res", "olve:ssm:/x}}"]]}}),
        role({"Fn::If": ["C", {"AWS": "*"}, NO_VALUE]}),
        role(None),
        # The parameter can have the name of a role.
        role({"AWS": {"Fn::Sub": "arn:aws:iam::${Free}"}}),
        role({"AWS": {"Fn::If": ["C", _root_of("Free"), {"Ref": "Free"}]}}),
    ),
    *_each(
        "trusts-unreadable-account",
        role({"AWS": _root_of("Free")}),
        role({"AWS": {"Fn::Join": [":", ["arn:aws:iam:", {"Ref": "Free"}, "root"]]}}),
    ),
    *_each(
        (f"trusts-account {PUMP_ACCOUNT}", "trusts-unreadable-account"),
        role({"AWS": [_root_of("Free"), ACCOUNT_ROOT]}),
        gate="trusts-account Other",
    ),
    *_each(
        "requires-same-external-id",
        role({"AWS": OWN_ROOT}, Condition={"StringLike": {"sts:externalID": SECRET}}),
        role({"AWS": OWN_ROOT}, **requiring({"Fn::If": ["C", SECRET, "Another-1234"]})),
    ),
    *_each(
        "unreadable-trust-policy",
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Fn::If": ["C", {}, {}]}),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": []}),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={}),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument="text"),
    ),
    *_each(
        ("unreadable-statement", "trusts-unreadable"),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": [MAYBE]}),
        resource("AWS::Serverless::Function", AssumeRolePolicyDocument={"Statement": {}}),
    ),
    # Through an identity provider, or a service, for what is Pump's.
    *_each(
        (NAMES_ACCOUNT, "trusts-identity-provider"),
        role({"Federated": "idp.example"}, Condition={"StringLike": {"idp.example:sub": WORKER}}),
        role(
            {"Federated": "idp.example"},
            Condition={"StringEquals": {"idp.example:aud": [MAYBE_PUMP]}},
        ),
        role({"Federated": f"arn:aws:iam::{PUMP_ACCOUNT}:saml-provider/Pump"}),
        elsewhere=NAMES_ACCOUNT,
    ),
    *_each(
        NAMES_ACCOUNT,
        role(
            {"Service": "ec2.amazonaws.com"},
            Condition={"StringEquals": {"aws:SourceAccount": int(PUMP_ACCOUNT)}},
        ),
        role(
            {"AWS": OWN_ROOT, "Service": "ec2.amazonaws.com"},
            Condition={"ForAllValues:StringLike": {"aws:PrincipalArn": WORKER}},
        ),
    ),
    *_each(
        TRUSTS_ACCOUNT,
        {
            "Transform": SERVERLESS,
            "Resources": {
                "F": {**role({"AWS": PUMP_ACCOUNT}), "Type": "AWS::Serverless::Function"}
            },
        },
    ),
    *_each(
        (TRUSTS_ACCOUNT, NAMES_ACCOUNT),
        _function(AssumeRolePolicyDocument=_trust(PUMP_ACCOUNT)),
    ),
    *_each("trusts-everyone", _function(AssumeRolePolicyDocument=_trust("*"))),
]
"""Other roles through which Pump, or everyone, gets into the account."""

_MORE_THAN_ASSUMING: list[dict[str, Any]] = [
    {"Condition": {}},
    {"Condition": {"Null": {"sts:ExternalId": "true"}}},
    {"NotAction": "iam:*"},
    {"Action": None, "NotAction": "sts:AssumeRole"},
    {"action": "iam:*"},
    {"Effect": {"Ref": "Effect"}},
    {"Action": "iam:PassRole"},
    {"Action": ["sts:AssumeRole", "iam:PutRolePolicy"]},
    {"Action": "sts:*"},
    {"Action": []},
    {"Action": [{"Ref": "Action"}]},
    {"Other": NAME},
]
_NAMING = [
    *_each(
        NAMES_ROLE,
        resource("AWS::EKS::AccessEntry", PrincipalArn=ROLE_ARN),
        resource("AWS::KMS::Key", KeyPolicy={"Statement": {**ALLOW, "Principal": "*"}}),
        {"Type": "AWS::EC2::Instance", "Metadata": {"AWS::CloudFormation::Init": COMMANDS}},
        # What is not only a name, a filter, or a deny.
        resource("AWS::SecretsManager::Secret", SecretString=ROLE_ARN),
        resource("AWS::Events::Rule", EventPattern=PATTERN, RoleArn=ROLE_ARN),
        _organization({"Statement": [DENY, ALLOW]}),
        _organization({"Statement": {"Fn::If": ["C", DENY, ALLOW]}}),
        _organization({"Statement": [DENY], "Principal": NAME}),
        _organization(f'{{"Statement": {{"Effect": "Allow", "Effect": "Deny", "A": "{NAME}"}}}}'),
        _organization(ROLE_ARN),
        _organization(NAME),
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [BUCKET_DENY, ALLOW]}),
        resource("AWS::CloudWatch::Alarm", AlarmActions=[NAME]),
        resource("AWS::S3::Bucket", AlarmName=NAME),
        resource("AWS::Logs::SubscriptionFilter", DestinationArn=NAME),
        *(
            resource("AWS::Config::ConfigRule", InputParameters={"r": ROLE_ARN}, Source=source)
            for source in ({"Owner": "CUSTOM_LAMBDA"}, {"Owner": {"Ref": "Owner"}})
        ),
    ),
    *_each(
        (NAMES_ROLE, "template macro Own.template.json"),
        _organization({"Statement": [DENY], "Fn::Transform": {"Name": NAME}}),
        elsewhere=NAMES_ROLE,
    ),
    *_each(
        ("names-role PumpReadOnlyRole", "opens AWS::SSO::PermissionSet"),
        resource("AWS::SSO::PermissionSet", RelayStateType="arn:aws:iam::1:role/PumpReadOnlyRole"),
        elsewhere="names-role PumpReadOnlyRole",
    ),
    *_each(
        NAMES_ACCOUNT,
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [STATEMENT]}),
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Fn::If": ["C", STATEMENT, NO_VALUE]}),
        resource("AWS::S3::BucketPolicy", Text={"Fn::ToJsonString": {"Statement": STATEMENT}}),
    ),
    # Permission to do something with the role.
    *(made for each in _MORE_THAN_ASSUMING for made in _each(NAMES_ROLE, *_assuming(**each))),
    *_each(
        NAMES_ACCOUNT,
        *_assuming(Resource=f"arn:aws:iam::{PUMP_ACCOUNT}:role/A"),
    ),
    *_each(
        (NAMES_ROLE, MACRO),
        *_assuming(**TRANSFORM),
        elsewhere=(NAMES_ROLE, "template macro-in-resource Other"),
        gate=(LATER, "could-contain Other"),
        gate_elsewhere="could-contain Other",
    ),
    *_each(
        "names-definition AutoPilotRole",
        # Unlike a name, it can only be this role, which an account that trusts itself would admit.
        *_assuming(Resource=ARN_OF_ROLE),
        elsewhere=(),
    ),
    # What can call AWS, and names the role.
    *_each(
        NAMES_ROLE,
        _command({"Fn::Sub": f'{{"role": "{ESCAPED}", "of": "${{X}}"}}'}),
        _command({NAME: "*"}),
        _command(
            {"Fn::Join": ["", ["--role Pump", {"Fn::If": ["C", "AutoPilotRole ", NO_VALUE]}]]}
        ),
        _command({"Fn::Base64": NAME}),
        _command({"Fn::Base64": {"Fn::Sub": f"--role-name {NAME} ${{AWS::Region}}"}}),
        _command({"Fn::GetAtt": ["Machine", "Name"]}),
        _command({"Ref": "Named"}),
        resource("Custom::Policy", PolicyDocument={"Statement": [BUCKET_DENY]}),
        resource("Custom::Command", Description=NAME),
        resource("Custom::Command", CommandName=NAME),
        resource("AWS::CloudFormation::CustomResource", Properties=[NAME]),
        resource("AWS::Scheduler::Schedule", Target={"Arn": "x", "Input": f'{{"R": "{NAME}"}}'}),
        resource("Custom::Schedule", Target=ENDS_APPROVALS),
        resource("AWS::StepFunctions::StateMachine", Definition={"States": {"S": {"R": NAME}}}),
        resource("AWS::StepFunctions::StateMachine", DefinitionString=f'{{"R": "{NAME}"}}'),
        gate="names-role Other",
    ),
    *_each(
        "names-definition AutoPilotRole",
        _command({"Ref": "AutoPilotRole"}),
        elsewhere=(),
        gate="names-role Other",
        gate_elsewhere=(),
    ),
]
"""What names Pump's role, or its account, in a way that may give access."""

_ATTACHING = [
    *_each(
        MAY_ATTACH,
        policy(Roles=[{"Ref": "Parameter"}]),
        policy("RolePolicy", RoleName={"Ref": "Parameter"}),
        _by_budget(_budget(Roles=[{"Ref": "Parameter"}])),
        policy("RolePolicy", RoleName={"Fn::Sub": "Pump${Free}Role"}),
        policy("RolePolicy", RoleName={"Fn::ImportValue": {"Ref": "Free"}}),
        policy("RolePolicy", RoleName={"Fn::ImportValue": "Unknown"}),
        policy("RolePolicy", RoleName={"Ref": "OpenUser"}),
        policy("RolePolicy", RoleName={"Fn::Base64": {"Ref": "Free"}}),
        policy("RolePolicy", RoleName={"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Free"}]}]}),
        elsewhere="may-attach",
        gate="may-attach Other",
        gate_elsewhere=(),
    ),
    *_each("attaches PumpReadOnlyRole", policy("ManagedPolicy", Roles=["PumpReadOnlyRole"])),
    *_each(
        ATTACHES,
        resource("AWS::IAM::InstanceProfile", Roles=[NAME]),
        gate="attaches Other",
    ),
    # Its own, in the template of the role, is counted.
    *_each(
        (),
        *(policy("RolePolicy", RoleName=name) for name in (NAME, {"Fn::ImportValue": "TheRole"})),
        policy(Roles=[{"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::ImportValue": "TheArn"}]}]}]),
        policy(Roles=[{"Fn::ImportValue": {"Fn::Sub": "The${Suffix}"}}]),
        policy(Roles=[{"Fn::GetAtt": ["Machine", "Name"]}]),
        policy(Roles=[{"Fn::GetStackOutput": {"StackName": "Own", "OutputName": "RoleName"}}]),
        elsewhere=(ATTACHES, ELSEWHERE_INLINE),
        gate="attaches Other",
    ),
    *_each(
        (),
        policy("ManagedPolicy", Roles=["Other", NAME]),
        elsewhere=(ATTACHES, ELSEWHERE_MANAGED),
        gate="attaches Other",
    ),
    *_each(
        (COULD_ATTACH, UNREAD_POLICY),
        policy("RolePolicy", RoleName={"Ref": "ByDefault"}),
        policy("RolePolicy", RoleName={"Ref": "OfSsm"}),
        policy("RolePolicy", RoleName={"Ref": "Named"}),
        policy("RolePolicy", RoleName={"Ref": "EitherGroup"}),
        policy(Roles=[{"Fn::Select": [6, {"Fn::Split": [":", {"Ref": "Machine"}]}]}]),
        policy("RolePolicy", RoleName={"Fn::If": ["C", "Other", NAME]}),
        policy(Roles=[{"Fn::Select": [1, ["a", MAYBE, NAME]]}]),
        gate="could-attach Other",
    ),
    *_each(
        (COULD_ATTACH, UNREAD_POLICIES),
        policy("ManagedPolicy", Roles={"Fn::If": ["C", [NAME], ["Other"]]}),
        _by_budget(_budget()),
        _by_budget({"Fn::If": ["C", _budget(), {}]}),
        gate="could-attach Other",
    ),
    *_each(
        (ATTACHES, ELSEWHERE_INLINE.replace("Other", "Wide")),
        _stackas_set(_in_json(NAME)),
        gate="attaches Other",
    ),
    *_each(
        (COULD_ATTACH, NAMES_ROLE, UNREAD_POLICIES),
        _connected({"Type": "AWS::Lambda::Function", "RoleName": NAME}),
        _connected({"Id": "F"}),
        _connected({"Id": "Q"}, {"Id": "F"}),
        _connected({"Id": "Q"}, [{"Id": "Q"}, {"Id": "F"}]),
        _connected({"Id": "R"}, {"Type": "AWS::StepFunctions::StateMachine", "Arn": "arn:x"}),
        _connected({"Id": "Q"}, {"Type": "AWS::Lambda::Function", "RoleName": NAME}),
        {
            "Transform": SERVERLESS,
            "Resources": {
                "Other": {
                    **resource("AWS::Serverless::Function", Role=ROLE_ARN),
                    "Connectors": {"C": {"Properties": {"Destination": {"Id": "Table"}}}},
                }
            },
        },
        {
            "Transform": SERVERLESS,
            "Resources": {
                "F": resource("AWS::Serverless::Function", Role=ROLE_ARN),
                "Other": {
                    **resource("AWS::SQS::Queue"),
                    "Connectors": {"C": {"Properties": {"Destination": {"Id": "F"}}}},
                },
            },
        },
        gate="could-attach Other",
    ),
    *_each(
        ("unreadable-trust-policy", "may-be-named-alike"),
        resource(
            "AWS::IAM::Role",
            RoleName={"Fn::Sub": "Pump${Maybe}"},
            AssumeRolePolicyDocument={"Statement": []},
        ),
        gate="may-be-named-alike Other",
        gate_elsewhere=(),
    ),
]
"""What attaches to the role, or takes its name."""

_OPAQUE = [
    *_each(
        UNREAD_TEMPLATE,
        resource("AWS::CloudFormation::Stack"),
        _nested(),
        _nested(Role="MyOwnRole"),
        resource(
            "AWS::CloudFormation::StackSet", TemplateBody='{"Resources": {}}', TemplateURL="x"
        ),
        _stackas_set(_in_yaml("MyOwnRole")),
        _stackas_set({"Fn::Sub": [_in_yaml("${Name}"), {"Name": "MyOwnRole"}]}),
        gate="may-contain Other",
        gate_elsewhere=(),
    ),
    *_each(
        (UNREAD_TEMPLATE, NAMES_ROLE),
        _nested(Role=NAME),
        _stackas_set(_in_yaml(NAME)),
        _stackas_set(_in_yaml(f'"\\x50{NAME[1:]}"')),
        _stackas_set({"Fn::Sub": [_in_yaml("${Name}"), {"Name": NAME}]}),
        _stackas_set({"Fn::Sub": [_in_json("${Name}"), {"Name": NAME}]}),
        gate="could-contain Other",
    ),
    *_each(
        (UNREAD_TEMPLATE, "names-definition AutoPilotRole"),
        _stackas_set({"Fn::Sub": [_in_yaml("${Name}"), {"Name": {"Fn::ImportValue": "TheRole"}}]}),
        gate="could-contain Other",
    ),
    *_each(
        ("template deploys-more Other", NAMES_ROLE),
        resource("AWS::Serverless::Application", Parameters={"R": NAME}),
        resource("My::Own::Policy::MODULE", RoleName=NAME),
        gate=(LATER, "could-contain Other"),
        gate_elsewhere="could-contain Other",
    ),
    *_each(
        "template resources-from-function Fn::ForEach::P",
        {"Resources": {"Fn::ForEach::P": _each_of(NAME)}},
        gate=(LATER, "could-contain Fn::ForEach::P"),
        gate_elsewhere="could-contain Fn::ForEach::P",
    ),
    *_each(
        "template resources-from-function Fn::ForEach::P",
        {"Resources": {"Fn::ForEach::P": _each_of("Mine")}},
        gate=LATER,
        gate_elsewhere=(),
    ),
    *_each(
        f"template transform {json.dumps(NAMING_MACRO)}",
        {"Transform": [NAMING_MACRO]},
        gate=(LATER, "could-contain Transform"),
        gate_elsewhere="could-contain Transform",
    ),
    *_each(
        ("template function Fn::Transform", NAMES_ROLE),
        {"Fn::Transform": NAMING_MACRO},
        gate=(LATER, "could-contain Fn::Transform"),
        gate_elsewhere="could-contain Fn::Transform",
    ),
    *_each(
        (*MAY_ATTACH, "unreadable-properties", "template resource-from-function Other", MACRO),
        {**policy("RolePolicy", RoleName="Mine"), "Fn::Transform": NAMING_MACRO},
        elsewhere=("may-attach", "unreadable-properties", "template resource-from-function Other"),
        gate=("may-attach Other", "could-contain Other", LATER),
        gate_elsewhere="could-contain Other",
    ),
]
"""What cannot be read until the deployment."""

_WITH_A_MACRO: dict[str, Template] = {
    "Mappings": {"Mappings": {"M": {"a": TRANSFORM}}},
    "Conditions": {"Conditions": TRANSFORM},
    "P": {"Resources": {"P": resource("AWS::SSM::Parameter", Value=TRANSFORM)}},
    "X": {"Resources": {"X": resource("Custom::X", A=[TRANSFORM])}},
}
_HIDING = [
    *(
        made
        for what, content in (
            ("transform Macro", {"Transform": "Macro"}),
            (
                "transform AWS::Include",
                {"Transform": [SERVERLESS, "AWS::Include"], "Resources": {}},
            ),
            ("function Fn::Transform", {"Fn::Transform": {"Name": "AWS::Include"}}),
            ("resources-from-function Fn::ForEach::R", {"Resources": {"Fn::ForEach::R": []}}),
            ("deploys-more M", {"Resources": {"M": {"Type": "My::S3::Bucket::MODULE"}}}),
        )
        for made in _each(f"template {what}", content, gate=LATER, gate_elsewhere=())
    ),
    *(
        made
        for name, content in _WITH_A_MACRO.items()
        for made in _each(
            MACRO,
            content,
            elsewhere=f"template macro-in-{'resource' if len(name) == 1 else 'section'} {name}",
            gate=LATER,
            gate_elsewhere=(),
        )
    ),
    *_each(
        (*MAY_ATTACH, MACRO),
        policy("RolePolicy", RoleName=TRANSFORM),
        elsewhere=("may-attach", "template macro-in-resource Other"),
        gate=("may-attach Other", LATER),
        gate_elsewhere=(),
    ),
    *_each(
        ("unreadable-trust-policy", "unreadable-properties", MACRO),
        resource("AWS::IAM::Role", **TRANSFORM),
        elsewhere=(
            *("unreadable-trust-policy", "unreadable-properties"),
            "template macro-in-resource Other",
        ),
        gate=LATER,
        gate_elsewhere=(),
    ),
    *_each(
        ("unreadable-properties", "template resource-from-function Other", MACRO),
        {**role({"AWS": OWN_ROOT}), **TRANSFORM},
        elsewhere=("unreadable-properties", "template resource-from-function Other"),
        gate=LATER,
        gate_elsewhere=(),
    ),
]
"""What can change at deployment."""

_OPENING = [
    *(
        made
        for found, contents in {
            f"trusts-other-account {OTHER_ROOT}": [role({"AWS": OTHER_ROOT})],
            "trusts-other-account arn:aws:iam::123456789012:role/x": [
                role({"AWS": "arn:aws:iam::123456789012:role/x"})
            ],
            "trusts-other-account 123456789012": [
                role({"AWS": ["123456789012", OWN_ROOT]}),
                role({"AWS": "123456789012"}, Condition={"StringLike": {"sts:ExternalId": "x"}}),
                role({"AWS": {"Fn::If": ["C", OWN_ROOT, "123456789012"]}}),
                {**role({"AWS": "123456789012"}), "Type": "AWS::Serverless::Function"},
                _function(AssumeRolePolicyDocument=_trust("123456789012")),
            ],
            "trusts-other-account ${Account.AccountId}": [
                role({"AWS": {"Fn::GetAtt": ["Account", "AccountId"]}})
            ],
            "trusts-identity-provider": [
                role({"Federated": "arn:aws:iam::1:oidc-provider/x"}),
                role({"Federated": {"Ref": "Provider"}}),
                role({"Federated": COGNITO}),
                # Whose pool it is is not known, or everyone is a guest there.
                _of_pool("us-east-1:11111111-2222-3333-4444-555555555555"),
                _of_pool({"Ref": "Parameter"}),
                _of_pool([{"Ref": "Pool"}, {"Ref": "Parameter"}]),
                *(_of_pool({"Ref": name}) for name in ("Own", "OfOthers", "OfApps")),
                _of_pool({"Ref": "Pool"}, users="unauthenticated"),
                _of_pool({"Ref": "Pool"}, StringEquals={}),
            ],
            "password": [resource("AWS::IAM::User", LoginProfile={"Password": "x"})],
            "lets-in-unreadable": [
                resource("AWS::EKS::AccessEntry", PrincipalArn={"Ref": "Parameter"}),
                resource("AWS::Lambda::Permission", Principal={"Ref": "P"}),
                _bus(Principal={"AWS": {"Ref": "Parameter"}}),
                resource("AWS::Events::EventBusPolicy", Statement={"Ref": "Parameter"}),
            ],
            "lets-in *": [
                resource("AWS::Serverless::Function", FunctionUrlConfig={"AuthType": "NONE"}),
                _function(FunctionUrlConfig={"AuthType": "NONE"}),
                resource("AWS::Events::EventBusPolicy", Principal="*"),
                _bus(Principal="*"),
                _bus(Principal="*", Action="events:*", Condition=OF_AWS),
                _bus(
                    Principal="*",
                    Action="events:PutEvents",
                    # A condition for all values is met without any.
                    Condition={**OF_AWS, "Null": {"events:detail-type": "false"}},
                ),
                _bus(
                    Principal="*",
                    Action="events:PutEvents",
                    Condition={**OF_AWS, "ForAllValues:StringLike": {"events:source": ["aws*"]}},
                ),
                _bus(NotPrincipal={"AWS": OWN_ROOT}),
                resource("AWS::EC2::VPCEndpointServicePermissions", AllowedPrincipals=["*"]),
            ],
            "lets-in evil.com": [resource("AWS::Lambda::Permission", Principal="evil.com")],
            "lets-in o-example": [
                resource("AWS::Lambda::Permission", PrincipalOrgID="o-example"),
                resource("AWS::Lambda::LayerVersionPermission", OrganizationId="o-example"),
                resource("AWS::RAM::ResourceShare", Principals=[OWN_ROOT, "o-example"]),
            ],
            "lets-in u-1": [resource("AWS::SSO::ApplicationAssignment", PrincipalId="u-1")],
            f"lets-in {OTHER_ROOT}": [
                _bus(Principal={"AWS": [OWN_ROOT, OTHER_ROOT]}),
                resource(
                    "AWS::Lambda::Permission",
                    Principal={"Fn::If": ["C", "s3.amazonaws.com", OTHER_ROOT]},
                ),
                *(
                    resource(
                        f"AWS::LakeFormation::{kind}",
                        **{member: {"DataLakePrincipalIdentifier": OTHER_ROOT}},
                    )
                    for kind, member in (
                        ("PrincipalPermissions", "Principal"),
                        ("Permissions", "DataLakePrincipal"),
                    )
                ),
            ],
            **{
                f"opens AWS::{kind}": [resource(f"AWS::{kind}")]
                for kind in (
                    *("IAM::AccessKey", "IAM::OIDCProvider", "IAM::SAMLProvider"),
                    *("IdentityStore::GroupMembership", "RolesAnywhere::Profile"),
                    *("RolesAnywhere::TrustAnchor", "SSO::Assignment", "SSO::PermissionSet"),
                )
            },
        }.items()
        for made in _each(found, *contents, elsewhere=())
    ),
    *_each(
        # Within one account, the trust policy alone admits it.
        "trusts-definition AutoPilotRole",
        role({"AWS": {"Fn::Join": ["", [{"Fn::GetAtt": "AutoPilotRole.Arn"}]]}}),
        elsewhere="trusts-unreadable",
    ),
]
"""What lets others into the account. Only next to the role, that is the customer's concern."""

ATTACKS: Final = [*_TRUSTING, *_NAMING, *_ATTACHING, *_OPAQUE, *_HIDING, *_OPENING]

INNOCENT: Final = [
    *_each(
        (),
        # It only names the role.
        resource("AWS::SSM::Parameter", Type="String", Value=ROLE_ARN),
        resource("AWS::SSM::Parameter", Type="String", Value=PUMP_ACCOUNT),
        resource("AWS::Events::Rule", EventPattern=PATTERN),
        _organization({"Statement": [DENY]}),
        _organization({"Statement": DENY}),
        _organization(json.dumps({"Statement": [DENY, DENY]})),
        resource("AWS::Organizations::Policy", Content={}, Description=f"Nobody is {NAME}"),
        resource("AWS::S3::BucketPolicy", PolicyDocument={"Statement": [BUCKET_DENY]}),
        resource("AWS::KMS::Key", KeyPolicy={"Statement": [BUCKET_DENY, OWN_KEY]}),
        resource("AWS::Logs::ResourcePolicy", PolicyDocument=json.dumps({"Statement": [DENY]})),
        resource("AWS::CloudWatch::Alarm", AlarmDescription=f"{NAME} was used"),
        resource("AWS::CloudWatch::Alarm", Tags=[{"Key": "watches", "Value": ROLE_ARN}]),
        # A name is only a name.
        resource(
            "AWS::CloudWatch::Alarm",
            AlarmName=NAME,
            Dimensions=[{"Name": "Role", "Value": NAME}],
        ),
        resource("AWS::CloudWatch::Dashboard", DashboardName=NAME),
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
        resource("AWS::CloudWatch::CompositeAlarm", AlarmRule=f"ALARM({NAME})"),
        resource(
            "AWS::Logs::MetricFilter",
            FilterName=NAME,
            MetricTransformations=[{"MetricName": NAME}],
        ),
        resource("AWS::SNS::Topic", TopicName=f"logs-{PUMP_ACCOUNT}"),
        resource("AWS::EKS::Cluster", Name=NAME),
        resource("AWS::EC2::SecurityGroup", GroupDescription=f"For {PUMP_ACCOUNT}"),
        resource(
            "AWS::Config::ConfigRule", InputParameters={"r": ROLE_ARN}, Source={"Owner": "AWS"}
        ),
        # It assumes the role with an external ID.
        *_assuming(),
        *_assuming(Action=["STS:assumerole"], Sid="Customers"),
        *_assuming(Effect="Deny", Condition={}),
        is_information=True,
    ),
    *_each(
        (),
        # It trusts nobody else.
        role({"Service": "ec2.amazonaws.com"}),
        role({"Service": {"Fn::FindInMap": ["Services", {"Ref": "AWS::Region"}, "states"]}}),
        role({"Service": ["a.amazonaws.com"], "AWS": OWN_ROOT}),
        role({"AWS": {"Ref": "AWS::AccountId"}}),
        role({"AWS": OWN_ROOT}),
        role({"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/Mine"}}),
        role({"AWS": {"Fn::GetAtt": ["Own", "Arn"]}}),
        role({"AWS": {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{NAME}OfOurs"}}),
        role({"AWS": "*"}, Effect="Deny"),
        role({"AWS": WORKER}, Effect="Deny"),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument=_in_text("root")),
        _of_pool({"Ref": "Pool"}),
        _of_pool([{"Ref": "Pool"}, {"Ref": "OfOwn"}]),
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
        {**role({"Service": "lambda.amazonaws.com"}), "Type": "AWS::Serverless::Function"},
        _function(
            AssumeRolePolicyDocument={
                "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
            }
        ),
        resource("AWS::Serverless::Function", FunctionUrlConfig={"AuthType": "AWS_IAM"}),
        resource("AWS::IAM::User"),
        resource("AWS::IAM::Group"),
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
        # It attaches to nothing of Pump's.
        policy(Roles=["Mine"]),
        policy(Users=["Me"]),
        policy("ManagedPolicy"),
        resource("AWS::IAM::InstanceProfile", Roles=[{"Ref": "Own"}]),
        resource("AWS::EKS::AccessEntry", PrincipalArn={"Fn::GetAtt": ["Own", "Arn"]}),
        resource("AWS::S3::Bucket", BucketName="pump-read-only-role"),
        # These transforms only add what is described.
        *(
            {"Transform": [transform], "Resources": {}}
            for transform in (
                *("AWS::CodeDeployBlueGreen", "AWS::LanguageExtensions", SERVERLESS),
                *("AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16"),
            )
        ),
        {
            "Transform": SERVERLESS,
            "Resources": {"F": resource("AWS::Serverless::Function", Handler="index.handler")},
        },
        # The role of a function that SAM makes, what AWS makes of a name, and the name of a stack.
        {
            "Transform": SERVERLESS,
            "Resources": {
                "F": resource("AWS::Serverless::Function", Handler="index.handler"),
                "P": policy(Roles=[{"Ref": "FRole"}]),
                "R": role({"AWS": {"Fn::GetAtt": ["FRole", "Arn"]}}),
            },
        },
        policy(Roles=[{"Fn::Sub": "${AWS::StackName}-worker"}]),
        policy("RolePolicy", RoleName={"Fn::GetAtt": ["Line", "QueueName"]}),
        policy(Users=[{"Ref": "OpenUser"}]),
        resource("AWS::EC2::Instance", UserData={"Fn::Base64": {"Fn::Sub": "x ${AWS::Region}"}}),
        resource("AWS::Scheduler::Schedule", Target={"Arn": "x", "RoleArn": "arn:aws:iam::1:x"}),
        resource("AWS::StepFunctions::StateMachine", Definition={"States": {"S": {}}}),
        _command({"Fn::GetAtt": ["Line", "Arn"]}),
    ),
    *_each(
        NAMES_ROLE,
        # SAM gives the function a permission, and its role nothing.
        {
            "Transform": SERVERLESS,
            "Resources": {
                "F": resource("AWS::Lambda::Function", Role=ROLE_ARN),
                "Topic": resource("AWS::SNS::Topic"),
                "C": resource(
                    "AWS::Serverless::Connector",
                    Source={"Id": "Topic"},
                    Destination={"Id": "F"},
                    Permissions=["Write"],
                ),
            },
        },
    ),
    *_each(
        MACRO,
        {"Resources": {"F": resource("AWS::Lambda::Function", Environment=TRANSFORM)}},
        elsewhere=(),
    ),
]
"""What only looks like it."""
