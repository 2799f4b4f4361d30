"""The package's universal templates equal those of the synth and of the rollouts."""

import json

import pytest

from pump_roles import __version__, published, universal
from pump_roles.inputs.validators import PROVIDED_EXTERNAL_ID, PROVIDED_PRINCIPAL
from pump_roles.published import ROLES
from tests.support import SCENARIOS, Assembly, app_files, stack_set
from tools.sandbox.cdk import ROOT


@pytest.mark.parametrize("kind", ROLES)
def test_template_is_that_of_the_synth_and_of_the_rollout(kind: str, assembly: Assembly) -> None:
    name, expected = ROLES[kind].stack_name, universal.template(kind)
    assert app_files({})[name] == expected
    assert (assembly({}) / universal.FILES[kind]).read_bytes() == expected
    rollout = json.loads(app_files(SCENARIOS["rollout"])[f"{name}Rollout"])
    assert stack_set(rollout)["TemplateBody"].encode() == expected


@pytest.mark.parametrize("kind", ROLES)
def test_ready_templates_are_those_of_the_app(kind: str) -> None:
    name = ROLES[kind].stack_name
    for ready, settings in {
        name: {},
        f"{name}-recommended": {"roles": [kind], "guardrails": ["recommended"]},
    }.items():
        written = (ROOT / "cloudformation" / f"{ready}.template.json").read_bytes()
        assert written == app_files(settings)[name]


@pytest.mark.parametrize("kind", ROLES)
def test_parameters_accept_what_the_validators_accept(kind: str) -> None:
    validators = {
        published.PRINCIPAL_PARAMETER: PROVIDED_PRINCIPAL,
        published.EXTERNAL_ID_PARAMETER: PROVIDED_EXTERNAL_ID,
    }
    assert {
        name: (parameter["AllowedPattern"], parameter["MinLength"], parameter["MaxLength"])
        for name, parameter in json.loads(universal.template(kind))["Parameters"].items()
    } == {
        name: (validator.pattern, validator.minimum, validator.maximum)
        for name, validator in validators.items()
    }


def test_template_does_not_depend_on_the_version() -> None:
    """So an update of this package changes no role, and starts no operation in any account."""
    for kind in ROLES:
        template = json.loads(universal.template(kind))
        assert template["Outputs"].keys() == {"RoleArn", "RoleName"}
        assert __version__ not in json.dumps(template)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cdk_cli_writes_the_same_templates(scenario: str, assembly: Assembly) -> None:
    """Even though it hands context and flags to every app in the process."""
    folder = assembly(SCENARIOS[scenario])
    for name, template in app_files(SCENARIOS[scenario]).items():
        assert (folder / f"{name}.template.json").read_bytes() == template
