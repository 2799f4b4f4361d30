"""Ways in which a customer's CDK app widens one of Pump's roles, and ways that only look like it.

A function in ``HOSTILE`` or ``BEYOND`` gets the stack that holds the role, the role, and a stack of
the same app to do it from: another one, a nested one or the same. One in ``OVERRIDES`` or
``HARMLESS`` gets the role, and changes its resource. Where nothing checks, all of them synthesize.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from tempfile import NamedTemporaryFile
from typing import Any, Final

import jsii
from aws_cdk import (
    Aspects,
    Aws,
    CfnCondition,
    CfnMapping,
    CfnOutput,
    CfnParameter,
    CfnResource,
    CfnStack,
    CfnStackSet,
    Fn,
    IAspect,
    IResolveContext,
    IStringProducer,
    Lazy,
    NestedStack,
    RemovalPolicy,
    Stack,
    Tags,
    Token,
    custom_resources,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct, IValidation

from pump_roles.constructs.roles import ReadOnlyRole

__all__ = ["BEYOND", "HARMLESS", "HOSTILE", "OVERRIDES"]

Route = Callable[[Stack, ReadOnlyRole, Stack], None]

_ANYTHING: Final[Mapping[str, Any]] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_DOCUMENT: Final[Mapping[str, Any]] = {"Version": "2012-10-17", "Statement": [_ANYTHING]}
_ANYBODY: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_BY_EC2: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"


def _anything() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["*"], resources=["*"])


def _name(role: ReadOnlyRole) -> str:
    name = role.resource.role_name
    assert name is not None
    return name


def _logical_id(role: ReadOnlyRole) -> str:
    return str(role.resource.stack.resolve(role.resource.logical_id))


def _parts(role: ReadOnlyRole) -> tuple[str, str]:
    return _name(role)[:4], _name(role)[4:]


def _policy_of(stack: Stack, role_name: str) -> iam.CfnRolePolicy:
    return iam.CfnRolePolicy(
        stack, "Wide", policy_name="Wide", role_name=role_name, policy_document=_DOCUMENT
    )


@jsii.implements(IAspect)
class _Aspect:
    def __init__(self, visited: Callable[[IConstruct], None]) -> None:
        self._visited = visited

    def visit(self, node: IConstruct) -> None:
        self._visited(node)


@jsii.implements(IStringProducer)
class _Producer:
    def __init__(self, produced: Callable[[IResolveContext], str]) -> None:
        self._produced = produced

    def produce(self, context: IResolveContext) -> str:
        return self._produced(context)


@jsii.implements(IValidation)
class _Validation:
    def __init__(self, validated: Callable[[], None]) -> None:
        self._validated = validated

    def validate(self) -> list[str]:
        self._validated()
        return []


# The L2 policies, on the role as it is offered and on imports of it.


def inline_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.Policy(elsewhere, "Wide", statements=[_anything()], roles=[role.role])


def inline_policy_attached_later(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.Policy(elsewhere, "Wide", statements=[_anything()]).attach_to_role(role.role)


def managed_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.ManagedPolicy(elsewhere, "Wide", statements=[_anything()], roles=[role.role])


def policy_of_import_by_name(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_name(elsewhere, "Imported", _name(role).upper())
    iam.Policy(elsewhere, "Wide", statements=[_anything()], roles=[imported])


def managed_policy_of_immutable_import(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_name(elsewhere, "Imported", _name(role), mutable=False)
    iam.ManagedPolicy(elsewhere, "Wide", statements=[_anything()], roles=[imported])


def statement_for_import_by_arn(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_arn(elsewhere, "Imported", role.role_arn)
    imported.add_to_principal_policy(_anything())


def statement_for_import_by_literal_arn(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    arn = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{_name(role)}"
    imported = iam.Role.from_role_arn(elsewhere, "Imported", arn)
    imported.add_to_principal_policy(_anything())


def grant_to_import(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_name(elsewhere, "Imported", _name(role))
    s3.Bucket(elsewhere, "Bucket").grant_read(imported)


# The L1 policies, with the role's name in all forms that a template has for it.


def name_by_reference(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, role.role_name)


def name_as_literal(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, _name(role))


def name_in_another_case(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, _name(role).swapcase())


def name_by_substitution(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.sub(_name(role)))


def name_by_substitution_from_a_map(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.sub("${Name}", {"Name": role.role_name}))


def name_by_substitution_of_a_part(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    start, end = _parts(role)
    _policy_of(elsewhere, Fn.sub(f"{start}${{End}}", {"End": end}))


def name_by_substitution_of_the_logical_id(
    stack: Stack, role: ReadOnlyRole, _elsewhere: Stack
) -> None:
    _policy_of(stack, Fn.sub(f"${{{_logical_id(role)}}}"))


def name_by_condition(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    condition = CfnCondition(
        elsewhere, "Here", expression=Fn.condition_equals(Aws.REGION, "us-east-1")
    )
    chosen = Fn.condition_if(condition.logical_id, _name(role), "Other")
    _policy_of(elsewhere, chosen.to_string())


def name_by_join(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    start, end = _parts(role)
    _policy_of(elsewhere, Fn.join("", [Fn.sub(start), end]))


def name_by_join_with_a_parameter(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    start, end = _parts(role)
    parameter = CfnParameter(elsewhere, "Start", default=start)
    _policy_of(elsewhere, f"{parameter.value_as_string}{end}")


def _maybe(scope: Stack, value: str) -> str:
    condition = CfnCondition(
        scope, "Maybe", expression=Fn.condition_equals(Aws.REGION, "us-east-1")
    )
    return Fn.condition_if(condition.logical_id, value, Aws.NO_VALUE).to_string()


def name_by_join_with_nothing(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.join("", [_name(role), _maybe(elsewhere, "x")]))


def name_by_selection_after_nothing(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.select(0, [_maybe(elsewhere, "x"), _name(role)]))


def name_by_substitution_with_nothing(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.sub(f"{_name(role)}${{X}}", {"X": _maybe(elsewhere, "x")}))


def name_by_default_of_a_parameter_that_may_not_be_passed(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Name": _maybe(elsewhere, "Mine")})
    _policy_of(nested, CfnParameter(nested, "Name", default=_name(role)).value_as_string)


def name_by_split_of_the_arn(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.select(1, Fn.split("/", role.role_arn)))


def name_by_selection(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.select(1, Fn.split(",", Fn.sub(f"Other,{_name(role)}"))))


def name_by_a_parameter_of_systems_manager(
    stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    stored = ssm.CfnParameter(stack, "Stored", type="String", value=role.role_name)
    _policy_of(elsewhere, stored.attr_value)


def name_by_the_name_of_a_group(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    group = iam.CfnGroup(elsewhere, "Group", group_name=_name(role))
    _policy_of(elsewhere, group.ref)


def name_by_split_of_a_placeholder(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, Fn.select(0, Fn.split("{", role.role_name)))


def name_by_default_of_a_mapping(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    mapping = CfnMapping(elsewhere, "Names", mapping={"Roles": {"Mine": "Mine"}})
    _policy_of(elsewhere, mapping.find_in_map("Roles", Aws.REGION, _name(role)))


def name_by_choice_in_a_list(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnCondition(elsewhere, "Condition", expression=Fn.condition_equals("a", "a"))
    chosen = Fn.condition_if("Condition", _name(role), "Mine").to_string()
    _policy_of(elsewhere, Fn.select(1, ["Mine", chosen]))


def name_by_mapping(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    mapping = CfnMapping(elsewhere, "Names", mapping={"Roles": {"Pump": _name(role)}})
    _policy_of(elsewhere, mapping.find_in_map("Roles", "Pump"))


def name_by_mapping_for_the_region(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnMapping(elsewhere, "Names", mapping={"us-east-1": {"Pump": _name(role)}})
    _policy_of(elsewhere, Fn.find_in_map("Names", Aws.REGION, "Pump"))


def name_by_parameter(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    parameter = CfnParameter(elsewhere, "Name", default=_name(role))
    _policy_of(elsewhere, parameter.value_as_string)


def name_by_parameter_of_a_nested_stack(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Name": _name(role)})
    _policy_of(nested, CfnParameter(nested, "Name").value_as_string)


def name_by_reference_from_a_nested_stack(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    _policy_of(NestedStack(elsewhere, "Deeper"), role.role_name)


def name_by_export(stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnOutput(stack, "Name", value=role.role_name, export_name="PumpRoleName")
    _policy_of(elsewhere, Fn.import_value("PumpRoleName"))


def name_by_token(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    name = _name(role)
    _policy_of(elsewhere, Lazy.uncached_string(_Producer(lambda _: name)))


def names_by_split(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.CfnManagedPolicy(
        elsewhere,
        "Wide",
        policy_document=_DOCUMENT,
        roles=Fn.split(",", Fn.sub(f"Other,{_name(role)}")),
    )


def names_by_parameter(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    parameter = CfnParameter(
        elsewhere, "Names", type="CommaDelimitedList", default=f"Other,{_name(role)}"
    )
    iam.CfnPolicy(
        elsewhere,
        "Wide",
        policy_name="Wide",
        policy_document=_DOCUMENT,
        roles=parameter.value_as_list,
    )


def names_by_condition(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    condition = CfnCondition(
        elsewhere, "Here", expression=Fn.condition_equals(Aws.REGION, "us-east-1")
    )
    iam.CfnManagedPolicy(
        elsewhere,
        "Wide",
        policy_document=_DOCUMENT,
        roles=Token.as_list(Fn.condition_if(condition.logical_id, [_name(role)], ["Other"])),
    )


def _targeted(scope: Stack, role_name: Any) -> None:
    properties = {"RoleName": role_name, "PolicyName": "Wide", "PolicyDocument": _DOCUMENT}
    CfnResource(scope, "Wide", type="AWS::IAM::RolePolicy", properties=properties)


def _first_of(list_: Any) -> Any:
    return {"Fn::Select": [0, list_]}


def names_of_a_list_of_a_nested_stack(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Names": f"Other, {_name(role)}"})
    names = CfnParameter(nested, "Names", type="CommaDelimitedList").value_as_list
    iam.CfnManagedPolicy(nested, "Wide", policy_document=_DOCUMENT, roles=names)


def name_from_a_list_of_a_nested_stack(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Names": f"{_name(role)},Other"})
    CfnParameter(nested, "Names", type="List<String>")
    _targeted(nested, _first_of({"Ref": "Names"}))


def name_from_the_path_of_another_role(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    own = _own_role(elsewhere)
    own.path = f"/{_name(role)}/"
    _policy_of(elsewhere, Fn.select(1, Fn.split("/", own.attr_arn)))


def name_from_a_list_in_a_mapping(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnMapping(elsewhere, "Names", mapping={"Roles": {"Pump": [_name(role), "Other"]}})
    _targeted(elsewhere, _first_of({"Fn::FindInMap": ["Names", "Roles", "Pump"]}))


def name_by_join_of_a_list_in_a_mapping(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    CfnMapping(elsewhere, "Names", mapping={"Roles": {"Pump": list(_parts(role))}})
    _targeted(elsewhere, {"Fn::Join": ["", {"Fn::FindInMap": ["Names", "Roles", "Pump"]}]})


def name_from_the_default_of_a_list(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnParameter(elsewhere, "Names", type="CommaDelimitedList", default=f"{_name(role)},Other")
    _targeted(elsewhere, _first_of({"Ref": "Names"}))


def name_by_join_of_the_default_of_a_list(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    parts = ",".join(_parts(role))
    CfnParameter(elsewhere, "Names", type="CommaDelimitedList", default=parts)
    _targeted(elsewhere, {"Fn::Join": ["", {"Ref": "Names"}]})


def name_by_an_index_from_a_mapping(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnMapping(elsewhere, "Numbers", mapping={"us-east-1": {"Index": "1"}})
    index = {"Fn::FindInMap": ["Numbers", {"Ref": "AWS::Region"}, "Index"]}
    _targeted(elsewhere, {"Fn::Select": [index, ["Other", _name(role)]]})


def name_among_many(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    names = [*(f"Other{number}" for number in range(200)), _name(role)]
    CfnParameter(elsewhere, "Name", allowed_values=names, default="Other1")
    _targeted(elsewhere, {"Fn::Sub": "${Name}"})


def name_among_many_conditions(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnCondition(elsewhere, "Here", expression=Fn.condition_equals(Aws.REGION, "us-east-1"))
    names = [{"Fn::If": ["Here", f"Other{number}", NO_VALUE]} for number in range(9)]
    _targeted(elsewhere, {"Fn::Join": ["", [*names, *_parts(role)]]})


def name_in_a_long_text(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    text = {"Fn::Sub": f"{'x' * 20_000}${{AWS::Region}}/{_name(role)}"}
    _targeted(elsewhere, {"Fn::Select": [1, {"Fn::Split": ["/", text]}]})


def name_between_long_separators(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    text = {"Fn::Join": ["", ["a||", {"Fn::Sub": "${AWS::Region}|"}, f"|{_name(role)}|", "|b"]]}
    _targeted(elsewhere, {"Fn::Select": [2, {"Fn::Split": ["||", text]}]})


_NAMED_RESOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "queue": ("AWS::SQS::Queue", "QueueName"),
    "log_group": ("AWS::Logs::LogGroup", "LogGroupName"),
    "table": ("AWS::DynamoDB::Table", "TableName"),
    "instance_profile": ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
    "user": ("AWS::IAM::User", "UserName"),
    "custom_resource": ("Custom::Echo", "Value"),
}


def _name_of_a_resource(
    kind: str, attribute: str, _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    type_, name = _NAMED_RESOURCES[kind]
    CfnResource(elsewhere, "Named", type=type_, properties={name: _name(role)})
    _targeted(elsewhere, {"Fn::GetAtt": ["Named", attribute]} if attribute else {"Ref": "Named"})


def name_by_a_dynamic_reference(stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    ssm.CfnParameter(stack, "Stored", name="/app/role", type="String", value=role.role_name)
    _targeted(elsewhere, "{{resolve:ssm:/app/role:1}}")


def name_by_a_stored_default(stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    ssm.CfnParameter(stack, "Stored", name="/app/role", type="String", value=role.role_name)
    type_ = "AWS::SSM::Parameter::Value<String>"
    CfnParameter(elsewhere, "Name", type=type_, default="/app/role")
    _targeted(elsewhere, {"Ref": "Name"})


def budget_action(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    action = {"PolicyArn": _ADMINISTRATOR, "Roles": [_name(role)]}
    CfnResource(
        elsewhere,
        "Wide",
        type="AWS::Budgets::BudgetsAction",
        properties={"Definition": {"IamActionDefinition": action}},
    )


def budget_action_by_condition(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    CfnCondition(elsewhere, "Here", expression=Fn.condition_equals(Aws.REGION, "us-east-1"))
    action = {"PolicyArn": _ADMINISTRATOR, "Roles": [{"Fn::Join": ["", list(_parts(role))]}]}
    definition = {"Fn::If": ["Here", {"IamActionDefinition": action}, NO_VALUE]}
    CfnResource(
        elsewhere,
        "Wide",
        type="AWS::Budgets::BudgetsAction",
        properties={"Definition": definition},
    )


# Names that are a part of something else in the app.


def _piece(text: str, index: int = 1) -> str:
    return Fn.select(index, Fn.split("-", text))


def name_by_piece_of_the_generated_name_of_a_role(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    own = iam.CfnRole(elsewhere, "Own", assume_role_policy_document=_BY_EC2)
    own.override_logical_id(_name(role))
    _policy_of(elsewhere, _piece(own.ref))


def name_by_piece_of_the_generated_name_of_a_queue(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    queue = sqs.CfnQueue(elsewhere, "Own")
    queue.override_logical_id(_name(role))
    _policy_of(elsewhere, _piece(queue.attr_queue_name))


def name_by_piece_of_the_name_of_a_nested_stack(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    nested = NestedStack(elsewhere, "Deeper")
    assert nested.nested_stack_resource is not None
    nested.nested_stack_resource.override_logical_id(_name(role))
    _policy_of(nested, _piece(Aws.STACK_NAME))


def name_by_piece_of_the_id_of_the_stack(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    scope = elsewhere.node.scope
    assert isinstance(scope, Construct)
    stack = Stack(scope, "Named", stack_name=_name(role))
    _policy_of(stack, Fn.select(1, Fn.split("/", Aws.STACK_ID)))


def name_by_substitution_with_spaces(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _targeted(elsewhere, {"Fn::Sub": ["${ Name }", {"Name": _name(role)}]})


def name_by_base64(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    # What is encoded as "yrol".
    name = _name(role).casefold()
    before, after = name.split("yrol")
    _policy_of(elsewhere, Fn.join("", [before, Fn.base64("\u02ba%"), after]))


def name_by_a_key_of_a_secret(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    secretsmanager.CfnSecret(
        elsewhere, "Kept", name="Kept", secret_string=json.dumps({"role": _name(role)})
    )
    _policy_of(elsewhere, "{{resolve:secretsmanager:Kept:SecretString:role}}")


def name_by_a_part_of_a_property(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    call = json.dumps({"service": "SSM", "parameters": {"Name": _name(role)}})
    custom = CfnResource(elsewhere, "Custom", type="Custom::AWS", properties={"Create": call})
    _policy_of(elsewhere, custom.get_att("Name").to_string())


def names_by_a_list_of_systems_manager(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    ssm.CfnParameter(
        elsewhere, "Stored", name="Stored", type="StringList", value=f"Other,{_name(role)}"
    )
    parameter = CfnParameter(
        elsewhere,
        "Names",
        type="AWS::SSM::Parameter::Value<CommaDelimitedList>",
        default="Stored",
    )
    iam.CfnManagedPolicy(
        elsewhere, "Wide", policy_document=_DOCUMENT, roles=parameter.value_as_list
    )


def name_by_arguments_under_a_condition(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    CfnCondition(elsewhere, "Condition", expression=Fn.condition_equals("a", "a"))
    nested = NestedStack(elsewhere, "Deeper")
    _policy_of(nested, CfnParameter(nested, "Name", default="Other").value_as_string)
    resource = nested.nested_stack_resource
    assert isinstance(resource, CfnResource)
    chosen = {"Fn::If": ["Condition", {"Name": _name(role)}, {}]}
    resource.add_property_override("Parameters", chosen)


# Resources that are not what they seem to be.


def _raw(
    type_: str, by: Callable[[ReadOnlyRole], Any], _stack: Stack, role: ReadOnlyRole, there: Stack
) -> None:
    properties: dict[str, Any] = {"PolicyDocument": _DOCUMENT}
    if type_ != "ManagedPolicy":
        properties["PolicyName"] = "Wide"
    if type_ == "RolePolicy":
        properties["RoleName"] = by(role)
    else:
        properties["Roles"] = [by(role)]
    CfnResource(there, "Wide", type=f"AWS::IAM::{type_}", properties=properties)


def raw_reference(stack: Stack, role: ReadOnlyRole, _elsewhere: Stack) -> None:
    _raw("RolePolicy", lambda role: {"Ref": _logical_id(role)}, stack, role, stack)


def disguised_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    resource = CfnResource(
        elsewhere,
        "Queue",
        type="AWS::SQS::Queue",
        properties={
            "PolicyName": "Wide",
            "PolicyDocument": _DOCUMENT,
            "RoleName": _name(role),
        },
    )
    resource.add_override("Type", "AWS::IAM::RolePolicy")


def _own_role(stack: Stack) -> iam.CfnRole:
    return iam.CfnRole(
        stack,
        "Own",
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
    )


def redirected_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    policy = _policy_of(elsewhere, _own_role(elsewhere).ref)
    policy.add_property_override("RoleName", _name(role))


def extended_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    policy = iam.CfnManagedPolicy(
        elsewhere, "Wide", policy_document=_DOCUMENT, roles=[_own_role(elsewhere).ref]
    )
    policy.add_property_override("Roles.1", role.role_name)


# Aspects, which see the app when it is complete.


def aspect_attaches(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    def attach(node: IConstruct) -> None:
        if node is elsewhere:
            _policy_of(elsewhere, role.role_name)

    Aspects.of(elsewhere.node.root).add(_Aspect(attach))


def aspect_redirects(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    def redirect(node: IConstruct) -> None:
        if isinstance(node, iam.CfnRolePolicy):
            node.role_name = _name(role)

    _policy_of(elsewhere, _own_role(elsewhere).ref)
    Aspects.of(elsewhere.node.root).add(_Aspect(redirect))


def aspect_widens_all_roles(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    def widen(node: IConstruct) -> None:
        if isinstance(node, iam.CfnRole):
            node.managed_policy_arns = [_ADMINISTRATOR]

    _own_role(elsewhere)
    Aspects.of(role.node.root).add(_Aspect(widen))


# Another role in the place of Pump's.


def _wide_role(scope: Stack | ReadOnlyRole, id: str, role_name: str) -> iam.CfnRole:
    return iam.CfnRole(
        scope,
        id,
        role_name=role_name,
        assume_role_policy_document=_ANYBODY,
        managed_policy_arns=[_ADMINISTRATOR],
    )


def name_taken_over(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    name = _name(role)
    role.resource.role_name = "Renamed"
    _wide_role(elsewhere, "WideRole", name)


def name_taken_over_with_overrides(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    role.resource.add_property_override("RoleName", "Renamed")
    taken = _wide_role(elsewhere, "WideRole", "Wide")
    taken.add_property_override("RoleName", _name(role))


def name_taken_over_by_a_name_of_another_resource(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    queue = {"QueueName": _name(role)}
    CfnResource(elsewhere, "Queue", type="AWS::SQS::Queue", properties=queue)
    _wide_role(elsewhere, "WideRole", "Wide").add_property_override("RoleName", {"Ref": "Queue"})


def name_taken_over_by_a_default(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    parameter = CfnParameter(elsewhere, "Name", default=_name(role))
    _wide_role(elsewhere, "WideRole", parameter.value_as_string)


def resource_replaced(_stack: Stack, role: ReadOnlyRole, _elsewhere: Stack) -> None:
    name, id_, before = _name(role), role.resource.node.id, _logical_id(role)
    assert role.node.try_remove_child(id_)
    replaced = _wide_role(role, id_, name)
    assert replaced.stack.resolve(replaced.logical_id) == before


def resource_replaced_outside_of_the_construct(
    stack: Stack, role: ReadOnlyRole, _elsewhere: Stack
) -> None:
    name, id_, logical_id = _name(role), role.resource.node.id, _logical_id(role)
    assert role.node.try_remove_child(id_)
    _wide_role(stack, "WideRole", name).override_logical_id(logical_id)


def construct_replaced(stack: Stack, role: ReadOnlyRole, _elsewhere: Stack) -> None:
    name, logical_id = _name(role), _logical_id(role)
    assert role.node.scope is not None
    assert role.node.scope.node.try_remove_child(role.node.id)
    _wide_role(stack, "WideRole", name).override_logical_id(logical_id)


def resource_moved_away(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    name = _name(role)
    assert role.node.try_remove_child(role.resource.node.id)
    _wide_role(elsewhere, "WideRole", name)


_BY: Final[Mapping[str, Callable[[ReadOnlyRole], Any]]] = {
    "name": _name,
    "reference": lambda role: role.role_name,
}


def _connector(stack: Stack, **members: Any) -> None:
    """SAM makes a managed policy of it, for the role of its source."""
    stack.add_transform("AWS::Serverless-2016-10-31")
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Arn": "arn:aws:dynamodb:us-east-1:111122223333:table/t",
    }
    properties = {"Destination": table, "Permissions": ["Write"], **members}
    CfnResource(stack, "Connector", type="AWS::Serverless::Connector", properties=properties)


def connector_by_name(_: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    source = {"Type": "AWS::Lambda::Function", "RoleName": role.resource.role_name, "Arn": "arn:x"}
    _connector(elsewhere, Source=source)


def connector_of_a_function(_: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    code = {"ZipFile": "pass"}
    properties = {"Role": role.role_arn, "Code": code, "Handler": "a.b", "Runtime": "python3.12"}
    made = CfnResource(elsewhere, "F", type="AWS::Lambda::Function", properties=properties)
    made.override_logical_id("F")
    _connector(elsewhere, Source={"Id": "F"})


def connectors_of_a_function(_: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    elsewhere.add_transform("AWS::Serverless-2016-10-31")
    properties = {"Role": role.role_arn, "Handler": "a.b", "Runtime": "python3.12"}
    made = CfnResource(elsewhere, "F", type="AWS::Serverless::Function", properties=properties)
    destination = {"Destination": {"Id": "Table"}, "Permissions": ["Write"]}
    made.add_override("Connectors", {"C": {"Properties": destination}})


HOSTILE: Final[Mapping[str, Route]] = (
    {
        function.__name__: function
        for function in [
            connector_by_name,
            connector_of_a_function,
            connectors_of_a_function,
            inline_policy,
            inline_policy_attached_later,
            managed_policy,
            policy_of_import_by_name,
            managed_policy_of_immutable_import,
            statement_for_import_by_arn,
            statement_for_import_by_literal_arn,
            grant_to_import,
            name_by_reference,
            name_as_literal,
            name_in_another_case,
            name_by_substitution,
            name_by_substitution_from_a_map,
            name_by_substitution_of_a_part,
            name_by_substitution_of_the_logical_id,
            name_by_condition,
            name_by_join,
            name_by_join_with_a_parameter,
            name_by_join_with_nothing,
            name_by_selection_after_nothing,
            name_by_substitution_with_nothing,
            name_by_default_of_a_parameter_that_may_not_be_passed,
            name_by_split_of_the_arn,
            name_by_selection,
            name_by_a_parameter_of_systems_manager,
            name_by_the_name_of_a_group,
            name_by_split_of_a_placeholder,
            name_by_default_of_a_mapping,
            name_by_choice_in_a_list,
            name_by_mapping,
            name_by_mapping_for_the_region,
            name_by_parameter,
            name_by_parameter_of_a_nested_stack,
            name_by_reference_from_a_nested_stack,
            name_by_export,
            name_by_token,
            names_by_split,
            names_by_parameter,
            names_by_condition,
            name_by_piece_of_the_generated_name_of_a_role,
            name_by_piece_of_the_generated_name_of_a_queue,
            name_by_piece_of_the_name_of_a_nested_stack,
            name_by_piece_of_the_id_of_the_stack,
            name_by_substitution_with_spaces,
            name_by_base64,
            name_by_a_key_of_a_secret,
            name_by_a_part_of_a_property,
            names_by_a_list_of_systems_manager,
            name_by_arguments_under_a_condition,
            names_of_a_list_of_a_nested_stack,
            name_from_a_list_of_a_nested_stack,
            name_from_the_path_of_another_role,
            name_from_a_list_in_a_mapping,
            name_by_join_of_a_list_in_a_mapping,
            name_from_the_default_of_a_list,
            name_by_join_of_the_default_of_a_list,
            name_by_an_index_from_a_mapping,
            name_among_many,
            name_among_many_conditions,
            name_in_a_long_text,
            name_between_long_separators,
            name_by_a_dynamic_reference,
            name_by_a_stored_default,
            budget_action,
            budget_action_by_condition,
            raw_reference,
            disguised_policy,
            redirected_policy,
            extended_policy,
            aspect_attaches,
            aspect_redirects,
            aspect_widens_all_roles,
            name_taken_over,
            name_taken_over_with_overrides,
            name_taken_over_by_a_name_of_another_resource,
            name_taken_over_by_a_default,
            resource_replaced,
            resource_replaced_outside_of_the_construct,
            construct_replaced,
            resource_moved_away,
        ]
    }
    | {
        f"raw_{type_}_by_{by}": partial(_raw, type_, _BY[by])
        for type_ in ["Policy", "ManagedPolicy", "RolePolicy"]
        for by in _BY
    }
    | {
        f"name_of_a_{kind}": partial(_name_of_a_resource, kind, attribute)
        for kind, attribute in [
            *(("queue", "QueueName"), ("log_group", ""), ("table", "")),
            *(("instance_profile", ""), ("user", ""), ("custom_resource", "Value")),
        ]
    }
)
"""What widens the role, by the name of the way."""


# What no template of the app shows, or what gets around a check.


def macro_over_the_template(stack: Stack, _role: ReadOnlyRole, _elsewhere: Stack) -> None:
    stack.add_transform("Widen")


def custom_resource(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    custom_resources.AwsCustomResource(
        elsewhere,
        "Wide",
        install_latest_aws_sdk=False,
        on_update=custom_resources.AwsSdkCall(
            service="IAM",
            action="attachRolePolicy",
            parameters={"RoleName": role.role_name, "PolicyArn": _ADMINISTRATOR},
            physical_resource_id=custom_resources.PhysicalResourceId.of("wide"),
        ),
        policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(
            resources=custom_resources.AwsCustomResourcePolicy.ANY_RESOURCE
        ),
    )


def stack_set(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    template = {
        "Resources": {
            "Wide": {
                "Type": "AWS::IAM::RolePolicy",
                "Properties": {
                    "RoleName": _name(role),
                    "PolicyName": "Wide",
                    "PolicyDocument": _DOCUMENT,
                },
            }
        }
    }
    CfnStackSet(
        elsewhere,
        "Wide",
        stack_set_name="Wide",
        permission_model="SELF_MANAGED",
        capabilities=["CAPABILITY_IAM"],
        template_body=json.dumps(template),
    )


def _stack_set(scope: Stack, body: str) -> None:
    CfnStackSet(
        scope,
        "Wide",
        stack_set_name="Wide",
        permission_model="SELF_MANAGED",
        capabilities=["CAPABILITY_IAM"],
        template_body=body,
    )


def _yaml(role_name: str) -> str:
    properties = f"RoleName: {role_name}\n      PolicyName: Wide"
    return f"Resources:\n  W:\n    Type: AWS::IAM::RolePolicy\n    Properties:\n      {properties}"


def stack_set_in_yaml(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _stack_set(elsewhere, _yaml(_name(role)))


def stack_set_in_yaml_with_escapes(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _stack_set(elsewhere, _yaml(f'"\\u{ord(_name(role)[0]):04x}{_name(role)[1:]}"'))


def stack_set_in_yaml_with_long_escapes(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    _stack_set(elsewhere, _yaml(f'"\\U{ord(_name(role)[0]):08x}{_name(role)[1:]}"'))


def stack_set_in_yaml_with_parts(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    start, end = _parts(role)
    _stack_set(elsewhere, _yaml(f'!Join ["", [{start},{end}]]'))


def stack_set_with_a_token(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _stack_set(elsewhere, Fn.sub(_yaml("${Name}"), {"Name": role.role_name}))


def nested_stack_in_yaml(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(_yaml(_name(role)))
        file.flush()
        url = s3_assets.Asset(elsewhere, "Yaml", path=file.name).http_url
    CfnStack(elsewhere, "Wide", template_url=url)


def late_validation(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    elsewhere.node.add_validation(
        _Validation(
            lambda: role.resource.add_property_override("ManagedPolicyArns", [_ADMINISTRATOR])
        )
    )


def name_in_the_template_alone(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    name = _name(role)

    def produce(context: IResolveContext) -> str:
        return name if "Resources" in context.document_path else "Other"

    _policy_of(elsewhere, Lazy.uncached_string(_Producer(produce)))


def check_removed(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    root = role.node.root.node
    for child in root.children:
        if not isinstance(child, Stack):
            root.try_remove_child(child.node.id)
    _policy_of(elsewhere, role.role_name)


BEYOND: Final[Mapping[str, Route]] = {
    function.__name__: function
    for function in [
        macro_over_the_template,
        custom_resource,
        stack_set,
        stack_set_in_yaml,
        stack_set_in_yaml_with_escapes,
        stack_set_in_yaml_with_long_escapes,
        stack_set_in_yaml_with_parts,
        stack_set_with_a_token,
        nested_stack_in_yaml,
        late_validation,
        name_in_the_template_alone,
        check_removed,
    ]
}
"""What widens the role in ways that a check may be unable to see, by the name of the way."""


# The role's own resource: overrides, assignments, aspects.


def _override(path: str, value: object, role: ReadOnlyRole) -> None:
    role.resource.add_override(path, value)


def _delete(path: str, role: ReadOnlyRole) -> None:
    role.resource.add_deletion_override(path)


def set_trust(role: ReadOnlyRole) -> None:
    role.resource.assume_role_policy_document = _ANYBODY


def set_policies(role: ReadOnlyRole) -> None:
    role.resource.policies = [
        iam.CfnRole.PolicyProperty(policy_name="Wide", policy_document=_DOCUMENT)
    ]


def set_further_policy(role: ReadOnlyRole) -> None:
    policies = role.resource.policies
    assert isinstance(policies, list)
    wide = iam.CfnRole.PolicyProperty(policy_name="Wide", policy_document=_DOCUMENT)
    role.resource.policies = [*policies, wide]


def set_policies_by_token(role: ReadOnlyRole) -> None:
    role.resource.policies = Token.as_any([{"policyName": "Wide", "policyDocument": _DOCUMENT}])


def set_no_policies(role: ReadOnlyRole) -> None:
    role.resource.policies = None


def set_managed_policies(role: ReadOnlyRole) -> None:
    role.resource.managed_policy_arns = [_ADMINISTRATOR]


def set_session(role: ReadOnlyRole) -> None:
    role.resource.max_session_duration = 43_200


def set_name(role: ReadOnlyRole) -> None:
    role.resource.role_name = "Renamed"


def set_no_name(role: ReadOnlyRole) -> None:
    role.resource.role_name = None


def set_path(role: ReadOnlyRole) -> None:
    role.resource.path = "/elsewhere/"


def set_no_boundary(role: ReadOnlyRole) -> None:
    role.resource.permissions_boundary = None


def _by_aspect(change: Callable[[ReadOnlyRole], None], role: ReadOnlyRole) -> None:
    def visit(node: IConstruct) -> None:
        if node is role.resource:
            change(role)

    Aspects.of(role.node.root).add(_Aspect(visit))


_SET: Final[Mapping[str, Callable[[ReadOnlyRole], None]]] = {
    function.__name__: function
    for function in [
        set_trust,
        set_policies,
        set_further_policy,
        set_policies_by_token,
        set_no_policies,
        set_managed_policies,
        set_session,
        set_name,
        set_no_name,
        set_path,
        set_no_boundary,
    ]
}

_OVERRIDDEN: Final[Mapping[str, tuple[str, object]]] = {
    "trust": ("Properties.AssumeRolePolicyDocument", _ANYBODY),
    "trust_principal": ("Properties.AssumeRolePolicyDocument.Statement.0.Principal.AWS", "*"),
    "trust_action": ("Properties.AssumeRolePolicyDocument.Statement.0.Action", "sts:*"),
    "trust_external_id": (
        "Properties.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals.sts:ExternalId",
        ["Example-1234", "Example-9999"],
    ),
    "trust_further_statement": (
        "Properties.AssumeRolePolicyDocument.Statement.1",
        _ANYBODY["Statement"][0],
    ),
    "policies": ("Properties.Policies", [{"PolicyName": "Wide", "PolicyDocument": _DOCUMENT}]),
    "further_policy": (
        "Properties.Policies.1",
        {"PolicyName": "Wide", "PolicyDocument": _DOCUMENT},
    ),
    "policy_action": ("Properties.Policies.0.PolicyDocument.Statement.0.Action", "*"),
    "policy_further_statement": ("Properties.Policies.0.PolicyDocument.Statement.1", _ANYTHING),
    "managed_policies": ("Properties.ManagedPolicyArns", [_ADMINISTRATOR]),
    "session": ("Properties.MaxSessionDuration", 43_200),
    "name": ("Properties.RoleName", "Renamed"),
    "path": ("Properties.Path", "/elsewhere/"),
    "type": ("Type", "Custom::Role"),
    "transform": ("Properties.Fn::Transform", {"Name": "Widen"}),
    "transform_in_the_policies": ("Properties.Policies.0.Fn::Transform", {"Name": "Widen"}),
    "transform_of_the_resource": ("Fn::Transform", {"Name": "Widen"}),
}

_DELETED: Final[Mapping[str, str]] = {
    "trust_condition": "Properties.AssumeRolePolicyDocument.Statement.0.Condition",
    "policies": "Properties.Policies",
    "name": "Properties.RoleName",
    "boundary": "Properties.PermissionsBoundary",
}

OVERRIDES: Final[Mapping[str, Callable[[ReadOnlyRole], None]]] = {
    **_SET,
    **{
        f"override_{name}": partial(_override, *overridden)
        for name, overridden in _OVERRIDDEN.items()
    },
    **{f"delete_{name}": partial(_delete, path) for name, path in _DELETED.items()},
    **{f"aspect_{name}": partial(_by_aspect, change) for name, change in _SET.items()},
    **{
        f"aspect_override_{name}": partial(_by_aspect, partial(_override, *_OVERRIDDEN[name]))
        for name in ["trust", "policy_action", "managed_policies", "session", "type"]
    },
}
"""What makes the role's resource another than it was built, by the name of the change.

Those whose name ends in ``boundary`` do so only to a role that was built with a boundary.
"""


def no_managed_policies(role: ReadOnlyRole) -> None:
    role.resource.managed_policy_arns = []


def default_session(role: ReadOnlyRole) -> None:
    role.resource.max_session_duration = 3_600


def default_session_by_override(role: ReadOnlyRole) -> None:
    role.resource.add_property_override("MaxSessionDuration", 3_600)


def boundary_set(role: ReadOnlyRole) -> None:
    role.resource.permissions_boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def boundary_overridden(role: ReadOnlyRole) -> None:
    role.resource.add_property_override(
        "PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"
    )


def boundary_of_the_app(role: ReadOnlyRole) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_name(role.resource.stack, "Own", "Platform")
    iam.PermissionsBoundary.of(role.node.root).apply(boundary)


def boundary_made_here(role: ReadOnlyRole) -> None:
    boundary = iam.ManagedPolicy(
        role.resource.stack,
        "Own",
        statements=[iam.PolicyStatement(actions=["ce:*"], resources=["*"])],
    )
    iam.PermissionsBoundary.of(role).apply(boundary)


def tags(role: ReadOnlyRole) -> None:
    Tags.of(role.node.root).add("team", "platform")


def description(role: ReadOnlyRole) -> None:
    role.resource.description = "Pump may read what things cost"


def retained(role: ReadOnlyRole) -> None:
    role.resource.apply_removal_policy(RemovalPolicy.RETAIN)


def metadata(role: ReadOnlyRole) -> None:
    role.resource.add_metadata("Owner", "platform")


def dependency(role: ReadOnlyRole) -> None:
    role.resource.node.add_dependency(_own_role(role.resource.stack))


def condition(role: ReadOnlyRole) -> None:
    role.resource.cfn_options.condition = CfnCondition(
        role.resource.stack, "Here", expression=Fn.condition_equals(Aws.REGION, "us-east-1")
    )


def outputs(role: ReadOnlyRole) -> None:
    CfnOutput(role.resource.stack, "Name", value=role.role_name, export_name="PumpRoleName")
    CfnOutput(role.resource.stack, "Arn", value=role.role_arn)


def read(role: ReadOnlyRole) -> None:
    assert role.resource.policies
    assert role.resource.assume_role_policy_document


HARMLESS: Final[Mapping[str, Callable[[ReadOnlyRole], None]]] = {
    function.__name__: function
    for function in [
        no_managed_policies,
        default_session,
        default_session_by_override,
        boundary_set,
        boundary_overridden,
        boundary_of_the_app,
        boundary_made_here,
        tags,
        description,
        retained,
        metadata,
        dependency,
        condition,
        outputs,
        read,
    ]
}
"""What a customer can do to the role, by the name of the change."""
