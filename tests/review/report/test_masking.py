"""External IDs are never shown, and masking them does not change the result."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.iam.external_ids import OPEN_ID
from pump_roles.inputs.text import InputError
from pump_roles.inputs.validators import EXTERNAL_ID
from pump_roles.review.output.messages import to_json
from pump_roles.review.report.masking import Mask
from tests.documents import written
from tests.support import (
    EVERYTHING,
    NO_VALUE,
    SECRET,
    Change,
    a_statement,
    add_resources,
    changed,
    every_format,
    external_id,
    in_role,
    in_template,
    of_templates,
    on_role,
    principal,
    rolled_out,
    together,
)

pytestmark = pytest.mark.usefixtures("reports_are_short")


@pytest.mark.parametrize(
    "name", ["Describe", "organizations", "PumpReadOnly", "PumpAutoPilotRole", "ec2:Describe*"]
)
def test_external_id_that_is_a_word_of_the_policies_changes_no_number(
    name: str, text: str, tmp_path: Path
) -> None:
    (role,) = changed(text, tmp_path, external_id(name)).roles
    assert role.actions == changed(text, tmp_path, external_id(SECRET)).roles[0].actions
    assert role.name == "PumpAutoPilotRole"
    assert not role.differences


@pytest.mark.parametrize("word", ["exactly", "known", "hidden", "2012-10-17", "provided"])
def test_external_id_that_is_a_word_of_the_result_changes_nothing_else(
    word: str, text: str, tmp_path: Path
) -> None:
    (role,) = changed(text, tmp_path, external_id(word)).roles
    (other,) = changed(text, tmp_path, external_id(SECRET)).roles
    trusts = [each.trust.with_external_ids(lambda _: OPEN_ID) for each in (role, other)]
    assert trusts[0] == trusts[1]


def test_name_of_an_export_in_the_place_of_the_external_id_is_not_shown(
    text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, external_id({"Fn::ImportValue": "name-of-export"}))
    assert "name-of-export" not in every_format(report)


def id_as_principal(properties: dict[str, Any]) -> None:
    member = json.loads(properties["TemplateBody"])
    role = member["Resources"]["AutoPilotRole"]["Properties"]
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"] = [
        {"Ref": "PumpIamRole"},
        {"Ref": "PumpExternalID"},
    ]
    properties["TemplateBody"] = json.dumps(member)


def test_rollouts_external_id_is_never_shown(tmp_path: Path) -> None:
    text = every_format(of_templates(rolled_out(tmp_path, id_as_principal)))
    assert SECRET not in text
    assert "(external ID)" in text


UNDER_THE_KEY = {"StringEquals": {"STS:externalId": SECRET}}
LONG, ALLOW = "x" * 60, EVERYTHING["Statement"]
ONE_OF = {"Type": "String", "AllowedValues": ["Other-1234", SECRET]}
TRUST = {"Statement": [{"Effect": "Allow", "Condition": UNDER_THE_KEY}]}


def from_elsewhere(value: Any, **members: Any) -> Change:
    """Return a change after which only other members have the external ID, and the role's name."""
    return together(external_id(value), in_template(**members), in_role(RoleName=f"Pump-{SECRET}"))


@pytest.mark.parametrize(
    "change",
    [
        a_statement({**ALLOW, "Condition": UNDER_THE_KEY}),
        a_statement({**ALLOW, "Condition": {"StringLike": {"sts:ExternalId": "ab"}}}),
        in_role(Policies=[{"Fn::If": ["C", UNDER_THE_KEY, 1]}]),
        in_role(Policies=[{"Fn::If": ["C", {"Bool": {"sts:ExternalId": "ab"}}, 1]}]),
        in_role(Policies=[{LONG: SECRET}]),
        in_role(PermissionsBoundary=f"arn:aws:iam::aws:policy/{SECRET}"),
        in_role(ManagedPolicyArns=[f"arn:aws:iam::aws:policy/{LONG[:35]}{SECRET}"]),
        in_role(RoleName=SECRET),
        in_role(**{"X": 1, SECRET: UNDER_THE_KEY}),
        principal({"AWS": [SECRET, f"arn:aws:iam::1:role/{SECRET}"]}),
        principal({"Fn::If": ["C", UNDER_THE_KEY]}),
        external_id({"Fn::If": ["C", SECRET, NO_VALUE]}),
        add_resources(**{f"Fn::{SECRET}": {}}),
        in_template(Transform=SECRET),
        on_role(Condition=UNDER_THE_KEY),
    ],
)
def test_external_id_is_never_shown(change: Change, text: str, tmp_path: Path) -> None:
    # It stands in its own place somewhere, also where the change took it away.
    elsewhere = in_template(Conditions={"C": UNDER_THE_KEY})
    report = changed(text, tmp_path, together(change, elsewhere))
    found = (
        written(report, "markdown", every_action=True) + written(report, "csv") + to_json(report)
    )
    assert SECRET not in found
    assert not re.search(r'"ab\\*"', found)
    assert SECRET[:8] not in found


@pytest.mark.parametrize(
    "change",
    [
        from_elsewhere({"Ref": "Id"}, Parameters={"Id": ONE_OF}),
        from_elsewhere(
            {"Fn::Sub": "${Id}"}, Parameters={"Id": {"Type": "String", "Default": SECRET}}
        ),
        from_elsewhere(
            {"Fn::FindInMap": ["Ids", "a", "b"]}, Mappings={"Ids": {"a": {"b": SECRET}}}
        ),
        from_elsewhere("Other-1234", Metadata={"Text": json.dumps(TRUST)}),
    ],
)
def test_external_id_from_elsewhere_is_never_shown(
    change: Change, text: str, tmp_path: Path
) -> None:
    found = every_format(changed(text, tmp_path, change))
    assert SECRET not in found
    assert "Pump-(external ID)" in found


def test_directional_characters_are_escaped(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, in_role(**{"\u202eevil\x00": 1}))
    found = every_format(report)
    assert "\\u202eevil\\x00" in found
    assert "\u202e" not in found
    assert "\x00" not in found


def test_external_id_in_the_name_of_a_file_or_in_a_logical_id_is_never_shown(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / f"Pump-{SECRET}.template.json").write_text(text)
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {}}
    other = {"Resources": {f"Stack{SECRET}": nested}}
    (tmp_path / f"{SECRET}.template.json").write_text(json.dumps(other))
    found = every_format(of_templates(tmp_path))
    assert SECRET not in found
    assert "Pump-(external ID).template.json" in found
    assert "(external ID).template.json: the template of Stack(external ID) cannot be read" in found


def test_different_roles_are_distinguished_without_showing_an_external_id(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / f"{SECRET}.template.json").write_text(text)
    changed = text.replace("999988887777", "111122223333")
    (tmp_path / "Other.template.json").write_text(changed)
    with pytest.raises(
        InputError, match=r"AutoPilotRole in .*, AutoPilotRole in .*only one"
    ) as caught:
        of_templates(tmp_path)
    assert SECRET not in str(caught.value)


IDS = st.from_regex(EXTERNAL_ID.pattern, fullmatch=True).filter(lambda id_: 6 <= len(id_) < 60)


def everywhere(id_: str) -> Change:
    """Put an external ID in its place, and into texts of every kind."""
    inside = f"x{id_}y"
    arn = f"arn:aws:iam::aws:policy/{inside}"
    said = {"StringLike": {"aws:PrincipalArn": inside, inside: [id_, f"{id_}*"]}}
    policy = {
        "PolicyName": inside,
        "PolicyDocument": {"Statement": {**ALLOW, "Resource": inside, "Condition": said}},
    }
    return together(
        external_id(id_),
        in_role(
            RoleName=inside,
            Policies=[{**policy, "PolicyName": "PumpReadOnly"}, policy, {inside: id_}],
            ManagedPolicyArns=[arn],
            PermissionsBoundary=arn,
            Path=f"/{inside}/",
            Tags=[{"Key": inside, "Value": id_}],
            **{inside: 1},
        ),
        add_resources(
            Other={
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": inside,
                    "AssumeRolePolicyDocument": {
                        "Statement": {
                            "Effect": "Allow",
                            "Action": f"sts:{inside}",
                            "Principal": {"AWS": [inside, id_]},
                            "Condition": {"StringEquals": {"sts:ExternalId": id_}},
                        }
                    },
                },
            },
            **{"A" + re.sub(r"\W", "", id_): {"Type": inside, "Condition": id_}},
        ),
        in_template(Transform=inside, Metadata={inside: id_}),
        on_role(Condition=inside, DependsOn=[inside]),
    )


@given(IDS)
@example("Describe")
@example("//////")
@example("......")
def test_no_format_shows_an_external_id_wherever_it_is(text: str, id_: str) -> None:
    def in_every_format(each: str) -> str:
        with TemporaryDirectory() as folder:
            return every_format(changed(text, Path(folder), everywhere(each)))

    # Unless this package says so itself.
    assert id_ not in in_every_format(id_) or id_ in in_every_format("Q7-" * 20)


def test_external_id_that_is_not_masked_would_be_found(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that the tests above can fail."""
    monkeypatch.setattr(Mask, "masked", lambda _, value: value)
    assert SECRET in every_format(changed(text, tmp_path, everywhere(SECRET)))
