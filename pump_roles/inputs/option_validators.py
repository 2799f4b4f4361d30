"""Validators of settings and options that are not arguments of a construct."""

from typing import Final

from pump_roles.inputs.validators import (
    FORWARDING_PARTITIONS,
    GLOBAL_REGIONS,
    REGION,
    REGION_NAMES,
    ListOf,
    Text,
    nearest,
    partition_of_region,
)

ATHENA_TABLE: Final = Text(
    pattern=r"^[A-Za-z0-9_-]{1,255}\.[A-Za-z0-9_-]{1,255}$",
    description="a database and its table, such as default.cloudtrail_logs",
)
"""AWS Glue API Reference, "Table" and "Database", ``Name``: 1 to 255 characters. Of these, Amazon
Athena documents letters, digits, and underscores; the console of Glue also creates hyphens."""

WORKGROUP: Final = Text(
    pattern="^[A-Za-z0-9._-]{1,128}$",
    description="the name of a workgroup: 1 to 128 of A-Z a-z 0-9 . _ -",
)
"""Amazon Athena API Reference, "StartQueryExecution", ``WorkGroup``."""


SETTINGS_FILE: Final = Text(
    pattern="^[^\\x00\\ud800-\\udfff]+$",
    maximum=4_096,
    description="the path of a settings file, such as prod.json",
)

GUARDRAILS: Final = ListOf(
    Text(
        pattern="^[^,]{1,64}$",
        description="the name of a guardrail, such as recommended or metadata-only",
    )
)


def _why_not_forwarded(region: str) -> str:
    if region in [GLOBAL_REGIONS[partition] for partition in FORWARDING_PARTITIONS]:
        return "is where the alarm is; list only the others"
    if region in REGION_NAMES and partition_of_region(region) not in FORWARDING_PARTITIONS:
        return "sends no events to another Region; deploy the alarm itself there"
    if region not in REGION_NAMES and REGION.accepts(region):
        hint = nearest(region, REGION_NAMES)
        return f"is not a Region; {hint}" if hint else "is not a Region"
    return ""


FORWARDED_REGIONS: Final = ListOf(REGION._replace(explain=_why_not_forwarded))
