"""Changes of what is filled in at deployment, or not read, are changes, wherever it is defined."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from pump_roles import AutoPilotRollout, AutoPilotStack, templates, universal
from pump_roles.inputs import validators
from pump_roles.published import ROLES
from pump_roles.review.report import Report, ReportChange
from pump_roles.review.report.report_changes import changes
from pump_roles.role.unknowns import AssemblyUnknown
from tests.customer import allow
from tests.innocent import customers_app
from tests.support import (
    ROLE_ARGUMENTS,
    SECRET,
    earlier,
    of_templates,
    rolled_out,
    short_reports,
    synthesize,
)

Content = dict[str, Any]
Files = dict[str, Content]
Edit = Callable[[Files], object]
Compare = Callable[[Files, Edit], tuple[ReportChange, ...]]

KIND = "auto-pilot"
ROLE_NAME = "PumpAutoPilotRole"
MANAGED = "arn:aws:iam::aws:policy/"


def written(folder: Path, files: Mapping[str, Content]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def compared(tmp_path: Path) -> Compare:
    """The differences between a folder of templates and the same after an edit."""

    def differences(files: Files, edit: Edit) -> tuple[ReportChange, ...]:
        with short_reports():
            report = of_templates(written(tmp_path / "before", files))
            was = earlier(report)
            assert changes(was, report) == ()
            after = deepcopy(files)
            edit(after)
            assert after != files
            return of_templates(written(tmp_path / "after", after), since=was).changes

    return differences


@pytest.fixture
def pump(text: str) -> Content:
    """The auto-pilot role's template."""
    content: Content = json.loads(text)
    return content


def reported(folder: Path, files: Files) -> Report:
    with short_reports():
        return of_templates(written(folder / "now", files))


PUMP, OTHER, NESTED = "A.template.json", "B.template.json", "N.nested.json"


def role_of(files: Files, file: str = PUMP) -> Content:
    properties: Content = files[file]["Resources"]["AutoPilotRole"]["Properties"]
    return properties


def trust_of(files: Files, file: str = PUMP) -> Content:
    statement: Content = role_of(files, file)["AssumeRolePolicyDocument"]["Statement"][0]
    return statement


def default(file: str, name: str, value: str) -> Edit:
    return lambda files: files[file]["Parameters"][name].update(Default=value)


def with_parameters(pump: Content) -> Files:
    files = {PUMP: pump}
    pump["Parameters"] = {
        name: {"Type": "String", "AllowedPattern": form.pattern, "Default": default}
        for name, form, default in (
            ("Who", validators.PRINCIPAL, "999988887777"),
            ("Id", validators.EXTERNAL_ID, "Example-1234"),
        )
    }
    trust_of(files)["Principal"] = {"AWS": {"Ref": "Who"}}
    trust_of(files)["Condition"]["StringEquals"]["sts:ExternalId"] = {"Ref": "Id"}
    return files


def in_nested_stack(files: Files, arguments: Content) -> Files:
    """The same role in a nested stack of another template."""
    bucket = "bucket-${AWS::AccountId}"
    url = f"https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{bucket}/key.json"
    properties = {"TemplateURL": {"Fn::Sub": url}, "Parameters": arguments}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": properties}
    parameters = files[PUMP].get("Parameters", {})
    destinations = {"here": {"bucketName": bucket, "objectKey": "key.json"}}
    return {
        PUMP: {
            "Parameters": {
                name: {**found, "Description": "Outer."} for name, found in parameters.items()
            },
            "Resources": {"Nested": nested},
        },
        NESTED: files[PUMP],
        "A.assets.json": {
            "files": {"asset": {"source": {"path": NESTED}, "destinations": destinations}}
        },
    }


FILLED = (ReportChange(effect="unclear", role=KIND, about="filled-in"),)
SUSPECT = ReportChange(effect="unclear", about="suspect")


@pytest.fixture(params=["its own", "an outer stack's"])
def with_defaults(request: pytest.FixtureRequest, pump: Content) -> Files:
    """The role with parameters for its principal and external ID, which have defaults."""
    files = with_parameters(pump)
    if request.param == "its own":
        return files
    return in_nested_stack(files, {name: {"Ref": name} for name in files[PUMP]["Parameters"]})


def test_changed_default_of_the_external_id_is_a_change(
    with_defaults: Files, compared: Compare
) -> None:
    found = compared(with_defaults, default(PUMP, "Id", "Attacker-1234"))
    assert found == FILLED
    assert "Attacker-1234" not in repr(found)


def test_changed_pattern_of_the_external_id_is_a_change(
    with_defaults: Files, compared: Compare
) -> None:
    def loosen(files: Files) -> None:
        files[PUMP]["Parameters"]["Id"]["AllowedPattern"] = ".{8,}"

    assert FILLED[0] in compared(with_defaults, loosen)


def test_changed_default_of_the_principal_is_another_principal(
    with_defaults: Files, compared: Compare
) -> None:
    found = compared(with_defaults, default(PUMP, "Who", "666666666666"))
    principals = [
        (change.effect, [[who.value.default for who in side] for side in (lost, gained)])
        for change in found
        if (difference := change.difference)
        for lost, gained in [(difference.lost, difference.gained)]
    ]
    assert principals == [
        ("broader", [[], ["666666666666"]]),
        ("narrower", [["999988887777"], []]),
    ]
    assert tuple(change for change in found if not change.difference) == FILLED


def bounded(pump: Content, value: Any, **members: Any) -> Files:
    pump.update(members)
    role_of({PUMP: pump})["PermissionsBoundary"] = value
    return {PUMP: pump}


def policy(*statements: Any) -> Content:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def managed(*actions: str) -> Content:
    properties = {"PolicyDocument": policy(allow(*actions))}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}


def exporting(value: Any, **resources: Any) -> Content:
    return {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **resources},
        "Outputs": {"O": {"Value": value, "Export": {"Name": "exported"}}},
    }


def statements_of(files: Files, file: str, logical_id: str) -> Any:
    return files[file]["Resources"][logical_id]["Properties"]["PolicyDocument"]["Statement"]


def also(pump: Content, *statements: Content, **members: Any) -> Files:
    pump.update(members)
    policies = role_of({PUMP: pump})["Policies"]
    policies.append({"PolicyName": "Extra", "PolicyDocument": policy(*statements)})
    return {PUMP: pump}


BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "one"}}


@pytest.mark.parametrize(
    ("resource", "members", "edit"),
    [
        (
            {"Ref": "P"},
            {"Parameters": {"P": {"Type": "String", "Default": "arn:aws:s3:::one/*"}}},
            default(PUMP, "P", "*"),
        ),
        (
            {"Fn::Sub": ["${X}/${P}", {"X": {"Fn::Sub": "arn:aws:s3:::one"}}]},
            {"Parameters": {"P": {"Type": "String", "Default": "a"}}},
            default(PUMP, "P", "*"),
        ),
        (
            {"Fn::If": ["C", "arn:aws:s3:::one/*", "*"]},
            {"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}},
            lambda files: files[PUMP]["Conditions"].update(C={"Fn::Equals": ["a", "b"]}),
        ),
        (
            {"Fn::Sub": "${Bucket.Arn}/*"},
            {},
            lambda files: files[PUMP]["Resources"]["Bucket"]["Properties"].update(BucketName="two"),
        ),
    ],
)
def test_changed_definition_of_a_statements_resource_is_a_change(
    resource: Any, members: Content, edit: Edit, pump: Content, compared: Compare
) -> None:
    pump["Resources"]["Bucket"] = deepcopy(BUCKET)
    files = also(pump, allow("s3:GetObject", Resource=resource), **deepcopy(members))
    assert compared(files, edit) == FILLED


def by_condition(pump: Content) -> Files:
    conditions = {
        "Outer": {"Fn::Not": [{"Condition": "C"}]},
        "C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
        # In a circle.
        "D": {"Fn::Not": [{"Condition": "E"}]},
        "E": {"Condition": "D"},
    }
    either = {"Fn::If": ["D", f"{MANAGED}PowerUserAccess", {"Ref": "AWS::NoValue"}]}
    value = {"Fn::If": ["Outer", f"{MANAGED}ReadOnlyAccess", either]}
    return bounded(pump, value, Conditions=conditions)


def condition(name: str, value: Any) -> Edit:
    return lambda files: files[PUMP]["Conditions"].update({name: value})


def imported(pump: Content) -> Files:
    files = bounded(pump, {"Fn::ImportValue": "exported"})
    files[OTHER] = exporting({"Ref": "Bound"}, Bound=managed("ce:*"))
    return files


def wider(file: str, logical_id: str) -> Edit:
    return lambda files: statements_of(files, file, logical_id)[0].update(Action=["*"])


def under_a_macro(pump: Content) -> Files:
    files = in_nested_stack({PUMP: pump}, {})
    files[PUMP]["Transform"] = ["Macro"]
    return files


@pytest.mark.parametrize(
    ("made", "edit"),
    [
        (by_condition, condition("C", {"Fn::Equals": ["a", "b"]})),
        (by_condition, condition("E", {"Fn::Or": [{"Condition": "D"}]})),
        (imported, wider(OTHER, "Bound")),
        (under_a_macro, lambda files: files[PUMP].update(Metadata={"Grant": "*"})),
    ],
)
def test_changed_definition_of_what_the_role_refers_to_is_a_change(
    made: Callable[[Content], Files], edit: Edit, pump: Content, compared: Compare
) -> None:
    assert compared(made(pump), edit) == FILLED


def test_changed_value_that_is_certain_is_a_changed_decision(
    pump: Content, compared: Compare
) -> None:
    statements = [
        allow("s3:GetObject", Resource={"Ref": "P"}),
        allow("s3:PutObject", Resource={"Fn::FindInMap": ["M", "a", "b"]}),
    ]
    files = also(pump, *statements, Parameters={"P": {"Type": "String"}})
    pump["Mappings"] = {"M": {"a": {"b": "arn:aws:s3:::one/*"}}}
    files = in_nested_stack(files, {"P": "arn:aws:s3:::one/*"})

    def edit(after: Files) -> None:
        after[PUMP]["Resources"]["Nested"]["Properties"]["Parameters"]["P"] = "*"
        after[NESTED]["Mappings"]["M"]["a"]["b"] = "*"

    (change,) = compared(files, edit)
    assert (change.effect, change.actions) == ("broader", ("s3:GetObject", "s3:PutObject"))


def test_changed_content_of_what_is_attached_and_not_counted_is_a_change(
    pump: Content, compared: Compare
) -> None:
    attached = managed("s3:ListAllMyBuckets")
    attached["Properties"]["Roles"] = [ROLE_NAME]
    files = {PUMP: pump, OTHER: {"Resources": {"Attached": attached}}}

    assert {*compared(files, wider(OTHER, "Attached"))} == {*FILLED, SUSPECT}


def naming(*actions: str) -> Content:
    principal = {"AWS": f"arn:aws:iam::111122223333:role/{ROLE_NAME}"}
    document = policy({**allow(*actions), "Principal": principal})
    properties = {"Bucket": "b", "PolicyDocument": document}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": properties}


def with_naming(pump: Content) -> Files:
    bucket = naming("s3:GetObject")
    bucket["Properties"]["PolicyDocument"]["Statement"][0]["Resource"] = {"Ref": "P"}
    parameter = {"Type": "String", "Default": "arn:aws:s3:::one/*"}
    return {PUMP: pump, OTHER: {"Parameters": {"P": parameter}, "Resources": {"Bucket": bucket}}}


def with_macro(pump: Content) -> Files:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {}}
    return {PUMP: pump, OTHER: {"Transform": ["Macro"], "Resources": {"Topic": topic}}}


def with_unread(pump: Content) -> Files:
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "u"}}
    return {PUMP: pump, OTHER: {"Resources": {"Nested": nested}}}


def argument(files: Files) -> None:
    (resource,) = files[OTHER]["Resources"].values()
    resource["Properties"]["Parameters"] = {"Grant": "*"}


@pytest.mark.parametrize(
    ("made", "edit"),
    [
        (with_naming, wider(OTHER, "Bucket")),
        (with_naming, default(OTHER, "P", "*")),
        (with_macro, argument),
        (with_unread, argument),
    ],
)
def test_changed_definition_of_what_may_give_more_access_is_a_change(
    made: Callable[[Content], Files], edit: Edit, pump: Content, compared: Compare
) -> None:
    assert compared(made(pump), edit) == (SUSPECT,)


def test_reports_a_macro_over_a_nested_stack_next_to_the_role(
    pump: Content, tmp_path: Path
) -> None:
    files = in_nested_stack({PUMP: {"Transform": ["Macro"], "Resources": {}}}, {})
    files[PUMP]["Resources"] |= pump["Resources"]
    report = reported(tmp_path, files)
    problem = AssemblyUnknown(part="template", why="transform", subject="Macro", source=NESTED)
    assert report.unreadable == (problem,)
    assert not report.exact


def described(files: Files) -> None:
    for declared in files[PUMP]["Parameters"].values():
        declared.update(Description="Another.", ConstraintDescription="Another.")
    files[PUMP]["Description"] = "Another."
    role_of(files)["Description"] = "Another."
    files[PUMP]["Resources"]["AutoPilotRole"]["Metadata"] = {"a": "b"}
    files[PUMP]["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    files[PUMP]["Outputs"] = {"Another": {"Value": {"Ref": "Topic"}}}
    files[PUMP]["Parameters"]["Other"] = {"Type": "String", "Default": "x"}
    files[PUMP]["Conditions"] = {"Other": {"Fn::Equals": ["a", {"Ref": "Other"}]}}


def test_changed_description_output_or_unrelated_resource_is_not_a_change(
    pump: Content, compared: Compare
) -> None:
    assert compared(with_parameters(pump), described) == ()


def test_renamed_file_is_not_a_change(pump: Content, tmp_path: Path) -> None:
    files = with_parameters(pump)
    was = of_templates(written(tmp_path / "before", files))
    now = written(tmp_path / "after", {"Z.template.json": files[PUMP]})
    assert was.roles[0].filled_sha256
    assert of_templates(now, since=earlier(was)).changes == ()


def test_nothing_is_filled_in_for_literal_roles(tmp_path: Path) -> None:
    for path in (synthesize(tmp_path, permissions_boundary="a/B"), rolled_out(tmp_path, dict)):
        assembly = templates.read(path)
        assert {found.filled_sha256 for found in assembly.roles} == {""}
        assert assembly.suspects_sha256 == ""


def test_the_digest_of_two_parameters_without_a_default_is_always_the_same(tmp_path: Path) -> None:
    for kind in ROLES:
        (tmp_path / f"{kind}.template.json").write_bytes(universal.template(kind))
    (digest,) = {role.filled_sha256 for role in templates.read(tmp_path).roles}
    assert len(digest) == 64


def test_adding_or_removing_unrelated_stacks_is_not_a_change(tmp_path: Path) -> None:
    alone, among_others = tmp_path / "alone", tmp_path / "among others"
    among_others.mkdir()
    pump, *_ = customers_app(among_others)
    with short_reports():
        was = of_templates(written(alone, {pump.name: json.loads(pump.read_text())}))
        now = of_templates(among_others, since=earlier(was))
        back = of_templates(alone, since=earlier(now))
    assert now.changes == back.changes == ()
    assert now.suspects_sha256 == ""


def test_changed_external_id_only_in_the_rollout_is_a_change(tmp_path: Path) -> None:
    folder, app = tmp_path, App(outdir=str(tmp_path))
    arguments = {**ROLE_ARGUMENTS, "external_id": SECRET}
    AutoPilotStack(app, "A", **arguments)
    AutoPilotRollout(Stack(app, "R"), "R", organizational_units=["r-abcd"], **arguments)
    app.synth()
    was = of_templates(folder)
    (role,) = was.roles
    assert [name for name, _ in role.files] == ["A.template.json", "R.template.json"]
    for file in ("R.template.json", "A.template.json"):
        before = (folder / file).read_text()
        (folder / file).write_text(before.replace(SECRET, "Attacker-1234"))
        found = of_templates(folder, since=earlier(was)).changes
        assert [change.effect for change in found] == ["unclear"]
        assert found[0].about == "external-id"
        (folder / file).write_text(before)
    assert of_templates(folder, since=earlier(was)).changes == ()


def test_one_role_in_one_file_has_the_digest_of_its_external_id(
    pump: Content, tmp_path: Path
) -> None:
    files = {PUMP: pump, OTHER: pump}
    (single,) = templates.read(written(tmp_path / "one", {PUMP: pump})).roles
    (both,) = templates.read(written(tmp_path / "both", files)).roles
    assert both.external_id_sha256 == single.external_id_sha256
    assert [name for name, _ in both.files] == [PUMP, OTHER]


def test_every_file_that_a_role_is_read_from_is_listed(pump: Content, tmp_path: Path) -> None:
    files = in_nested_stack({PUMP: pump}, {})
    (role,) = templates.read(written(tmp_path / "now", files)).roles
    assert [name for name, _ in role.files] == [NESTED, PUMP]
    assert all(len(digest) == 64 for _, digest in role.files)


TRANSFORM = {"Fn::Transform": {"Name": "Macro"}}


@pytest.mark.parametrize("where", ["Parameters", "StackInstancesGroup", "element"])
def test_a_macro_in_the_stack_set_is_a_finding(where: str, tmp_path: Path) -> None:
    def change(stack_set: Content) -> None:
        if where == "StackInstancesGroup":
            stack_set["StackInstancesGroup"] = TRANSFORM
        else:
            listed = "Parameters" if where == "Parameters" else "StackInstancesGroup"
            stack_set[listed][0] |= TRANSFORM

    report = of_templates(rolled_out(tmp_path, change))
    assert not report.as_published
    assert not report.roles[0].readable
