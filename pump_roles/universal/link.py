"""Quick-create links, which open the console to create a stack with a role's universal template."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from pump_roles.inputs import validators
from pump_roles.inputs.validators import ArgumentError, nearest
from pump_roles.published import ROLES
from pump_roles.universal import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER

_PARAMETERS: Final[Mapping[str, validators.Text]] = {
    PRINCIPAL_PARAMETER: validators.PROVIDED_PRINCIPAL,
    EXTERNAL_ID_PARAMETER: validators.PROVIDED_EXTERNAL_ID,
}
"""The parameters of the universal templates. A test compares what they and the templates accept."""

_CONSOLES: Final[Mapping[str, tuple[str, str]]] = {
    "cn-": ("aws-cn", "console.amazonaws.cn"),
    "eusc-": ("aws-eusc", "console.amazonaws-eusc.eu"),
    "us-gov-": ("aws-us-gov", "console.amazonaws-us-gov.com"),
    **{f"{prefix}-": ("aws-iso", "") for prefix in ("us-iso", "us-isob", "us-isof", "eu-isoe")},
    "": ("aws", "console.aws.amazon.com"),
}
"""The partition of a Region, and the domain of its console, by the prefix of the Region's name.

AWS publishes no domain for isolated Regions, whose partitions all begin with ``aws-iso``. Sources:
AWS General Reference, "AWS Management Console endpoints and quotas", also for the form
``REGION.DOMAIN``; Getting Started with Amazon Web Services in China, "Beijing Region Endpoints";
AWS European Sovereign Cloud, "Service endpoints"; AWS GovCloud (US) User Guide, "Configuring Your
Account".
"""

_S3: Final = re.compile(r"(.+\.)?s3([.-](?!website)[a-z0-9.-]+)?\.amazonaws\.(com|com\.cn|eu)")
"""The hosts of Amazon S3, but not of its static websites, from which CloudFormation does not read:
Amazon S3 User Guide, "Virtual hosting of general purpose buckets"; CloudFormation API Reference,
"CreateStack", ``TemplateURL``."""


def quick_create_link(
    kind: str,
    *,
    template_url: str,
    region: str,
    stack_name: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Return the link that opens the console to create a stack with a role's universal template.

    The user of the link sees every value, can change it, and must acknowledge that the stack
    creates a named IAM role.
    """
    _, console = _partition_and_console(validators.REGION.check("region", region))
    if not console:
        raise ArgumentError(
            "region",
            f"AWS publishes no address for the console in {region}; create the stack with the AWS "
            "CLI",
        )
    published = ROLES[kind].stack_name
    query = {
        "templateURL": validators.TEMPLATE_URL.check("template_url", template_url),
        "stackName": (
            published
            if stack_name is None
            else validators.STACK_NAME.check("stack_name", stack_name)
        ),
    }
    for name, value in (parameters or {}).items():
        query[f"param_{name}"] = _checked_parameter(name, value, region)
    # A plus sign can be read as a space or as a plus sign, so the link has none.
    encoded = urlencode(query, quote_via=quote, safe="")
    return (
        f"https://{region}.{console}/cloudformation/home?region={region}"
        f"#/stacks/create/review?{encoded}"
    )


def warnings_about(kind: str, *, template_url: str, parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield warnings about values of a link that are unusual, but may be correct."""
    host = urlsplit(template_url).hostname or ""
    if not _S3.fullmatch(host):
        yield f"{host} is not a host of Amazon S3; CloudFormation reads templates only from there"
    # Both templates have the same parameters, so the console would accept the wrong one.
    others = (role.stack_name for other, role in ROLES.items() if other != kind)
    for name in (name for name in others if name.lower() in template_url.lower()):
        yield f"the URL contains {name}, the name of another role's template than {kind}'s"
    external_id = parameters.get(EXTERNAL_ID_PARAMETER)
    if external_id and (warning := validators.warning_if_short(external_id)):
        yield warning


def _checked_parameter(name: str, value: str, region: str) -> str:
    if name not in _PARAMETERS:
        hint = nearest(name, _PARAMETERS) or f"its parameters are {', '.join(_PARAMETERS)}"
        raise ArgumentError(name, f"the template has no such parameter; {hint}")
    _PARAMETERS[name].check(name, value)
    if name == PRINCIPAL_PARAMETER and value.startswith("arn:"):
        theirs, ours = value.split(":")[1], _partition_and_console(region)[0]
        if theirs != ours:
            raise ArgumentError(
                name,
                f"the principal is in the partition {theirs}, and {region} is in {ours}; a role "
                "can be assumed only within its partition",
            )
    return value


def _partition_and_console(region: str) -> tuple[str, str]:
    return next(known for prefix, known in _CONSOLES.items() if region.startswith(prefix))
