"""The parts of an account that ``verify`` compares, and how to read them from saved files.

The files are the output of ``aws iam get-account-authorization-details`` and ``aws iam get-role``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from pump_roles.iam.values import as_list, as_mapping
from pump_roles.templates import InputError, read_json
from pump_roles.templates.files import parse_json
from pump_roles.templates.masking import texts_under_the_key
from pump_roles.validators import ROLE_ARN

__all__ = [
    "AccountDetails",
    "AttachedPolicy",
    "Boundary",
    "RoleDetails",
    "document_of",
    "moment",
    "read_files",
]


_MOMENT: Final = len("2026-11-25T08:15:00Z")


@dataclass(frozen=True, kw_only=True)
class AttachedPolicy:
    """A managed policy that is attached to a role.

    :param name: its name.
    :param arn: its ARN.
    :param document: the document of its default version; ``None`` if that could not be read.
    """

    name: str
    arn: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A role's permissions boundary.

    :param arn: the policy's ARN.
    :param document: the document of its default version; ``None`` if that could not be read.
    :param reason: why it could not be read; empty if it could.
    """

    arn: str
    document: Mapping[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleDetails:
    """A role.

    :param name: its name.
    :param path: its path.
    :param trust_policy: its trust policy.
    :param inline: the names and documents of its inline policies; ``None`` if they could not be
        listed, and instead of a document that could not be read.
    :param attached: the managed policies that are attached to it; ``None`` if they could not be
        listed.
    :param boundary: its permissions boundary, if it has one.
    :param session_seconds: its maximum session duration in seconds; ``None`` if it is not known.
    :param tags: its tags.
    :param last_used: when it was last used, such as ``2026-11-25T08:15:00Z``; empty if IAM shows no
        use.
    :param last_used_region: the Region where it was last used; empty if ``last_used`` is.
    :param described: whether its permissions boundary and tags are known.
    :param unreadable: what could not be read, in words.
    """

    name: str
    path: str
    trust_policy: Any
    inline: tuple[tuple[str, Any], ...] | None = ()
    attached: tuple[AttachedPolicy, ...] | None = ()
    boundary: Boundary | None = None
    session_seconds: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    last_used: str = ""
    last_used_region: str = ""
    described: bool = True
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountDetails:
    """An account.

    :param account: its 12-digit ID.
    :param partition: its partition, such as ``aws``.
    :param roles: the roles that were read: the expected ones, or all.
    :param trust_policies: the trust policy of every role, by role name.
    :param paths: the path of every role, by role name.
    :param missing: why a role that was not read may still exist, by role name in lowercase.
    :param unreadable: what could not be read, in words.
    :param calls: how many calls to AWS were made.
    """

    account: str
    partition: str
    roles: tuple[RoleDetails, ...]
    trust_policies: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    calls: int = 0

    @property
    def external_ids(self) -> frozenset[str]:
        """The external IDs in it, which must not be shown."""
        documents = (
            *self.trust_policies.values(),
            *(role.trust_policy for role in self.roles),
            *(document for role in self.roles for _, document in role.inline or ()),
            *(policy.document for role in self.roles for policy in role.attached or ()),
            *(role.boundary.document for role in self.roles if role.boundary is not None),
        )
        return frozenset(id_ for document in documents for id_ in texts_under_the_key(document))

    def arn(self, name: str, path: str = "") -> str:
        """Return the ARN of a role.

        :param name: its name.
        :param path: its path. By default, the path that was read.
        """
        path = path or self.paths.get(name, "/")
        return f"arn:{self.partition}:iam::{self.account}:role{path}{name}"

    def role(self, name: str) -> RoleDetails | None:
        """Return a role by its name, in any case; ``None`` if there is none.

        :param name: the name.
        """
        return next(
            (role for role in self.roles if role.name.casefold() == name.casefold()),
            None,
        )


def moment(value: Any) -> str:
    """Return a time as text in UTC; empty if the value is not a time.

    :param value: a datetime, or its ISO 8601 text.
    """
    if isinstance(value, str):
        try:
            # Python 3.10 does not read Z.
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return ""
    if not isinstance(value, datetime):
        return ""
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    try:
        utc = value.astimezone(timezone.utc)
    except OverflowError:
        return ""
    return f"{utc:%Y-%m-%dT%H:%M:%SZ}".rjust(_MOMENT, "0")


def read_files(files: Iterable[Path]) -> tuple[AccountDetails, ...]:
    """Read the roles of accounts from saved output of the AWS CLI.

    The output of ``aws iam get-role`` adds a role's maximum session duration, which the output of
    ``aws iam get-account-authorization-details`` does not have.

    :param files: the files: for each account, one with its authorization details, and any number
        with a role.
    :raises InputError: if a file cannot be read, is not such output, or is incomplete; if two files
        are for one account or role; or if a role is not in any of the accounts.
    """
    found: dict[str, AccountDetails] = {}
    roles: list[tuple[Path, Mapping[str, Any]]] = []
    for file in files:
        content, _ = read_json(file, "the output of aws iam get-account-authorization-details")
        if isinstance(content, dict) and isinstance(content.get("Role"), dict):
            roles.append((file, content["Role"]))
            continue
        try:
            details = _account(content)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise InputError(
                f"{file}: is not the output of aws iam get-account-authorization-details: "
                f"{_reason(error)}"
            ) from None
        if details.account in found:
            raise InputError(f"{file}: the account {details.account} is also in another file")
        found[details.account] = details
    known: set[str] = set()
    for file, role in roles:
        _add_role(file, role, found)
        if role["Arn"] in known:
            raise InputError(f"{file}: the role is also in another file")
        known.add(role["Arn"])
    return tuple(found.values())


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply to read"
    return str(error) if isinstance(error, InputError) else "a value has the wrong type"


def _account(content: Any) -> AccountDetails:
    if not isinstance(content, dict) or "RoleDetailList" not in content:
        raise KeyError("RoleDetailList")
    if content.get("IsTruncated") or "Marker" in content or "NextToken" in content:
        raise InputError("it is truncated; save the whole output")
    listed = content["RoleDetailList"]
    if not isinstance(listed, list) or not all(isinstance(role, dict) for role in listed):
        raise InputError("RoleDetailList is not a list of roles")
    arns = {role["Arn"] for role in listed}
    for arn in arns:
        if not ROLE_ARN.accepts(arn):
            raise InputError("a role has no valid ARN")
    if not listed:
        raise InputError("it has no roles")
    places = {(arn.split(":")[1], arn.split(":")[4]) for arn in arns}
    if len(places) != 1:
        raise InputError(f"its roles are in {len(places)} accounts; all must be in one")
    ((partition, account),) = places
    managed = dict(_managed(content.get("Policies", [])))
    roles = tuple(_role(role, managed) for role in listed)
    if len({role.name.casefold() for role in roles}) < len(roles):
        raise InputError("a role is listed twice")
    return AccountDetails(
        account=account,
        partition=partition,
        roles=roles,
        trust_policies={role.name: role.trust_policy for role in roles},
        paths={role.name: role.path for role in roles},
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


def _role(role: Mapping[str, Any], managed: Mapping[str, Any]) -> RoleDetails:
    attached = tuple(
        AttachedPolicy(
            name=_text(policy["PolicyName"]),
            arn=_text(policy["PolicyArn"]),
            document=managed.get(policy["PolicyArn"]),
        )
        for policy in role["AttachedManagedPolicies"]
    )
    boundary = as_mapping(role.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
    used = as_mapping(role.get("RoleLastUsed"))
    seconds = role.get("MaxSessionDuration")
    return RoleDetails(
        name=_text(role["RoleName"]),
        path=_text(role["Path"]),
        trust_policy=document_of(role["AssumeRolePolicyDocument"]),
        inline=tuple(
            (_text(policy["PolicyName"]), document_of(policy["PolicyDocument"]))
            for policy in role["RolePolicyList"]
        ),
        attached=attached,
        boundary=None
        if boundary is None
        else Boundary(arn=_text(boundary), document=managed.get(boundary)),
        session_seconds=seconds if type(seconds) is int else None,
        tags={_text(tag["Key"]): _text(tag["Value"]) for tag in role.get("Tags", [])},
        last_used=moment(used.get("LastUsedDate")),
        last_used_region=_text(used.get("Region", "")),
        unreadable=tuple(
            f"the managed policy {policy.arn} is not in the file; save it again, without --filter"
            for policy in attached
            if policy.document is None
        ),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError("a name, path, ARN, or tag is not a string")
    return value


def document_of(value: Any) -> Any:
    """Return a policy document. The IAM API returns percent-encoded JSON, which boto3 decodes.

    :param value: the document, or its text.
    """
    if not isinstance(value, str):
        return value
    try:
        return parse_json(unquote(value))
    except ValueError:
        return value


def _add_role(file: Path, role: Mapping[str, Any], found: dict[str, AccountDetails]) -> None:
    arn = role.get("Arn")
    seconds = role.get("MaxSessionDuration")
    if not ROLE_ARN.accepts(arn) or not isinstance(seconds, int) or isinstance(seconds, bool):
        raise InputError(
            f"{file}: is not the output of aws iam get-role: it needs Arn and MaxSessionDuration"
        )
    account, name = str(arn).split(":")[4], str(arn).rpartition("/")[2]
    details = found.get(account)
    if details is None or details.role(name) is None:
        raise InputError(
            f"{file}: the role is in none of the files from aws iam "
            "get-account-authorization-details"
        )
    found[account] = replace(
        details,
        roles=tuple(
            replace(known, session_seconds=seconds) if known.name == name else known
            for known in details.roles
        ),
    )
