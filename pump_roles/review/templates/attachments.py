"""The resources that attach to roles, such as managed policies."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pump_roles.iam.documents import as_mapping, is_function
from pump_roles.review.templates.evaluate import certain, evaluate
from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.symbols import Certain, pieces
from pump_roles.review.templates.targets import (
    Naming,
    Target,
    Targets,
    is_role,
    literal,
    origin,
    targets,
)
from pump_roles.review.templates.template import Reference, Template

ATTACHES: Final[Mapping[Any, str]] = {
    "AWS::Budgets::BudgetsAction": "Definition",
    "AWS::IAM::InstanceProfile": "Roles",
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
}
"""The resource types that attach to roles, and the property that names the roles."""

NAMED: Final[Mapping[Any, str]] = {"AWS::IAM::Role": "RoleName"}
"""The resource type of roles, and the property that names them."""

_CONNECTOR: Final = "AWS::Serverless::Connector"


@dataclass(frozen=True, eq=False)
class Attachment:
    """A resource that attaches to roles."""

    template: Template
    logical_id: str
    targets: Targets

    @property
    def resource(self) -> Mapping[str, Any]:
        """The resource."""
        return self.template.resources[self.logical_id]

    @property
    def is_instance_profile(self) -> bool:
        """Whether it is an instance profile, which gives the role to EC2, and not a policy."""
        return self.resource.get("Type") == "AWS::IAM::InstanceProfile"


class Attachments:
    """Every resource that attaches to roles, or that names roles in another way."""

    def __init__(
        self,
        templates: Iterable[Template],
        types: Mapping[Any, str] = ATTACHES,
        *,
        without: Collection[Reference] = (),
    ) -> None:
        self._at: dict[Reference, Attachment] = {}
        self._by_key: dict[str | Certain, list[Attachment]] = {}
        self._by_arn: dict[tuple[Certain, ...], list[Attachment]] = {}
        self._others: list[Attachment] = []
        for template in templates:
            for logical_id in template.resources:
                if (template, logical_id) in without:
                    continue
                name = types.get(template.type_of(logical_id))
                if name is not None:
                    found = _targets(template, logical_id, name)
                    self._add(Attachment(template, logical_id, found))
                elif types is ATTACHES and (connected := _connected(template, logical_id)):
                    self._add(Attachment(template, logical_id, Targets(possible=connected)))

    def _add(self, attachment: Attachment) -> None:
        self._at[attachment.template, attachment.logical_id] = attachment
        if attachment.resource.get("Type") == "AWS::IAM::ManagedPolicy":
            arn = certain({"Ref": attachment.logical_id}, attachment.template)
            if arn is not None:
                policy = _policy_key(arn, attachment.template)
                self._by_arn.setdefault(policy, []).append(attachment)
        names = attachment.targets.certain
        if attachment.targets.possible or not all(map(_is_whole, names)):
            self._others.append(attachment)
            return
        for key in _keys(names):
            self._by_key.setdefault(key, []).append(attachment)

    def at(self, template: Template, logical_id: str) -> Attachment | None:
        """Return a resource as an attachment; ``None`` if it is not one."""
        return self._at.get((template, logical_id))

    def managed(self, arn: Certain, template: Template) -> Attachment | None:
        """Return the managed policy that an ARN names; ``None`` if it is not certain which one."""
        found = self._by_arn.get(_policy_key(arn, template), [])
        same = [attachment for attachment in found if attachment.template is template] or found
        return same[0] if len(same) == 1 else None

    def naming(self, role: Target, template: Template) -> dict[Attachment, Naming]:
        """Return what attaches to a role, or can do so.

        What only the deployment knows is not included for other stacks than the role's own, and for
        instance profiles, which add no permissions.
        """
        found: dict[Attachment, Naming] = {}
        named = (at for key in _keys(role.names) for at in self._by_key.get(key, ()))
        # A name with a pseudo parameter can be equal to a literal one.
        whole = all(map(_is_whole, role.names))
        for attachment in dict.fromkeys([*named, *self._others] if whole else self._at.values()):
            naming = attachment.targets.naming(role)
            is_near = attachment.template.root is template.root
            if naming == "deployment" and (attachment.is_instance_profile or not is_near):
                continue
            other = attachment.template.account
            if naming is not None and (not other or template.account in ("", other)):
                found[attachment] = naming
        return found


def _policy_key(arn: Certain, template: Template) -> tuple[Certain, ...]:
    # A role can only have policies of its own partition and account, or of AWS. So if the account
    # is not known, a literal one must be it.
    parts = pieces(arn, ":") or []
    dropped = {1} if template.account or parts[4:5] == [("aws",)] else {1, 4}
    return tuple(part for index, part in enumerate(parts) if index not in dropped)


def _is_whole(name: Certain) -> bool:
    return bool(literal(name)) or is_role(name)


def _keys(names: Iterable[Certain]) -> Iterator[str | Certain]:
    # A name that is generated has the same origin as a literal one that may be it.
    for name in names:
        yield from filter(None, (literal(name) or name, origin(name)))


def _connected(template: Template, logical_id: str) -> tuple[Possible, ...]:
    # SAM gives the role of a connector's source a policy. The source is a resource, or the one that
    # has the connector.
    resource = template.resources[logical_id]
    source: Mapping[str, Any] = {"Id": logical_id}
    if template.type_of(logical_id) == _CONNECTOR:
        source = as_mapping(template.properties(logical_id).get("Source"))
    elif "Connectors" not in resource:
        return ()
    found: list[Any] = [source]
    if isinstance(name := source.get("Id"), str) and name in template.resources:
        properties = template.properties(name)
        found = [properties[member] for member in properties if "Role" in member]
    # A role is also named by its ARN.
    return tuple(evaluate(value, template).could_be(separators="/") for value in found)


def _targets(template: Template, logical_id: str, name: str) -> Targets:
    properties = template.properties(logical_id)
    found = targets(properties.get(name), template)
    if template.is_open(logical_id):
        added = [properties[name] for name in properties if is_function(name)]
        unknown = replace(evaluate(added, template).could_be(), deployment=True)
        found = Targets(found.certain, (*found.possible, unknown))
    return found
