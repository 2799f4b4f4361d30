"""Whether a permission manifest is consistent, so that each fact has to be compared only once."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from pump_roles.iam.patterns import covers
from tools.release.manifest import problem

__all__ = ["MARKS", "inconsistencies"]

MARKS: Final = {
    "spends_money": "spends money",
    "returns_data": "returns data",
    "incurs_fee": "incurs a fee",
    "may_incur_fee": "may incur a fee",
    "legacy": "is legacy",
}
"""The members of an action that are true or false, in words."""

Json = Mapping[str, Any]


def inconsistencies(manifest: Any) -> list[str]:
    """Return how a manifest breaks its schema or contradicts itself, in words.

    :param manifest: the manifest.
    """
    if wrong := problem(manifest):
        return [wrong]
    return list(chain(_twice(manifest), _of_roles(manifest), _of_actions(manifest)))


def _twice(manifest: Json) -> Iterator[str]:
    for what, names in (
        ("role", [role["kind"] for role in manifest["roles"]]),
        ("action", [action["name"].lower() for action in manifest["actions"]]),
        *(
            (f"{what} of the {role['kind']} role", [item["name"] for item in role[member]])
            for role in manifest["roles"]
            for what, member in (("policy", "policies"), ("parameter", "parameters"))
        ),
    ):
        if len(set(names)) != len(names):
            yield f"a {what} is listed twice"


def _of_roles(manifest: Json) -> Iterator[str]:
    names = [action["name"] for action in manifest["actions"]]
    for role in manifest["roles"]:
        trust, parameters = role["trust"], {parameter["name"] for parameter in role["parameters"]}
        if not {*trust["principal_parameters"], *trust["external_id_parameters"]} <= parameters:
            yield f"the trust of the {role['kind']} role has a parameter that is not listed"
        listed = [
            (grant["policy"], grant["pattern"], grant["resource"]) for grant in role["patterns"]
        ]
        if listed != list(_in_documents(role)):
            yield f"the patterns of the {role['kind']} role are not those of its policies"
        for grant in role["patterns"]:
            if grant["actions"] != sorted(_matched(grant["pattern"], names)):
                yield f"{grant['pattern']} of the {role['kind']} role does not match those actions"


def _in_documents(role: Json) -> Iterator[tuple[str, str, str]]:
    for policy in role["policies"]:
        for statement in policy["document"]["Statement"]:
            for pattern in statement["Action"]:
                yield policy["name"], pattern, statement["Resource"]


def _matched(pattern: str, names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if covers(pattern, name))


def _of_actions(manifest: Json) -> Iterator[str]:
    granting: dict[str, set[tuple[str, str, str]]] = {}
    for role in manifest["roles"]:
        for grant in role["patterns"]:
            for name in grant["actions"]:
                by = (role["kind"], grant["policy"], grant["pattern"])
                granting.setdefault(name, set()).add(by)
    for action in manifest["actions"]:
        name, reasons = action["name"], action["reasons"]
        granted_by = {
            (grant["role"], grant["policy"], grant["pattern"]) for grant in action["granted_by"]
        }
        if granted_by != granting.get(name):
            yield f"{name} is not granted by exactly the patterns that match it"
        if action["service"] != name.partition(":")[0]:
            yield f"{name} has the service {action['service']}"
        if any(action[mark] != (reasons[mark] is not None) for mark in MARKS):
            yield f"{name} must have a reason for each mark that is true, and for no other"
