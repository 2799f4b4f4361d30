"""The templates in the folder ``cloudformation``, for whoever has neither Python nor the CDK."""

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Final

from pump_roles import templates, universal
from pump_roles.app import config, template_of
from pump_roles.published import ROLES
from pump_roles.review.report.permission_report import of_contents
from tools.sandbox.cdk import ROOT

FOLDER: Final = "cloudformation"


def _with_guardrails(kind: str, *guardrails: str) -> bytes:
    settings = config.Settings({"roles": [kind], "guardrails": [*guardrails]}, "")
    text, _ = template_of(kind, settings, {})
    return text.encode()


READY: Final[Mapping[str, Callable[[], bytes]]] = {
    **{
        f"{FOLDER}/{role.stack_name}.template.json": partial(universal.template, kind)
        for kind, role in ROLES.items()
    },
    **{
        f"{FOLDER}/{role.stack_name}-recommended.template.json": partial(
            _with_guardrails, kind, "recommended"
        )
        for kind, role in ROLES.items()
    },
}
"""The function that makes each template, by path."""

_AUDITOR: Final = (
    "not a role of Pump's: with it, [an auditor](../docs/audit.md#a-role-for-the-auditor) reads "
    "the account"
)


def table() -> str:
    """Return the rows of the templates: what each leaves, and its digest."""
    rows = [
        "| file | what the role can do | SHA-256 |",
        "|---|---|---|",
        *(_row(path, _what_it_can_do(path)) for path in READY),
        _row(f"{FOLDER}/Auditor.template.json", _AUDITOR),
    ]
    return "".join(f"{row}\n" for row in rows)


def _what_it_can_do(path: str) -> str:
    (role,) = of_contents(templates.read(ROOT / path)).roles
    guardrails = ", ".join(f"`{found.name}`" for found in role.guardrails)
    kept = f"with {guardrails}" if guardrails else "that Pump publishes"
    return (
        f"{role.effective} actions {kept}: {role.money} spend money, {role.writes} make other "
        f"changes, {role.data} return data, {role.reads} read metadata"
    )


def _row(path: str, can: str) -> str:
    name = path.removeprefix(f"{FOLDER}/")
    return f"| [{name}]({name}) | {can} | `{sha256((ROOT / path).read_bytes()).hexdigest()}` |"
