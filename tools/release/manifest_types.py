"""The members of a permission manifest. ``manifest.schema.json`` is generated from these types."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta
from typing_extensions import NotRequired

from pump_roles.iam.catalog import Level

__all__ = [
    "ActionEntry",
    "Catalog",
    "Document",
    "Granted",
    "GrantedBy",
    "Manifest",
    "Parameter",
    "PolicyEntry",
    "Reasons",
    "RoleEntry",
    "Statement",
    "Template",
    "Trust",
]

Text = Annotated[str, Meta(min_length=1)]
Reason = Annotated[str, Meta(min_length=1)] | None
Kind = Annotated[str, Meta(pattern="^[a-z]+(-[a-z]+)*$")]
Name = Annotated[str, Meta(pattern="^[a-z0-9-]+:[A-Za-z0-9]+$")]
Pattern = Annotated[str, Meta(pattern="^[a-z0-9-]+:[A-Za-z0-9*?]+$")]
Resource = Annotated[str, Meta(pattern=r"^[^$\s]+$")]
ParameterName = Annotated[str, Meta(pattern="^[A-Za-z0-9]+$")]
_SET = Meta(min_length=1, extra_json_schema={"uniqueItems": True})


class Catalog(TypedDict):
    """The catalog of AWS actions in which the patterns were matched.

    A wildcard also matches actions that AWS adds after the catalog's date.

    :param source: the catalog's package and version.
    :param date: the catalog's date.
    """

    source: Text
    date: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Template(TypedDict):
    """A role's universal template, as released.

    :param file: the file's name.
    :param sha256: the SHA-256 of the file.
    """

    file: Text
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Parameter(TypedDict):
    """A parameter of the template: a string.

    :param name: its name.
    :param description: its description.
    :param min_length: the least number of characters.
    :param max_length: the most characters.
    :param pattern: the regular expression that the whole value must match.
    """

    name: ParameterName
    description: Text
    min_length: Annotated[int, Meta(ge=0)]
    max_length: Annotated[int, Meta(ge=1)]
    pattern: Text


class Trust(TypedDict):
    """Who may assume the role: its trust policy is one statement with no other condition.

    :param principal_parameters: the parameters with the principals. There is one.
    :param external_id_parameters: the parameters with the accepted external IDs. There is one.
    :param external_id_operator: the condition operator that compares the external ID.
    :param actions: what a principal may do with the role.
    """

    principal_parameters: Annotated[list[ParameterName], _SET]
    external_id_parameters: Annotated[list[ParameterName], _SET]
    external_id_operator: Literal["StringEquals"]
    actions: Annotated[list[Name], _SET]


class Statement(TypedDict):
    """A statement of a policy.

    :param Action: its action patterns.
    :param Resource: what it is about.
    :param Effect: what it does.
    """

    Action: Annotated[list[Pattern], Meta(min_length=1)]
    Resource: Resource
    Effect: Literal["Allow"]


class Document(TypedDict):
    """A policy document, as published.

    :param Version: the version of the policy language.
    :param Statement: its statements.
    """

    Version: NotRequired[Literal["2012-10-17"]]
    Statement: list[Statement]


class PolicyEntry(TypedDict):
    """An inline policy.

    :param name: its name.
    :param document: its document, as published.
    """

    name: Text
    document: Document


class Granted(TypedDict):
    """One action pattern of a policy.

    :param policy: the policy's name.
    :param pattern: the pattern, as IAM reads it: in any case, with * and ?.
    :param resource: the resource that it is about: * or an ARN, without policy variables.
    :param reason: why Pump needs it.
    :param actions: the catalog's actions that it matches, sorted.
    """

    policy: Text
    pattern: Pattern
    resource: Resource
    reason: Text
    actions: list[Name]


class RoleEntry(TypedDict):
    """One role, as its universal template deploys it.

    :param kind: a short name for it, such as read-only.
    :param name: its name.
    :param description: its description.
    :param stack_name: the name of its stack.
    :param template: its universal template, as released.
    :param parameters: the template's parameters. None has a default.
    :param trust: who may assume it.
    :param session_seconds: the maximum session duration.
    :param policies: its inline policies. It has no managed policy.
    :param patterns: the action patterns of the policies, in order.
    """

    kind: Kind
    name: Text
    description: Text
    stack_name: Text
    template: Template
    parameters: list[Parameter]
    trust: Trust
    session_seconds: Annotated[int, Meta(ge=3600, le=43200)]
    policies: list[PolicyEntry]
    patterns: list[Granted]


class GrantedBy(TypedDict):
    """A pattern that grants an action.

    :param role: the role's kind.
    :param policy: the policy's name.
    :param pattern: the pattern.
    """

    role: Kind
    policy: Text
    pattern: Pattern


class Reasons(TypedDict):
    """Why an action has a mark, as a sentence; null if the member of the same name is false.

    :param spends_money: why it can spend money.
    :param returns_data: why it returns data.
    :param incurs_fee: why it incurs a fee.
    :param may_incur_fee: why it may incur a fee.
    :param legacy: why it is legacy.
    """

    spends_money: Reason
    returns_data: Reason
    incurs_fee: Reason
    may_incur_fee: Reason
    legacy: Reason


class ActionEntry(TypedDict):
    """One action. Each of its five marks has its reason under the same name in reasons.

    :param name: its name, as service:Action.
    :param service: the service's prefix.
    :param access_levels: all of its access levels.
    :param description: what it does, in AWS's words.
    :param granted_by: the patterns that grant it, by role.
    :param spends_money: whether it can buy or exchange commitments. No IAM policy can limit how
        much that costs.
    :param returns_data: whether it returns data, not only metadata.
    :param incurs_fee: whether AWS charges for each call.
    :param may_incur_fee: whether AWS may charge for it: that depends on usage, or AWS's pricing
        pages leave it open.
    :param legacy: whether AWS no longer supports it.
    :param reasons: why it has its marks.
    """

    name: Name
    service: Text
    access_levels: Annotated[list[Level], _SET]
    description: str
    granted_by: Annotated[list[GrantedBy], Meta(min_length=1)]
    spends_money: bool
    returns_data: bool
    incurs_fee: bool
    may_incur_fee: bool
    legacy: bool
    reasons: Reasons


class Manifest(TypedDict):
    """What Pump's roles may do in one version, without guardrails, which only deny.

    :param schema: the version of this schema.
    :param version: the version of pump-roles.
    :param catalog: the catalog of AWS actions in which the patterns were matched.
    :param roles: the roles, in published order.
    :param actions: every action that a role may use, once, sorted by name.
    """

    schema: Literal[1]
    version: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$")]
    catalog: Catalog
    roles: Annotated[list[RoleEntry], Meta(min_length=1)]
    actions: list[ActionEntry]
