"""Roles with their external IDs, listed in a CSV file.

No message here shows a value from the file: any value could be an external ID.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pump_roles.json_input import InputError, read_text
from pump_roles.published import ROLES
from pump_roles.review.account.probe import partition_of
from pump_roles.validators import EXTERNAL_ID, ROLE_ARN, SHORT_EXTERNAL_ID, ArgumentError

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
        return self.role_arn.split(":")[4]

    @property
    def role_name(self) -> str:
        """The role's name, without its path."""
        return self.role_arn.rpartition("/")[2]


def read_role_list(file: Path) -> list[ListedRole]:
    """Return the roles in a CSV file, at least one, each listed once."""
    text, _ = read_text(file, "a list of roles")
    try:
        roles = [_listed_role(line, row) for line, row in _rows(text)]
        _check_all(roles)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return roles


def check_partition(roles: Sequence[ListedRole], partition: str) -> None:
    """Check that all roles are in the caller's partition: no other role can be assumed."""
    for role in roles:
        other = partition_of(role.role_arn)
        if other != partition:
            raise InputError(
                f"{_lines([role])}the role is in partition {other}, but the "
                f"caller is in {partition}; pass a --region or --profile in {other}"
            )


def warnings_about(roles: Sequence[ListedRole]) -> Iterator[str]:
    """Yield warnings about what may be a mistake, with the lines.

    Several accounts can share an external ID if they belong to one customer, for example if a
    rollout deploys the role to an organization. Two roles in one account always belong to one.
    """
    short = [role for role in roles if len(role.external_id) < SHORT_EXTERNAL_ID]
    if short:
        yield f"{_lines(short)}the external ID has fewer than {SHORT_EXTERNAL_ID} characters"
    by_external_id: dict[str, list[ListedRole]] = {}
    for role in roles:
        by_external_id.setdefault(role.external_id, []).append(role)
    for sharing in by_external_id.values():
        accounts = {role.account for role in sharing}
        if len(accounts) > 1:
            yield (
                f"{_lines(sharing)}{len(accounts):,} accounts share an external ID; that is "
                "correct only if they belong to one customer"
            )
    names = [published.name for published in ROLES.values()]
    unusual = [role for role in roles if role.role_name not in names]
    if unusual:
        yield f"{_lines(unusual)}the role's name is not {' or '.join(names)}"


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    last_line = 0
    try:
        for row in reader:
            # A quoted field can span lines, so a row starts after the previous row's last line.
            number, last_line = last_line + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not header:
                _check_header(number, cells)
                header = cells
                continue
            if len(cells) != len(header):
                fields = "1 field" if len(cells) == 1 else f"{len(cells):,} fields"
                raise InputError(f"line {number}: has {fields}, but the header has {len(header):,}")
            yield number, dict(zip(header, cells, strict=True))
    except csv.Error:
        raise InputError(
            f"line {last_line + 1}: is not CSV: a quotation mark is missing or misplaced, or a "
            f"field has more than {csv.field_size_limit():,} characters"
        ) from None
    if not header:
        raise InputError(f"is empty; the first line must be {','.join(COLUMNS)}")


def _check_header(number: int, cells: Sequence[str]) -> None:
    for column in COLUMNS:
        if cells.count(column) != 1:
            problem = "is listed twice" if column in cells else "is missing"
            raise InputError(
                f"line {number}: the header must name the columns {' and '.join(COLUMNS)}, "
                f"separated by commas; {column} {problem}"
            )


def _listed_role(line: int, row: Mapping[str, str]) -> ListedRole:
    try:
        return ListedRole(
            ROLE_ARN.check("role_arn", row["role_arn"], shown=False),
            EXTERNAL_ID.check("external_id", row["external_id"], shown=False),
            line,
        )
    except ArgumentError as error:
        raise InputError(f"line {line}: {error}") from None


def _check_all(roles: Sequence[ListedRole]) -> None:
    if not roles:
        raise InputError("contains no roles")
    first: dict[str, int] = {}
    for role in roles:
        if role.role_arn in first:
            raise InputError(f"line {role.line}: has the same role as line {first[role.role_arn]}")
        first[role.role_arn] = role.line


def _lines(roles: Sequence[ListedRole]) -> str:
    # "line 3: " or "lines 3, 5-7: "; empty for a role that is not from a file.
    if not roles[0].line:
        return ""
    ranges: list[tuple[int, int]] = []
    for role in roles:
        if ranges and ranges[-1][1] == role.line - 1:
            ranges[-1] = (ranges[-1][0], role.line)
        else:
            ranges.append((role.line, role.line))
    listed = ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in ranges)
    return f"line{'s' if len(roles) > 1 else ''} {listed}: "
