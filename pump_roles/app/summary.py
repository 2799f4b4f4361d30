"""The summary line of a stack, which the synth prints."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.guardrails import Guardrail, is_set, parts_of
from pump_roles.guardrails.guardrail_documents import documents, documents_on
from pump_roles.inputs import validators
from pump_roles.published import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER, ROLES, PublishedRole

_SHOWN: Final = 5
_REPORT: Final = "pump-roles report cdk.out --output report.html --keep reviewed.json"
"""What shows the role of a rollout: before its first deployment, ``cdk diff`` does not."""


def summary(stack_id: str, role: str, arguments: Mapping[str, Any], *, boundary: str = "") -> str:
    """Return one line, without external IDs: who can assume a stack's role, and its limits."""
    return f"{stack_id}: {'; '.join(_parts(ROLES[role], arguments, boundary))}"


def protection_summary(
    role_names: Sequence[str],
    without_rollout: Sequence[str],
    stop: str,
    arguments: Mapping[str, Any],
) -> str:
    """Return one line: what the organization's policies protect, where, and how to stop Pump."""
    listed = {
        "roles": role_names,
        "targets": arguments["targets"],
        "approvers": arguments.get("approvers"),
        "boundary managers": arguments.get("boundary_managers"),
        "further StackSets": arguments.get("stack_sets"),
    }
    parts = [f"{about}: {', '.join(names)}" for about, names in listed.items() if names]
    account = arguments.get("pump_account")
    parts.append(f"trust: only Pump's account, {account}" if account else "trust: not protected")
    parts += [
        f"{other} has no rollout, so it can be stopped, but is not protected"
        for other in without_rollout
    ]
    kept = arguments.get("keep_in_organization", True)
    parts.append(f"accounts {'cannot' if kept else 'can'} leave the organization")
    return f"PumpProtection: {'; '.join(parts)}; to stop Pump: {stop}"


def alarm_summary(
    principal: str,
    regions: Collection[str],
    buying: Collection[str],
    arguments: Mapping[str, Any],
) -> str:
    """Return one line, without addresses: whose events cause an email, and from where.

    :param buying: the Regions where Pump may buy reservations; empty if that has no limit.
    """
    number = len(arguments["emails"])
    own = {validators.partition_of(principal)} if ":" in principal else set()
    of_region = {region: validators.partition_of_region(region) for region in (*buying, *regions)}
    partitions = {*of_region.values()} or own or {"aws"}
    forwarding = validators.FORWARDING_PARTITIONS
    alone = {region for region in buying if of_region[region] not in forwarding}
    homes = {validators.GLOBAL_REGIONS[partition] for partition in partitions} | alone
    heard = {*homes, *regions}
    unheard = sorted({*buying} - heard) if buying else ["other Regions"]
    names = arguments["roles"]
    parts = [
        f"role{'s' if len(names) > 1 else ''} {', '.join(names)}",
        f"{number} email address{'es' if number > 1 else ''}",
        f"deploy it in {', '.join(sorted(homes))}",
        f"sends emails about purchases in {', '.join(sorted(heard))}"
        + (f", not in {', '.join(unheard)}" if unheard else ""),
    ]
    if "env" in arguments:
        parts.append(f"account: {arguments['env'].account}")
    if "from_organization" in arguments:
        parts.append(f"accepts events from {arguments['from_organization']}")
    return f"PumpAlarm: {'; '.join(parts)}"


def forwarder_summary(regions: Sequence[str], arguments: Mapping[str, Any]) -> str:
    """Return one line: what a Region's events are sent to, and where to deploy that."""
    account = arguments.get("account")
    partition = validators.partition_of_region(regions[0]) if regions else "aws"
    home = validators.GLOBAL_REGIONS[partition]
    where = [f"in {', '.join(sorted(regions))}"] if regions else []
    if account:
        where.append(f"in other accounts also in {home}")
    to = f"{home} of {account}" if account else home
    return f"PumpAlarmForwarder: sends events to {to}; deploy it {', '.join(where)}"


def approval_summary(arguments: Mapping[str, Any]) -> str:
    """Return one line: when an approval ends."""
    return (
        f"PumpApproval: an approval of {arguments['role']} ends every day at "
        f"{arguments['at']} UTC; deploy it in each account with the role"
    )


def _parts(published: PublishedRole, arguments: Mapping[str, Any], boundary: str) -> Iterator[str]:
    path = arguments.get("path", "/").removeprefix("/")
    yield f"role {path}{arguments.get('role_name', published.name)}"
    yield f"principal: {arguments.get('pump_principal', f'parameter {PRINCIPAL_PARAMETER}')}"
    baked_in = "external_id" in arguments
    yield f"external ID: {'baked in' if baked_in else f'parameter {EXTERNAL_ID_PARAMETER}'}"
    if "next_external_id" in arguments:
        yield "next external ID: baked in"
    denies = documents(arguments.get("guardrails", ()), published)
    guardrails = sorted(_named(guardrail, denies) for guardrail in arguments.get("guardrails", ()))
    yield f"guardrails: {', '.join(guardrails)}" if guardrails else "no guardrails"
    boundary = arguments.get("permissions_boundary") or boundary
    yield f"boundary: {boundary}" if boundary else "no boundary"
    if "env" in arguments:
        yield f"account: {arguments['env'].account}"
    if "organizational_units" in arguments:
        yield f"targets: {', '.join(arguments['organizational_units'])}"
        if "region" in arguments:
            yield f"Region: {arguments['region']}"
        if "exclude_accounts" in arguments:
            yield f"except {_abbreviated(arguments['exclude_accounts'])}"
        if "only_accounts" in arguments:
            yield f"only {_abbreviated(arguments['only_accounts'])}, no automatic deployment"
        if "depends_on" in arguments:
            names = [arn.split("/")[1].split(":")[0] for arn in arguments["depends_on"]]
            yield f"after the StackSets {_abbreviated(names)}"
        changes = documents_on(Guardrail.NO_COMMITMENTS, published.patterns).keys()
        if changes and not changes & denies.keys():
            yield "buys in each of these accounts"
        yield "not the management account"
        yield f"to review it first: {_REPORT}"


def _named(guardrail: Guardrail, denies: Collection[Guardrail]) -> str:
    if is_set(guardrail):
        members = ", ".join(part.name for part in denies if part in parts_of(guardrail))
        return f"{guardrail.name} ({members})"
    return "=".join(filter(None, (guardrail.name, ",".join(guardrail.values))))


def _abbreviated(listed: Sequence[str]) -> str:
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
