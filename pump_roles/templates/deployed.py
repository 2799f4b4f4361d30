"""Pump's roles as their templates deploy them, for comparison with an account."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pump_roles.iam.trust import EXTERNAL_ID_KEY
from pump_roles.iam.values import as_list, as_mapping
from pump_roles.templates.attachments import name_of
from pump_roles.templates.evaluate import evaluate, only_text
from pump_roles.templates.model import Role
from pump_roles.templates.roles import HOUR, PumpRole, resolved_trust_policy
from pump_roles.templates.template import Template
from pump_roles.validators import ROLE_NAME

__all__ = ["OPEN_EXTERNAL_ID", "OPEN_PRINCIPAL", "DeployedPolicy", "DeployedRole", "deployed"]

_FILLED_LATER: Final = re.compile(r"\$\{AWS::(?:AccountId|Partition)\}")

OPEN_PRINCIPAL: Final = "${principal}"
OPEN_EXTERNAL_ID: Final = "${external-id}"
"""The placeholders for a principal and an external ID that are template parameters."""


@dataclass(frozen=True, kw_only=True)
class DeployedPolicy:
    """A policy of a role.

    :param name: its name.
    :param managed: whether it is a managed policy, rather than an inline one.
    :param document: its document, as the template contains it.
    :param filled: its document with all functions evaluated. What depends on the account is a
        placeholder, such as ``${AWS::Partition}``.
    """

    name: str
    managed: bool
    document: Mapping[str, Any]
    filled: Any


@dataclass(frozen=True, kw_only=True)
class DeployedRole:
    """A role as its template deploys it.

    Strings have placeholders for what depends on the account: ``${AWS::AccountId}`` and
    ``${AWS::Partition}``.

    :param role: the role, as the reader describes it.
    :param account: the 12-digit ID of the account that the template is for; empty if it is for any.
    :param stack_set: the name of the StackSet that deploys it; empty if a single stack does.
    :param path: its path.
    :param trust_policy: its trust policy, with :data:`OPEN_PRINCIPAL` and :data:`OPEN_EXTERNAL_ID`
        in place of parameters.
    :param policies: its policies.
    :param boundary: the ARN of its permissions boundary; empty if it has none.
    :param boundary_document: the document of that policy; ``None`` if the templates do not have it.
    :param session_seconds: its maximum session duration in seconds.
    :param tags: its tags.
    :param unreadable: what cannot be read, in words.
    """

    role: Role
    account: str = ""
    stack_set: str = ""
    path: str = "/"
    trust_policy: Any
    policies: tuple[DeployedPolicy, ...]
    boundary: str = ""
    boundary_document: Any = None
    session_seconds: int = HOUR
    tags: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def deployed(
    found: Sequence[PumpRole], roles: Iterable[Role], templates: Iterable[Template]
) -> Iterator[tuple[DeployedRole, ...]]:
    """Yield each of Pump's roles in every form in which templates deploy it.

    There is one form, unless the templates contradict each other in something that does not change
    what the role may do, such as the external ID or a tag.

    :param found: the roles in the templates.
    :param roles: one role of each kind, as a report describes it.
    :param templates: the templates.
    """
    documents = dict(_managed_policies(templates))
    for role in roles:
        forms = [
            replace(_deployed(pump_role, documents), role=replace(role, name=_name(pump_role)))
            for pump_role in found
            if pump_role.role.kind == role.kind
        ]
        yield tuple(form for index, form in enumerate(forms) if form not in forms[:index])


def _deployed(found: PumpRole, documents: Mapping[str, Any]) -> DeployedRole:
    template, properties = found.template, found.template.properties(found.logical_id)
    unreadable: list[str] = []
    trust, _ = resolved_trust_policy(template, found.logical_id)
    boundary = _boundary(properties.get("PermissionsBoundary"), template)
    path = _text(properties.get("Path", "/"), template)
    session = properties.get("MaxSessionDuration", HOUR)
    if boundary is None:
        unreadable.append("its permissions boundary cannot be read from the template")
    if path is None:
        unreadable.append("its path cannot be read from the template")
    if not isinstance(session, int):
        unreadable.append("its maximum session duration cannot be read from the template")
        session = HOUR
    tags = dict(_tags(found, unreadable))
    return DeployedRole(
        role=found.role,
        account=template.account,
        stack_set=_stack_set(template),
        path=path or "/",
        trust_policy=_open(_filled(trust, template)),
        policies=tuple(_policies(found)),
        boundary=boundary or "",
        boundary_document=documents.get(boundary or ""),
        session_seconds=session,
        tags=tags,
        unreadable=tuple(unreadable),
    )


def _stack_set(template: Template) -> str:
    if template.stack_set is None:
        return ""
    outer, logical_id = template.stack_set
    name = _text(outer.properties(logical_id).get("StackSetName"), outer)
    return name or f"${{{logical_id}}}"


def _name(found: PumpRole) -> str:
    # Empty if the name is generated, or depends on the account.
    name = found.names[0] if len(found.names) == 1 else ""
    return name if ROLE_NAME.accepts(name) else ""


def _policies(found: PumpRole) -> Iterator[DeployedPolicy]:
    attached = {name_of(attachment): attachment for attachment in found.attachments}
    for name, document in found.role.policies:
        attachment = attached.get(name)
        template = found.template if attachment is None else attachment.template
        yield DeployedPolicy(
            name=name,
            managed=attachment is not None
            and attachment.resource.get("Type") == "AWS::IAM::ManagedPolicy",
            document=document,
            filled=_filled(document, template),
        )


def _filled(value: Any, template: Template) -> Any:
    # A function whose result is certain becomes that result; anything else stays.
    if isinstance(value, list):
        return [_filled(element, template) for element in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
        text = _text(value, template)
        return value if text is None else text
    return {key: _filled(member, template) for key, member in value.items()}


def _text(value: Any, template: Template) -> str | None:
    text = only_text(value, template)
    if text is None or text.references:
        return None
    # Other pseudo parameters, such as the Region, are not known.
    return text.text if _FILLED_LATER.sub("", text.text).find("${AWS::") < 0 else None


def _open(trust: Any) -> Any:
    if not isinstance(trust, dict):
        return trust
    statements = [
        _open_statement(statement) if isinstance(statement, dict) else statement
        for statement in as_list(trust.get("Statement", []))
    ]
    return {**trust, "Statement": statements}


def _open_statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(statement)
    principal = as_mapping(found.get("Principal"))
    if "AWS" in principal:
        found["Principal"] = {**principal, "AWS": _opened(principal["AWS"], OPEN_PRINCIPAL)}
    condition = as_mapping(found.get("Condition"))
    equals = as_mapping(condition.get("StringEquals"))
    if equals:
        found["Condition"] = {
            **condition,
            "StringEquals": {
                key: _opened(value, OPEN_EXTERNAL_ID) if key.lower() == EXTERNAL_ID_KEY else value
                for key, value in equals.items()
            },
        }
    return found


def _opened(value: Any, placeholder: str) -> Any:
    if isinstance(value, list):
        return [_opened(element, placeholder) for element in value]
    return value if isinstance(value, str) else placeholder


def _boundary(value: Any, template: Template) -> str | None:
    # The ARN; empty if the role has no boundary, None if it cannot be read.
    if not evaluate(value, template):
        return ""
    texts = evaluate(value, template)
    if len(texts) == 1 and texts[0].known and len(texts[0].references) == 1:
        ((of, logical_id),) = texts[0].references
        if of.type_of(logical_id) == "AWS::IAM::ManagedPolicy":
            return _managed_arn(of, logical_id)
    return _text(value, template)


def _managed_arn(template: Template, logical_id: str) -> str | None:
    properties = template.properties(logical_id)
    name = _text(properties.get("ManagedPolicyName"), template)
    path = _text(properties.get("Path", "/"), template)
    if not name or not path:
        return None
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy{path}{name}"


def _managed_policies(templates: Iterable[Template]) -> Iterator[tuple[str, Any]]:
    for template in templates:
        for logical_id in template.resources:
            if template.type_of(logical_id) == "AWS::IAM::ManagedPolicy":
                arn = _managed_arn(template, logical_id)
                if arn is not None:
                    document = template.properties(logical_id).get("PolicyDocument")
                    yield arn, _filled(document, template)


def _tags(found: PumpRole, unreadable: list[str]) -> Iterator[tuple[str, str]]:
    # CloudFormation adds the tags of a StackSet to what its stack instances create.
    at = found.template.stack_set
    of_stack_set = [] if at is None else as_list(at[0].properties(at[1]).get("Tags", []))
    own = as_list(found.template.properties(found.logical_id).get("Tags", []))
    for tags, template in (
        (of_stack_set, found.template if at is None else at[0]),
        (own, found.template),
    ):
        for tag in tags:
            key = _text(as_mapping(tag).get("Key"), template)
            value = _text(as_mapping(tag).get("Value"), template)
            if key is None or value is None:
                unreadable.append("one of its tags cannot be read from the template")
            else:
                yield key, value
