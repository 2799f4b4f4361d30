"""What attaches to a role, or has its name: certainly, possibly, or only the deployment knows."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final, Literal

from pump_roles.iam.identity_policies import (
    DENY_ALL,
    Policy,
    denies_all,
    parse_policy,
    statements_in,
)
from pump_roles.inputs import as_list, as_mapping, as_text, mapped
from pump_roles.inputs.text import parse_json
from pump_roles.inputs.validators import Text
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.role.access import AccessWhy, only_takes_away
from pump_roles.templates.placeholders import (
    GENERATED,
    KEPT,
    OPEN,
    PLACEHOLDER,
    Choice,
    FunctionCall,
    Reference,
    Resolved,
    alike,
    certain_text,
    contains,
    everything,
    filled,
    filled_text,
    fits,
    parts_of,
    shown,
    unresolved_tree,
    values_of,
)
from pump_roles.templates.resolve import Resource
from pump_roles.templates.template import AWS_TYPES, MEMBERS, Additions, Template

Naming = Literal["certain", "could-be", "deployment"]
"""How something names a role: certainly; possibly, from what the app contains; or only the
deployment knows whether it does."""

How = Literal["name", "later", "text"]
"""How values name a role: each is a name; one by which something attaches later; or a text, such as
an ARN, that contains one."""

_ORDER: Final[tuple[Naming, ...]] = ("certain", "could-be", "deployment")

ATTACHED: Final[Mapping[Naming, AccessWhy]] = {
    "certain": "attaches",
    "could-be": "could-attach",
    "deployment": "may-attach",
}

INSTANCE_PROFILE: Final = "AWS::IAM::InstanceProfile"
MANAGED_POLICY: Final = "AWS::IAM::ManagedPolicy"
_BUDGETS_ACTION: Final = "AWS::Budgets::BudgetsAction"
_CONNECTOR: Final = "AWS::Serverless::Connector"
_WITHOUT_ROLES: Final[Mapping[str, Sequence[str]]] = AWS_TYPES["connected_without_roles"]
"""For the type of a connector's source, those of destinations to which it needs no role: SAM only
makes a permission of a function, or a policy of a topic or a queue."""

ATTACHES: Final[Mapping[str, str]] = AWS_TYPES["attaches"]
INLINE_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")

_POLICY_ARN: Final = re.compile(
    r"arn:(?:[a-z-]+|\$\{AWS::Partition\}):iam::"
    r"(aws|[0-9]{12}|\$\{AWS::AccountId\}):policy(/.+)"
)


@dataclass(frozen=True)
class RoleNames:
    """The texts that are the name of a role, and the role."""

    names: tuple[str, ...]
    reference: Reference | None = None

    def naming(self, values: Iterable[Resolved], how: How = "name") -> Naming | None:
        """Return how values name it; ``None`` if they do not."""
        return _surest({self.naming_one(value, how) for value in values})

    def naming_one(self, value: Resolved, how: How) -> Naming | None:
        """Return how a value names it; ``None`` if it does not."""
        texts = [*value.every]
        same = {alike(text, name) for text in texts for name in self.names}
        if how == "name" and "certain" in same and len(texts) == 1 and not value.why:
            return "certain"
        within = (value.why or how == "text") and any(contains(name, value) for name in self.names)
        if within or same - {None}:
            return "could-be"
        if not value.why:
            return None
        can_be = how == "text" or any(fits(text, name) for text in texts for name in self.names)
        return "deployment" if can_be else None


def _surest(namings: Collection[Naming | None]) -> Naming | None:
    return next((naming for naming in _ORDER if naming in namings), None)


def names_of(role: Resource) -> RoleNames:
    """Return the names of a role.

    If its name is not certain, its names are those of the published roles that it could be, and
    what it is if it is nothing else.
    """
    values = [*values_of(role["RoleName"])]
    texts = [text for value in values for text in value.every if OPEN not in text]
    published = {*PUBLISHED_NAMES.values()}
    words = [word for value in values for word in sorted(published & value.literals)]
    names = dict.fromkeys([role.name, *texts, *words])
    return RoleNames(tuple(names), role.reference)


@dataclass(frozen=True, eq=False)
class Attachment:
    """A resource that attaches to roles, or that names roles in another way.

    :param values: what names the roles.
    """

    resource: Resource
    values: tuple[Resolved, ...]
    how: How = "name"

    @cached_property
    def policy(self) -> Policy:
        """The policy that its resource is, which may attach to many roles."""
        return _policy_of(self.resource)

    @cached_property
    def is_unresolved(self) -> bool:
        """Whether something that names the roles is not resolved."""
        return any(value.why for value in self.values)


class Attachments:
    """Every resource that attaches to roles, or every role that may have another one's name."""

    def __init__(self, attachments: Iterable[Attachment], additions: Additions) -> None:
        self._additions = additions
        self._all = [*attachments]
        self._known: dict[tuple[str, ...], Mapping[Attachment, Naming]] = {}
        self._by_key: dict[str, list[Attachment]] = {}
        self._by_value: dict[tuple[Resolved, How], list[Attachment]] = {}
        self._others: list[Attachment] = []
        self._managed: dict[str, list[Attachment]] = {}
        self._policies: dict[Reference, Attachment] = {}
        for found in self._all:
            if found.resource.type == MANAGED_POLICY:
                self._managed.setdefault(found.resource.template.key, []).append(found)
                self._policies[found.resource.reference] = found
            for value in found.values:
                self._by_value.setdefault((value, found.how), []).append(found)
            texts = [value.certain for value in found.values]
            if found.how == "name" and all(text is not None and _is_whole(text) for text in texts):
                for key in {key for text in filter(None, texts) for key in _keys(text)}:
                    self._by_key.setdefault(key, []).append(found)
            else:
                self._others.append(found)

    def naming(self, role: RoleNames) -> Mapping[Attachment, Naming]:
        """Return what attaches to a role, or can do so."""
        if role.names not in self._known:
            # A name with a pseudo parameter can be equal to a literal one.
            whole = all(map(_is_whole, role.names))
            self._known[role.names] = (
                self._found_by_key(role) if whole else self._found_by_value(role)
            )
        return self._known[role.names]

    def _found_by_key(self, role: RoleNames) -> Mapping[Attachment, Naming]:
        keys = [key for name in role.names for key in _keys(name)]
        named = (found for key in keys for found in self._by_key.get(key, ()))
        namings = (
            (found, role.naming(found.values, found.how))
            for found in dict.fromkeys([*named, *self._others])
        )
        return {found: naming for found, naming in namings if naming}

    def _found_by_value(self, role: RoleNames) -> Mapping[Attachment, Naming]:
        # Many attachments may have the same values.
        found: dict[Attachment, set[Naming | None]] = {}
        for (value, how), attached in self._by_value.items():
            if naming := role.naming_one(value, how):
                for attachment in attached:
                    found.setdefault(attachment, set()).add(naming)
        namings = ((each, _surest(found[each])) for each in self._all if each in found)
        return {each: naming for each, naming in namings if naming}

    def near(self, role: RoleNames, template: Template) -> Iterator[tuple[Attachment, Naming]]:
        """Yield what attaches to a role in a template.

        What only the deployment knows is not included for other stacks than the role's own, and for
        instance profiles, which add no permissions.
        """
        for found, naming in self.naming(role).items():
            other = found.resource.template
            is_profile = found.resource.type == INSTANCE_PROFILE
            if naming == "deployment" and (is_profile or other.root is not template.root):
                continue
            if not other.account or template.account in ("", other.account):
                yield found, naming

    def managed(self, arn: Any, template: Template) -> Attachment | None:
        """Return the managed policy that a value certainly is: by reference, or by its ARN within
        one template, without a condition. Any other policy can have the name of one.
        """
        values = [*values_of(arn)]
        text = values[0].certain if len(values) == 1 else None
        if text is None:
            return None
        named = [self._policies[of] for of in values[0].refers if of in self._policies]
        key = _policy_key(text, template)
        same = [policy for policy in named if policy.resource.name == text] or [
            policy
            for policy in (self._managed.get(template.key, ()) if key else ())
            if "Condition" not in policy.resource.members
            and _policy_key(policy.resource.name, template) == key
        ]
        return same[0] if len(same) == 1 else None

    def denying(self, arn: Any, template: Template) -> Policy | None:
        """Return the managed policy with an ARN if it certainly only denies; else ``None``."""
        if denies_all(certain_text(arn) or ""):
            return DENY_ALL
        managed = self.managed(arn, template)
        return None if managed is None else self._denial(managed)

    def taken_away(self, attachment: Attachment, inline: Iterable[str]) -> Policy | None:
        """Return the policy with which an attachment only takes away; ``None`` if not certain.

        :param inline: the names of the role's inline policies. One of the same name would replace
            it.
        """
        resource = attachment.resource
        if resource.type == _BUDGETS_ACTION:
            definition = as_mapping(as_mapping(resource["Definition"]).get("IamActionDefinition"))
            if resource["ActionType"] != "APPLY_IAM_POLICY" or self._is_changeable(resource):
                return None
            return self.denying(definition.get("PolicyArn"), resource.template)
        found = self._denial(attachment)
        taken = () if found is None or found.arn else map(str.casefold, inline)
        return None if found is None or found.name.casefold() in taken else found

    def _denial(self, attachment: Attachment) -> Policy | None:
        resource = attachment.resource
        if resource.type not in (MANAGED_POLICY, *INLINE_POLICIES):
            return None
        found = attachment.policy
        named = found.arn or found.has_valid_name
        denies = named and only_takes_away(found) and not self._is_changeable(resource)
        return found if denies else None

    def _is_changeable(self, resource: Resource) -> bool:
        changed = resource.is_open or bool(resource.members.keys() - MEMBERS)
        return changed or any(self._additions.get(above) for above in resource.template.chain)


def _policy_of(resource: Resource) -> Policy:
    managed = resource.type == MANAGED_POLICY
    name = filled(resource["ManagedPolicyName" if managed else "PolicyName"])
    document = filled(resource["PolicyDocument"])
    # The name of a managed policy, which does not replace an inline one, may be no literal.
    readable = name if isinstance(name, str) or not managed else ""
    return parse_policy(
        document if isinstance(document, dict) else {},
        name=as_text(readable or resource.logical_id),
        arn=managed_policy_arn(resource) if managed else "",
    )


def managed_policy_arn(policy: Resource) -> str:
    """Return the ARN of a managed policy. If its name is generated, that is a placeholder."""
    path = path_of(policy) or f"/${{{policy.logical_id}}}"
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy{path}"


def path_of(policy: Resource) -> str | None:
    """Return the path and the name of a managed policy; ``None`` if they are not certain."""
    name = filled_text(policy["ManagedPolicyName"])
    path = filled_text(policy.tree.get("Path", "/"))
    return f"{path}{name}" if name and path else None


def attachments(resources: Iterable[Resource], additions: Additions) -> Attachments:
    """Return every resource that attaches to roles."""
    return Attachments(_attachments(resources), additions)


def _attachments(resources: Iterable[Resource]) -> Iterator[Attachment]:
    for resource in resources:
        if resource.type in ATTACHES:
            named, by_budget = resource[ATTACHES[resource.type]], resource.type == _BUDGETS_ACTION
            values = [*values_of(_of_budget(named) if by_budget else named)]
            if resource.is_open:
                added = [value for name, value in resource.tree.items() if name.startswith("Fn::")]
                values.append(unresolved_tree("macro", added))
            yield Attachment(resource, tuple(values), "later" if by_budget else "name")
        elif connected := tuple(_connected(resource)):
            yield Attachment(resource, connected, "text")


def _of_budget(definition: Any) -> Any:
    # The roles of the action. What is no such action names no roles.
    if not isinstance(definition, dict):
        return definition
    action = definition.get("IamActionDefinition")
    return action.get("Roles") if isinstance(action, dict) else action


def _connected(resource: Resource) -> Iterator[Resolved]:
    # SAM gives the role of a connector's source or destination a policy: that of a resource, or one
    # that it names. The source can be the resource that has the connector.
    connectors = [resource.tree] if resource.type == _CONNECTOR else []
    if "Connectors" in resource.members:
        own = resource.resolver.tree(resource.members["Connectors"], resource.template)
        parts = parts_of(own) if isinstance(own, dict) else [own]
        connectors += [as_mapping(part).get("Properties", part) for part in parts]
        yield from _roles_of({"Id": resource.logical_id}, resource)
    for connector in connectors:
        if not isinstance(connector, dict):
            yield unresolved_tree("function", connector)
            continue
        # That of a resource can only say more about its source.
        sources = as_list(connector.get("Source", []))
        if resource.type != _CONNECTOR:
            sources = [{"Id": resource.logical_id}, *sources]
        destinations = as_list(connector.get("Destination", []))
        by_type: list[dict[str, list[Any]]] = []
        for ends in (sources or [{}], destinations or [{}]):
            by_type.append({})
            for end in ends:
                by_type[-1].setdefault(_end_type(end, resource), []).append(end)
        connected: dict[int, Any] = {}
        for source, destination in product(*by_type):
            if destination not in _WITHOUT_ROLES.get(source, ()):
                both = (*by_type[0][source], *by_type[1][destination])
                connected |= {id(end): end for end in both}
        for end in connected.values():
            yield from _roles_of(end, resource)


def _end_type(end: Any, resource: Resource) -> str:
    # Of a connector's source or destination that is a resource of the template.
    key = (resource.template.key, as_text(as_mapping(end).get("Id")))
    found = resource.resolver.resources.get(key)
    return "" if found is None or found.is_open else found.type


def _roles_of(end: Any, resource: Resource) -> Iterator[Resolved]:
    if not isinstance(end, dict):
        yield unresolved_tree("function", end)
        return
    key = (resource.template.key, as_text(end.get("Id")))
    connected = resource.resolver.resources.get(key)
    if connected is not None:
        yield from _named_roles(connected.tree)
    elif "Id" in end or "RoleName" in end:
        yield from everything({name: end[name] for name in end.keys() & {"Id", "RoleName"}})


def _named_roles(tree: Any) -> Iterator[Resolved]:
    # Those of a rule are in its targets.
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from everything(value) if "Role" in name else _named_roles(value)
    elif isinstance(tree, list | Choice):
        for part in parts_of(tree):
            yield from _named_roles(part)


def _is_whole(text: str) -> bool:
    names = PLACEHOLDER.findall(text)
    return not names or (text == f"${{{names[0]}}}" and bool(GENERATED.fullmatch(names[0])))


def _keys(text: str) -> Iterator[str]:
    # A name that is generated has the same origin as a literal one that may be it.
    yield text.casefold()
    made = GENERATED.search(text)
    folded = text.casefold()
    origin = made[1].casefold() if made else folded.rpartition("-")[0].rpartition("-")[2]
    if origin:
        yield f"-{origin[:KEPT]}"


def _policy_key(arn: str, template: Template) -> tuple[str, str] | None:
    # A role can only have policies of its own partition and account, or of AWS. So if the account
    # is not known, a literal one must be it.
    found = _POLICY_ARN.fullmatch(arn)
    if found is None:
        return None
    own = not template.account and found[1] != "aws"
    return "" if own else found[1], found[2]


def accepts_only(validator: Text, declared: Mapping[str, Any]) -> bool:
    """Return whether a parameter accepts only what a validator accepts."""
    default = declared.get("Default")
    return (
        declared.get("Type") == "String"
        and declared.get("AllowedPattern") == validator.pattern
        and (
            "Default" not in declared
            or re.fullmatch(validator.pattern, default if isinstance(default, str) else "")
            is not None
        )
    )


def parsed(document: Any) -> Any:
    """Return a policy document, which may be the text of one; any other value as it is."""
    text = document if isinstance(document, str) else ""
    if isinstance(document, FunctionCall):
        text = document.value.certain or ""
    if '"Statement"' in text:
        with suppress(ValueError, RecursionError):
            read = parse_json(text)
            return read if isinstance(document, str) else mapped(read, _text)
    return document


def _text(part: Any) -> Any:
    # A text in a document that is put together can have placeholders.
    if isinstance(part, str) and "${" in part:
        return FunctionCall(shown(part), Resolved(frozenset({part})))
    return part


def principals_in(document: Any, *effects: str) -> Iterator[Resolved]:
    """Yield the values that stand for principals of AWS in a trust policy."""
    for statement in statements_in(parsed(document)):
        if statement.get("Effect") in effects:
            yield from values_of(as_mapping(statement.get("Principal")).get("AWS"))
