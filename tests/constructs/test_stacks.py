"""The stacks: provided values are in the template, omitted values are parameters."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    App,
    DefaultStackSynthesizer,
    Environment,
    LegacyStackSynthesizer,
    Stack,
    StackProps,
    Stage,
    pipelines,
)
from aws_cdk.assertions import Template
from constructs import Construct

from pump_roles import (
    ArgumentError,
    AutoPilotStack,
    ReadOnlyStack,
)
from tests.support import Synth, role_of

NAMES = ["PumpReadOnly", "PumpAutoPilot"]


@pytest.mark.parametrize("name", NAMES)
def test_rotation_adds_no_parameter_when_the_next_id_is_provided(name: str, synth: Synth) -> None:
    template = synth({"next-external-id": "Next-5678", "auto-pilot": {}})[name]
    assert set(template["Parameters"]) == {"PumpExternalID", "PumpIamRole"}
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == [
        {"Ref": "PumpExternalID"},
        "Next-5678",
    ]


def test_template_and_assembly_are_self_contained(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), default_stack_synthesizer=LegacyStackSynthesizer())
    for stack_class in (ReadOnlyStack, AutoPilotStack):
        stack_class(app, stack_class.__name__)
    for stack in app.synth().stacks:
        template = stack.template
        assert set(template) == {"Description", "Metadata", "Parameters", "Resources", "Outputs"}
        assert set(template["Metadata"]) == {"AWS::CloudFormation::Interface"}
        (resource,) = template["Resources"].values()
        assert set(resource) == {"Type", "Properties"}
        for foreign in ["Transform", "BootstrapVersion", "aws:cdk:path", "CDKMeta", "AssetParam"]:
            assert foreign not in json.dumps(template)
    manifest = (tmp_path / "manifest.json").read_text()
    for name in ["assumeRole", "cloudFormationExecutionRole", "lookupRole", "bootstrap", "asset:"]:
        assert name not in manifest
    assert not list(tmp_path.glob("asset*"))


@pytest.mark.parametrize("in_stage", [False, True])
def test_template_is_the_same_in_a_foreign_app(synth: Synth, *, in_stage: bool) -> None:
    """But for the check of the bootstrap's version, which the app's synthesizer adds."""
    app = App(
        context={"aws:cdk:enable-path-metadata": True, "pump:settings": "ignored"},
        analytics_reporting=True,
    )
    scope = Stage(app, "Foreign") if in_stage else app
    for role_stack in (ReadOnlyStack, AutoPilotStack):
        role_stack(scope, role_stack.role_class.published.stack_name)
    templates = [stack.template for stack in app.synth().stacks_recursively]
    for template in templates:
        assert template["Parameters"].pop("BootstrapVersion")["Type"].startswith("AWS::SSM::")
        assert set(template.pop("Rules")) == {"CheckBootstrapVersion"}
    assert templates == list(synth().values())


def pipeline_in(stack: Stack) -> pipelines.CodePipeline:
    """Add a pipeline to a stack, which can deploy into other accounts."""
    source = pipelines.CodePipelineSource.connection(
        "owner/repository",
        "main",
        connection_arn="arn:aws:codestar-connections:us-east-1:111122223333:connection/x",
    )
    synth = pipelines.ShellStep("Synth", input=source, commands=["npx cdk synth"])
    return pipelines.CodePipeline(stack, "Pipeline", synth=synth, cross_account_keys=True)


def test_pipeline_deploys_into_the_account_of_the_stage() -> None:
    """Without a role of that account, an action works in the account of the pipeline."""
    home = Environment(account="111122223333", region="us-east-1")
    app = App()
    stack = Stack(app, "Pipeline", env=home)
    pipeline = pipeline_in(stack)
    stage = Stage(app, "Prod", env=Environment(account="222233334444", region="us-east-1"))
    ReadOnlyStack(stage, "Pump")
    pipeline.add_stage(stage)
    (found,) = Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    # Each action names its own role; the one that makes the change set, also CloudFormation's.
    roles = {
        action["Name"]: re.findall(
            r"::(\d{12}):role/(cdk-[a-z0-9]+-[a-z]+(?:-[a-z]+)*)-role-", json.dumps(action)
        )
        for pipeline_stage in found["Properties"]["Stages"]
        for action in pipeline_stage["Actions"]
    }
    deploy = ("222233334444", "cdk-hnb659fds-deploy")
    assert roles == {
        "owner_repository": [],
        "Synth": [],
        "SelfMutate": [],
        "Prepare": [("222233334444", "cdk-hnb659fds-cfn-exec"), deploy],
        "Deploy": [deploy],
    }


@pytest.mark.parametrize("in_stage", [False, True])
def test_given_synthesizer_decides_and_otherwise_that_of_the_app(*, in_stage: bool) -> None:
    app = App(default_stack_synthesizer=DefaultStackSynthesizer(qualifier="ours"))
    scope = Construct(Stage(app, "Stage") if in_stage else app, "Team")
    own = DefaultStackSynthesizer(deploy_role_arn="arn:aws:iam::111122223333:role/Ours")
    ReadOnlyStack(scope, "Given", synthesizer=own)
    ReadOnlyStack(scope, "Default")
    default, given = app.synth().stacks_recursively
    assert given.assume_role_arn == "arn:aws:iam::111122223333:role/Ours"
    assert ":role/cdk-ours-deploy-role-" in str(default.assume_role_arn)


def test_accepts_the_arguments_of_a_stack_but_those_that_the_role_decides() -> None:
    accepted = set(inspect.signature(ReadOnlyStack.__init__).parameters)
    assert set(inspect.signature(StackProps).parameters) - accepted == {"analytics_reporting"}
    app, topics = App(), ["arn:aws:sns:eu-west-1:123456789012:stacks"]
    ReadOnlyStack(
        app,
        "Pump",
        role_name="Mine",
        stack_name="Ours",
        description="Ours",
        env=Environment(account="123456789012", region="eu-west-1"),
        tags={"team": "platform"},
        termination_protection=True,
        notification_arns=topics,
    )
    (artifact,) = app.synth().stacks
    assert artifact.environment.name == "aws://123456789012/eu-west-1"
    assert (artifact.stack_name, artifact.template["Description"]) == ("Ours", "Ours")
    assert (artifact.tags, artifact.notification_arns) == ({"team": "platform"}, topics)
    assert artifact.termination_protection
    assert role_of(artifact.template)["RoleName"] == "Mine"


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        *(
            (wrong, "is not a mapping of strings to strings")
            for wrong in (["team"], "team", {"team": 1}, {1: "team"}, 5)
        ),
        ({"": "x"}, "'' is not the key of a tag"),
        ({"team": ""}, "'' is not the value of a tag"),
        ({"k" * 129: "x"}, "is not the key of a tag: 1 to 128 letters"),
        ({"team": "x" * 257}, "is not the value of a tag: 1 to 256 letters"),
        ({"team": "a,b"}, "'a,b' is not the value of a tag"),
        ({"team": "a\nb"}, r"'a\\nb' is not the value of a tag"),
        ({"aws:team": "x"}, "'aws:team': aws: is reserved for AWS"),
        ({"team": "x", "Team": "y"}, "'Team' is listed twice, ignoring case"),
        ({f"tag{number}": "x" for number in range(51)}, "51 given, at most 50 allowed"),
    ],
)
def test_rejects_tags_that_aws_does_not_accept(tags: Any, problem: str) -> None:
    with pytest.raises(ArgumentError, match=f"^S: tags: .*{problem}"):
        ReadOnlyStack(App(), "S", tags=tags)


def test_accepts_every_tag_that_aws_accepts() -> None:
    tags = {"k" * 128: "v" * 256, "stra\u00dfe 1_.:/=+-@": "\u03b1 \u0661"}
    app = App()
    ReadOnlyStack(app, "S", tags=tags)
    assert app.synth().get_stack_by_name("S").tags == tags
