"""The parts of an account that ``verify`` compares and a report shows, and how to read saved files.

The files are the output of ``aws iam get-account-authorization-details``, ``aws iam get-role``, and
``aws organizations describe-organization``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pump_roles.iam.documents import Policy, as_list, as_mapping
from pump_roles.iam.trust import OF_AWS, Trust, parse_trust
from pump_roles.iam.values import Value, known
from pump_roles.json_input import TOO_DEEP, InputError, parse_json, read_json
from pump_roles.published import ROLES
from pump_roles.review.account.organization import Organization, organization_of
from pump_roles.review.account.times import in_utc, moment_of
from pump_roles.review.account.verify.other_roles import roles_that_admit_pump
from pump_roles.review.masking import digests_of_ids, ids_of, texts_under_the_key
from pump_roles.review.role import Boundary, Part, Role, Unknown
from pump_roles.review.templates import Contents, FoundRole, Other
from pump_roles.review.templates.role_reader import kind_of
from pump_roles.validators import ROLE_ARN


@dataclass(frozen=True, kw_only=True)
class History:
    """What created a role, and when it was last used."""

    stack: str = ""
    last_used: str = ""
    last_used_region: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountDetails:
    """An account."""

    account: str
    partition: str
    roles: tuple[Role, ...]
    others: tuple[Role, ...] = ()
    history: Mapping[str, History] = field(default_factory=dict)
    missing: Mapping[str, Unknown] = field(default_factory=dict)
    organization: Organization | Unknown | None = None
    unknown: tuple[Unknown, ...] = ()
    calls: int = 0

    @property
    def by_name(self) -> dict[str, Role]:
        """Every role, by its name."""
        return {role.name.text: role for role in (*self.roles, *self.others)}

    @property
    def external_ids(self) -> frozenset[str]:
        """The external IDs in it, which must not be shown."""
        roles = (*self.roles, *self.others)
        in_policies = texts_under_the_key([each for role in roles for each in role.documents])
        return in_policies.union(*(ids_of(role.trust) for role in roles))

    def arn(self, role: Role) -> str:
        """Return the ARN of a role."""
        return f"arn:{self.partition}:iam::{self.account}:role{role.path.text}{role.name.text}"

    def role(self, name: str) -> Role | None:
        """Return a role by its name, ignoring case; ``None`` if there is none."""
        wanted = name.casefold()
        return next((role for role in self.roles if role.name.text.casefold() == wanted), None)


def read_files(files: Iterable[Path]) -> tuple[AccountDetails, ...]:
    """Read the roles of accounts from saved output of the AWS CLI, in any order."""
    accounts: list[tuple[Path, Any]] = []
    organizations: dict[Path, Organization] = {}
    described: dict[str, Path] = {}
    seconds: dict[str, int] = {}
    for file in files:
        content, _ = read_json(file, "the output of aws iam get-account-authorization-details")
        members = as_mapping(content)
        if isinstance(members.get("Role"), dict):
            arn, seconds_of_role = _session(file, members["Role"])
            if arn in described:
                raise InputError(f"{file}: the role is also in another file")
            described[arn], seconds[arn] = file, seconds_of_role
        elif "Organization" in members:
            organizations[file] = _organization(file, members["Organization"])
        else:
            accounts.append((file, content))
    found: dict[str, AccountDetails] = {}
    for file, content in accounts:
        details = _account(file, content, seconds)
        if details.account in found:
            raise InputError(f"{file}: the account {details.account} is also in another file")
        found[details.account] = details
    known = {details.arn(role) for details in found.values() for role in details.roles}
    for arn, file in described.items():
        if arn not in known:
            raise InputError(
                f"{file}: the role is in none of the files from aws iam "
                "get-account-authorization-details"
            )
    return tuple(_in_organizations(found.values(), organizations))


def _session(file: Path, role: Mapping[str, Any]) -> tuple[str, int]:
    arn, seconds = role.get("Arn"), role.get("MaxSessionDuration")
    if not ROLE_ARN.accepts(arn) or type(seconds) is not int:
        raise InputError(
            f"{file}: is not the output of aws iam get-role: it needs Arn and MaxSessionDuration"
        )
    return arn, seconds


def _organization(file: Path, described: Any) -> Organization:
    try:
        return organization_of(described)
    except (LookupError, TypeError):
        raise InputError(
            f"{file}: is not the output of aws organizations describe-organization: it needs Id "
            "and MasterAccountId"
        ) from None


def _in_organizations(
    accounts: Collection[AccountDetails], organizations: Mapping[Path, Organization]
) -> Iterator[AccountDetails]:
    for file in organizations:
        if (len(accounts), len(organizations)) != (1, 1):
            raise InputError(
                f"{file}: does not name the account that is in the organization; pass one such "
                f"file with the files of one account, not {len(organizations)} with those of "
                f"{len(accounts)}"
            )
    for details in accounts:
        yield replace(details, organization=next(iter(organizations.values()), None))


def _account(file: Path, content: Any, seconds: Mapping[str, int]) -> AccountDetails:
    try:
        return _authorization_details(content, seconds)
    except InputError as error:
        why = str(error)
    except KeyError as error:
        why = f"it has no {error}"
    except RecursionError:
        raise InputError(f"{file}: {TOO_DEEP}") from None
    except (AttributeError, TypeError, ValueError):
        why = "a value has the wrong type"
    raise InputError(
        f"{file}: is not the output of aws iam get-account-authorization-details: {why}"
    )


def _authorization_details(content: Any, seconds: Mapping[str, int]) -> AccountDetails:
    if not isinstance(content, dict) or "RoleDetailList" not in content:
        raise KeyError("RoleDetailList")
    if content.get("IsTruncated") or "Marker" in content or "NextToken" in content:
        raise InputError("it is truncated; save the whole output")
    listed = content["RoleDetailList"]
    if not isinstance(listed, list) or not all(isinstance(role, dict) for role in listed):
        raise InputError("RoleDetailList is not a list of roles")
    if not listed:
        raise InputError("it has no roles")
    arns = [role["Arn"] for role in listed]
    if not all(map(ROLE_ARN.accepts, arns)):
        raise InputError("a role has no valid ARN")
    places = {(arn.split(":")[1], arn.split(":")[4]) for arn in arns}
    if len(places) != 1:
        raise InputError(f"its roles are in {len(places)} accounts; all must be in one")
    ((partition, account),) = places
    managed = dict(_managed(content.get("Policies", [])))
    roles = tuple(
        role_of(
            {"MaxSessionDuration": seconds.get(role["Arn"]), **role},
            managed,
            not_described=Value("not-read", _text(role["RoleName"]), "not-in-files"),
        )
        for role in listed
    )
    if len({role.name.text.casefold() for role in roles}) < len(roles):
        raise InputError("a role is listed twice")
    return AccountDetails(
        account=account,
        partition=partition,
        roles=roles,
        history={_text(role["RoleName"]): history_of(role) for role in listed},
    )


def _managed(policies: Any) -> Iterator[tuple[str, Any]]:
    for policy in as_list(policies):
        versions = [
            version
            for version in as_list(policy.get("PolicyVersionList", []))
            if version.get("IsDefaultVersion")
            and version.get("VersionId") == policy.get("DefaultVersionId")
        ]
        if len(versions) == 1:
            yield policy["Arn"], document_of(versions[0].get("Document"))


def role_of(
    entry: Mapping[str, Any],
    documents: Mapping[str, Any],
    unknown: Iterable[Unknown] = (),
    *,
    not_described: Value,
) -> Role:
    """Return a role, and ``not_described`` for what its description lacks."""
    name = _text(entry["RoleName"])
    inline = tuple(
        Policy(name=_text(policy["PolicyName"]), document=document_of(policy["PolicyDocument"]))
        for policy in entry["RolePolicyList"]
    )
    attached = tuple(
        Policy(
            name=_text(policy["PolicyName"]),
            arn=_text(policy["PolicyArn"]),
            document=documents.get(policy["PolicyArn"]),
        )
        for policy in entry["AttachedManagedPolicies"]
    )
    boundary = None
    if isinstance(bounded := entry.get("PermissionsBoundary"), Value):
        boundary = Boundary(arn=bounded)
    elif arn := as_mapping(bounded).get("PermissionsBoundaryArn"):
        boundary = Boundary(arn=known(_text(arn)), document=documents.get(arn))
    seconds = entry.get("MaxSessionDuration")
    found = {(reason.part, reason.subject): reason for reason in unknown}
    lacking: list[tuple[Part, str]] = [
        ("managed-policies", policy.arn) for policy in attached if policy.document is None
    ]
    if boundary is not None and boundary.arn.is_known and boundary.document is None:
        lacking.append(("boundary", boundary.arn.text))
    for part, subject in lacking:
        why = not_described.why or "not-read"
        found.setdefault((part, subject), Unknown(part=part, why=why, subject=subject))
    return Role(
        kind=kind_of([name], (*inline, *attached)) or "",
        name=known(name),
        path=known(_text(entry["Path"])),
        trust=trust_of(entry["AssumeRolePolicyDocument"]),
        policies=(*inline, *attached),
        boundary=boundary,
        session=seconds if type(seconds) is int else not_described,
        tags={key: known(value) for key, value in _tags(entry).items()},
        unknown=tuple(found.values()),
    )


def history_of(role: Mapping[str, Any]) -> History:
    """Return what created a role, as the IAM API returns it, and when it was last used."""
    used = as_mapping(role.get("RoleLastUsed"))
    when = moment_of(used.get("LastUsedDate"))
    return History(
        # CloudFormation Template Reference, "Resource tags".
        stack=_tags(role).get("aws:cloudformation:stack-name", ""),
        last_used=in_utc(when) if when else "",
        last_used_region=_text(used.get("Region", "")),
    )


def _tags(role: Mapping[str, Any]) -> dict[str, str]:
    return {_text(tag["Key"]): _text(tag["Value"]) for tag in role.get("Tags", [])}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError("a name, path, ARN, or tag is not a string")
    return value


def document_of(value: Any) -> Any:
    """Return a policy document. The IAM API returns percent-encoded JSON, which boto3 decodes."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(unquote(value))
    except ValueError:
        return value


def trust_of(value: Any) -> Trust:
    """Return a trust policy. One that is nested too deeply to read may let anyone in."""
    try:
        return parse_trust(document_of(value))
    except RecursionError:
        return Trust(statements=(), not_read=(TOO_DEEP,))


def contents_of(details: AccountDetails, names: Collection[str]) -> Contents:
    """Return what an account has, for a report."""
    found = [role for name in names if (role := details.role(name)) is not None]
    roles: dict[str, FoundRole] = {}
    for role in found:
        if not role.kind:
            raise InputError(
                f"the role {role.name.text} of the account {details.account} is not one of Pump's: "
                "it has neither the name nor a policy of one"
            )
        if role.kind in roles:
            raise InputError(
                f"the account {details.account} has two {role.kind} roles, "
                f"{roles[role.kind].role.name.text} and {role.name.text}; a report covers one of "
                "each kind"
            )
        roles[role.kind] = _found(role, details)
    if not roles:
        reasons = "".join(f"; {reason.detail}" for reason in details.missing.values())
        raise InputError(
            f"the account {details.account} has no role named {' or '.join(names)}{reasons}"
        )
    return Contents(
        roles=tuple(roles[kind] for kind in ROLES if kind in roles),
        others=tuple(_others(details, found)),
        unreadable=(
            *details.unknown,
            *(
                replace(reason, source=name)
                for name in names
                if (reason := details.missing.get(name.casefold()))
            ),
        ),
        external_ids=details.external_ids,
    )


def _found(role: Role, details: AccountDetails) -> FoundRole:
    return FoundRole(
        role=role, account=details.account, external_id_sha256=digests_of_ids(role.trust)
    )


def _others(details: AccountDetails, own: Collection[Role]) -> Iterator[Other]:
    names = {role.name.text for role in own}
    alarms = roles_that_admit_pump(
        (role for name, role in details.by_name.items() if name not in names),
        account=details.account,
        names=names,
        principals={
            who.value.text
            for role in own
            for who in role.trust.principals
            if who.kind in OF_AWS and who.value.state == "known"
        },
    )
    for name, ways in alarms.items():
        yield Other(
            name=name,
            type="AWS::IAM::Role",
            source=details.account,
            principals=details.by_name[name].trust.principals,
            alarms=tuple(ways),
        )
