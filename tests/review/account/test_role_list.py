"""Role list files: what is read, one clear error for anything else, and no external ID shown."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.inputs import EXTERNAL_ID, InputError
from pump_roles.review.account.role_list import read_role_list
from tests.support import ROLE_ARN, SECRET

GOOD = f"role_arn,external_id\n{ROLE_ARN},{SECRET}\n"
HEADER = "line 1: the header must name the columns role_arn and external_id, separated by commas; "


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        f"\ufeff{GOOD}",
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace("\n", "\n\n  \n,\n").replace(",", " , "),
        f'customer,external_id,role_arn\n"A, Inc.",{SECRET},{ROLE_ARN}',
    ],
)
def test_reads_files_as_spreadsheets_and_editors_write_them(content: str, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_bytes(content.encode())
    (target,) = read_role_list(file)
    assert (target.role_arn, target.external_id) == (ROLE_ARN, SECRET)
    assert SECRET not in repr(target)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty; the first line must be role_arn,external_id"),
        ("\n \n", "is empty; the first line must be role_arn,external_id"),
        ("role_arn,external_id\n", "contains no roles"),
        (f"{ROLE_ARN},{SECRET}\n", f"{HEADER}role_arn is missing"),
        (f"role_arn\n{ROLE_ARN}\n", f"{HEADER}external_id is missing"),
        (GOOD.replace(",", ";"), f"{HEADER}role_arn is missing"),
        (
            f"role_arn,external_id,role_arn\n{ROLE_ARN},{SECRET},x",
            f"{HEADER}role_arn is listed twice",
        ),
        (f"{GOOD}\n{ROLE_ARN}x", "line 4: has 1 field, but the header has 2"),
        (f"{GOOD}{ROLE_ARN}x,{SECRET},x", "line 3: has 3 fields, but the header has 2"),
        (f'{GOOD}"{ROLE_ARN}x,{SECRET}', "line 3: is not CSV: "),
        (f"{GOOD}{SECRET},{ROLE_ARN}", "line 3: role_arn: the value is not the ARN"),
        (f"{GOOD}\n\n{ROLE_ARN}x,{SECRET}!", "line 5: external_id: the value is not"),
        (f'{GOOD}{ROLE_ARN}x,"{SECRET}\n{SECRET}"', "line 3: external_id: the value is"),
        (f'{GOOD}"{ROLE_ARN}\nx",{SECRET}', "line 3: role_arn: the value is not"),
        (f'"role_arn","external_id"\n{ROLE_ARN},', "line 2: external_id: the value is"),
        (f"{GOOD}{ROLE_ARN}-2,xx\n{ROLE_ARN},xx", "line 4: has the same role as line 2"),
        (b"\xff\xfe" + GOOD.encode("utf-16-le"), "is not a list of roles: it is not UTF-8 text"),
        (f"{GOOD}arn:aws:s3:::{SECRET},{SECRET}", "line 3: role_arn: the value is not"),
    ],
)
def test_error_in_a_file_names_the_line(content: str | bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as raised:
        read_role_list(file)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"{file}: {problem}")
    assert SECRET not in line


def test_rejects_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a list of roles: it is a folder"):
        read_role_list(tmp_path)


PARTS = st.sampled_from(
    [
        *(SECRET, ROLE_ARN, f"{ROLE_ARN}{SECRET}", "role_arn", "external_id", "", " ", ",", '"'),
        *("\n", "\r", "\0", "\ufeff", "\u2028", "\ud800", ";", "'", "\\", GOOD),
    ]
)
TEXTS = st.lists(PARTS, max_size=14).map("".join) | st.lists(PARTS, max_size=6).map(
    lambda parts: GOOD + ",".join(parts)
)


@given(TEXTS)
@example(f"{GOOD}{SECRET},{SECRET}")
def test_no_file_breaks_the_reader_or_appears_in_its_errors(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        targets = read_role_list(file)
    except InputError as error:
        assert str(error).startswith(f"{file}: ")
        assert SECRET not in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert targets
        assert all(EXTERNAL_ID.accepts(target.external_id) for target in targets)
