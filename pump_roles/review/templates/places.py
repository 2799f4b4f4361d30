"""Where templates deploy Pump's roles: one stack, or the stack instances of a StackSet."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pump_roles import validators
from pump_roles.contents import Place
from pump_roles.iam.documents import as_list, as_mapping, as_text, is_absent
from pump_roles.published import ROLES
from pump_roles.review.templates.filled import certain_text
from pump_roles.review.templates.role_reader import PumpRole
from pump_roles.review.templates.template import Template
from pump_roles.role import Unknown, Why
from pump_roles.validators import ACCOUNT_FILTERS

_TARGETS: Final = {"OrganizationalUnitIds", "Accounts", "AccountFilterType", "AccountsUrl"}
_INSTANCES: Final = {"DeploymentTargets", "Regions", "ParameterOverrides"}
_AUTOMATIC: Final = {"Enabled", "RetainStacksOnAccountRemoval", "DependsOn"}

_SELF_MANAGED: Final = "SELF_MANAGED"
_MODELS: Final = {name: name for name in (_SELF_MANAGED, "SERVICE_MANAGED")}
_FILTERS: Final = {"NONE": "", "UNION": "UNION", **ACCOUNT_FILTERS}
_CALL_AS: Final[Mapping[str, str]] = {
    name: call_as for call_as, name in validators.STACK_SETS_CALL_AS.items()
}
_ENABLED: Final = {"true": "yes", "True": "yes", "false": "", "False": ""}


def places(roles: Iterable[PumpRole]) -> Iterator[Place]:
    """Yield where each of Pump's roles is deployed."""
    deployed: dict[tuple[str, Template, str], list[Unknown]] = {}
    for role in roles:
        template, stack_set = role.template.stack_set or (role.template.root, "")
        problems = deployed.setdefault((role.role.kind, template, stack_set), [])
        problems += role.changes
        resource = role.template.resources[role.logical_id]
        if "Condition" in resource:
            problems.append(
                Unknown(
                    part="template",
                    why="conditional",
                    subject=role.logical_id,
                    detail=as_text(resource["Condition"]),
                )
            )
    order = list(ROLES)
    for kind, template, stack_set in sorted(deployed, key=lambda key: order.index(key[0])):
        properties = template.properties(stack_set) if stack_set else {}
        for group in _groups(properties.get("StackInstancesGroup")):
            reader = _Reader(template, deployed[kind, template, stack_set])
            members = reader.stack_set(stack_set, group) if stack_set else {}
            yield Place(
                kind=kind,
                source=template.root.file.name,
                account=template.account,
                region=template.region,
                unreadable=tuple(dict.fromkeys(reader.problems)),
                **members,
            )


def _unknown(why: Why, subject: str = "", detail: str = "") -> Unknown:
    return Unknown(part="place", why=why, subject=subject, detail=detail)


def _groups(value: Any) -> list[Any]:
    if is_absent(value):
        return [None]
    if not isinstance(value, list):
        return [value]
    return [group for group in value if not is_absent(group)] or [None]


class _Reader:
    # Reads one entry of a StackSet's groups, and collects why the result cannot be relied on.
    def __init__(self, template: Template, problems: Iterable[Unknown]) -> None:
        self._template = template
        self.problems = list(problems)

    def stack_set(self, logical_id: str, group: Any) -> dict[str, Any]:
        properties = self._template.properties(logical_id)
        if self._template.stack_set is not None:
            _, outer = self._template.stack_set
            self.problems.append(_unknown("outer-stack-set", outer))
        name = self._text(properties.get("StackSetName"), "StackSetName")
        model = self._choice(_MODELS, properties, "PermissionModel", "SERVICE_MANAGED")
        automatic = self._automatic(properties.get("AutoDeployment"))
        call_as = self._choice(_CALL_AS, properties, "CallAs", "SELF")
        members = {
            # An empty name would mean a single stack.
            "stack_set": name or f"${{{logical_id}}}",
            "automatic": automatic and model != _SELF_MANAGED,
            "call_as": "" if model == _SELF_MANAGED else call_as,
        }
        if group is not None:
            members |= self._instances(group, self_managed=model == _SELF_MANAGED)
        return members

    def _instances(self, group: Any, *, self_managed: bool) -> dict[str, Any]:
        before = len(self.problems)
        instances = self._members(group, _INSTANCES, "StackInstancesGroup")
        targets = self._members(instances.get("DeploymentTargets"), _TARGETS, "DeploymentTargets")
        units = self._list(validators.ORGANIZATIONAL_UNITS, targets, "OrganizationalUnitIds")
        accounts = self._list(validators.ACCOUNTS, targets, "Accounts", "${AWS::AccountId}")
        account_filter = self._choice(_FILTERS, targets, "AccountFilterType", "NONE")
        if not is_absent(targets.get("AccountsUrl")):
            self._not_read(targets["AccountsUrl"], "AccountsUrl")
        # The valid combinations: CloudFormation Template Reference, "DeploymentTargets".
        complete = bool(accounts) == bool(account_filter) and bool(units)
        if self_managed:
            complete = bool(accounts) and not units and not account_filter
        if not complete and len(self.problems) == before:
            self.problems.append(_unknown("contradictory-targets"))
        return {
            "units": units,
            "accounts": accounts,
            "filter": account_filter,
            "regions": self._list(validators.REGIONS, instances, "Regions", "${AWS::Region}"),
        }

    def _automatic(self, value: Any) -> bool:
        if is_absent(value):
            return False
        enabled = self._members(value, _AUTOMATIC, "AutoDeployment").get("Enabled")
        named = {"AutoDeployment": enabled}
        return self._choice(_ENABLED, named, "AutoDeployment", "false") == "yes"

    def _members(self, value: Any, known: set[str], what: str) -> Mapping[str, Any]:
        # A condition or a transform is also a member.
        members = as_mapping(value)
        unknown = sorted(members.keys() - known)
        self.problems += [_unknown("member", name, what) for name in unknown]
        if not members:
            self._not_read(value, what)
        return members

    def _choice(
        self, choices: Mapping[str, str], members: Mapping[str, Any], name: str, default: str
    ) -> str:
        # The value in the template if it is not one of the choices.
        value = members.get(name)
        text = default if is_absent(value) else self._text(value, name)
        if text and text not in choices:
            self._not_read(value, name)
        return choices.get(text, text)

    def _text(self, value: Any, what: str) -> str:
        text = certain_text(value, self._template)
        if text is None:
            self._not_read(value, what)
        return text or ""

    def _list(
        self,
        validator: validators.ListOf,
        members: Mapping[str, Any],
        name: str,
        placeholder: str = "",
    ) -> tuple[str, ...]:
        value, found = members.get(name), []
        for element in as_list(value):
            if is_absent(element):
                continue
            # A function can return a longer list than it has strings.
            text = certain_text(element, self._template) if isinstance(value, list) else None
            if text is not None and (validator.element.accepts(text) or text == placeholder):
                found.append(text)
            else:
                self._not_read(element, name)
        return tuple(found)

    def _not_read(self, value: Any, what: str) -> None:
        self.problems.append(_unknown("unreadable", what, as_text(value)))
