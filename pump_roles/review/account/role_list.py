"""Roles with their external IDs, listed in a CSV file.

No message here shows a value from the file: any value could be an external ID.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

from pump_roles.json_input import InputError, read_text
from pump_roles.published import ROLES
from pump_roles.validators import (
    EXTERNAL_ID,
    ROLE_ARN,
    SHORT_EXTERNAL_ID,
    ArgumentError,
    account_of,
    partition_of,
)

COLUMNS: Final = ("role_arn", "external_id")


@dataclass(frozen=True)
class ListedRole:
    """A role with its external ID."""

    role_arn: str
    external_id: str = field(repr=False)
    line: int = 0

    @property
    def account(self) -> str:
        """The ID of the role's account."""
        return account_of(self.role_arn)

    @property
    def role_name(self) -> str:
        """The role's name, without its path."""
        return self.role_arn.rpartition("/")[2]


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
                f"{_name_lines([role])}the role is in partition {other}, but the "
                f"caller is in {partition}; pass a --region or --profile in {other}"
            )


def warnings_about(roles: Sequence[ListedRole]) -> Iterator[str]:
    """Yield warnings about what may be a mistake, with the lines.

    Several accounts can share an external ID if they belong to one customer, for example if a
    rollout deploys the role to an organization. Two roles in one account always belong to one.
    """
    short = [role for role in roles if len(role.external_id) < SHORT_EXTERNAL_ID]
    if short:
        yield f"{_name_lines(short)}the external ID has fewer than {SHORT_EXTERNAL_ID} characters"
    by_external_id: dict[str, list[ListedRole]] = {}
    for role in roles:
        by_external_id.setdefault(role.external_id, []).append(role)
    for sharing in by_external_id.values():
        accounts = {role.account for role in sharing}
        if len(accounts) > 1:
            yield (
                f"{_name_lines(sharing)}{len(accounts):,} accounts share an external ID; that is "
                "correct only if they belong to one customer"
            )
    names = [published.name for published in ROLES.values()]
    unusual = [role for role in roles if role.role_name not in names]
    if unusual:
        yield f"{_name_lines(unusual)}the role's name is not {' or '.join(names)}"


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
            ROLE_ARN.check("role_arn", row["role_arn"], shown=False),
            EXTERNAL_ID.check("external_id", row["external_id"], shown=False),
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


def _name_lines(roles: Sequence[ListedRole]) -> str:
    # "line 3: " or "lines 3, 5-7: "; empty for a role that is not from a file.
    if not roles[0].line:
        return ""
    # In a run of lines, the line minus its position stays the same.
    runs = groupby(enumerate(role.line for role in roles), key=lambda item: item[1] - item[0])
    lines = [[line for _, line in run] for _, run in runs]
    listed = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in lines)
    return f"line{'s' if len(roles) > 1 else ''} {listed}: "
