"""Roles with their external IDs, listed in a CSV file.

No message here shows a value from the file: any value could be an external ID.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pump_roles.inputs import (
    PROBED_ROLE_ARN,
    PROVIDED_EXTERNAL_ID,
    ArgumentError,
    InputError,
    partition_of,
    read_text,
)

COLUMNS: Final = ("role_arn", "external_id")


@dataclass(frozen=True)
class ListedRole:
    """A role with its external ID."""

    role_arn: str
    external_id: str = field(repr=False)
    line: int = 0


def read_role_list(file: Path) -> list[ListedRole]:
    """Return the roles in a CSV file, at least one, each listed once."""
    text, _ = read_text(file, "a list of roles")
    try:
        roles = [_check_row(line, row) for line, row in _read_rows(text)]
        _check_roles(roles)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return roles


def check_partition(roles: Sequence[ListedRole], partition: str) -> None:
    """Check that all roles are in the caller's partition: no other role can be assumed."""
    for role in roles:
        other = partition_of(role.role_arn)
        if other != partition:
            raise InputError(
                f"{f'line {role.line}: ' if role.line else ''}the role is in partition {other}, "
                f"but the caller is in {partition}; pass a --region or --profile in {other}"
            )


def _read_rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    # A quoted field can span lines, so a row starts after the previous row's last line.
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not header and any(cells):
                _check_header(line, cells)
                header = cells
            elif any(cells):
                if len(cells) != len(header):
                    fields = "1 field" if len(cells) == 1 else f"{len(cells):,} fields"
                    problem = f"has {fields}, but the header has {len(header):,}"
                    raise InputError(f"line {line}: {problem}")
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error:
        raise InputError(
            f"line {line}: is not CSV: a quotation mark is missing or misplaced, or a field has "
            f"more than {csv.field_size_limit():,} characters"
        ) from None
    if not header:
        raise InputError(f"is empty; the first line must be {','.join(COLUMNS)}")


def _check_header(line: int, cells: Sequence[str]) -> None:
    for column in COLUMNS:
        if cells.count(column) != 1:
            problem = "is listed twice" if column in cells else "is missing"
            raise InputError(
                f"line {line}: the header must name the columns {' and '.join(COLUMNS)}, "
                f"separated by commas; {column} {problem}"
            )


def _check_row(line: int, row: Mapping[str, str]) -> ListedRole:
    try:
        return ListedRole(
            PROBED_ROLE_ARN.check("role_arn", row["role_arn"]),
            PROVIDED_EXTERNAL_ID.check("external_id", row["external_id"]),
            line,
        )
    except ArgumentError as error:
        raise InputError(f"line {line}: {error}") from None


def _check_roles(roles: Sequence[ListedRole]) -> None:
    if not roles:
        raise InputError("contains no roles")
    first: dict[str, int] = {}
    for role in roles:
        if first.setdefault(role.role_arn, role.line) != role.line:
            raise InputError(f"line {role.line}: has the same role as line {first[role.role_arn]}")
