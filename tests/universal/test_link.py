"""The quick-create link: it decodes to its values, and rejects what AWS would reject."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import ArgumentError
from pump_roles.inputs import PROVIDED_EXTERNAL_ID, PROVIDED_PRINCIPAL
from pump_roles.inputs.validators import REGION_NAMES, STACK_NAME, TEMPLATE_URL
from pump_roles.published import ROLES
from pump_roles.universal import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER, template
from pump_roles.universal.link import quick_create_link, warnings_about
from tests.support import PRINCIPAL, PUMP_ACCOUNT, SECRET

URL = "https://s3.us-east-1.amazonaws.com/templates/PumpReadOnly-0.1.0.template.json"
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
ONE_REGION = ["eu-west-1", "cn-north-1", "eusc-de-east-1", "us-gov-west-1"]

SESSION = botocore.session.get_session()
PARTITION_OF = {region: SESSION.get_partition_for_region(region) for region in REGION_NAMES}
"""Each Region's partition, as botocore knows it."""


def made(kind: str = "read-only", **arguments: Any) -> str:
    return quick_create_link(kind, **{"template_url": URL, "region": "us-east-1", **arguments})


def decoded(made_link: str) -> dict[str, str]:
    """Return what is in a link, read as the query of its fragment."""
    path, _, query = urlsplit(made_link).fragment.partition("?")
    assert path == "/stacks/create/review"
    pairs = parse_qsl(query, strict_parsing=True, keep_blank_values=True)
    # A plus sign has two readings, a space and itself, so the link must not contain any.
    assert pairs == [
        (name, unquote(value))
        for name, _, value in (pair.partition("=") for pair in query.split("&"))
    ]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def problem_of(argument: str, **arguments: Any) -> str:
    with pytest.raises(ArgumentError) as caught:
        made(**arguments)
    assert caught.value.argument == argument
    assert "\n" not in str(caught.value)
    return caught.value.problem


def test_link_has_the_form_that_the_user_guide_shows() -> None:
    """CloudFormation User Guide, "Create quick-create links for stacks", its example."""
    shown = (
        "https://eu-central-1.console.aws.amazon.com/cloudformation/home?region=eu-central-1"
        "#/stacks/create/review?templateURL=https://s3.eu-central-1.amazonaws.com/templates/"
        "PumpReadOnly.template&stackName=MyPump&param_PumpIamRole=999988887777"
    )
    found = made(
        template_url="https://s3.eu-central-1.amazonaws.com/templates/PumpReadOnly.template",
        region="eu-central-1",
        stack_name="MyPump",
        parameters={"PumpIamRole": "999988887777"},
    )
    assert unquote(found) == shown
    assert decoded(found) == decoded(shown)
    for kind, role in ROLES.items():
        assert decoded(made(kind)) == {"templateURL": URL, "stackName": role.stack_name}


def declared(kind: str = "read-only") -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(template(kind))["Parameters"]
    return parameters


def exists(principal: str) -> bool:
    return "000000000000" not in principal and (
        principal.isdigit() or principal.startswith("arn:aws:")
    )


@given(
    kind=st.sampled_from(sorted(ROLES)),
    template_url=st.from_regex(TEMPLATE_URL.pattern, fullmatch=True),
    stack_name=st.from_regex(STACK_NAME.pattern, fullmatch=True),
    principal=st.from_regex(declared()[PRINCIPAL_PARAMETER]["AllowedPattern"], fullmatch=True)
    .filter(exists)
    .map(lambda principal: principal[:640]),
    external_id=st.from_regex(declared()[EXTERNAL_ID_PARAMETER]["AllowedPattern"], fullmatch=True),
)
@example("read-only", f"{URL}?versionId=a+b%2Bc&x=%20", "A", PRINCIPAL, "+=,.@:/-_")
@example("auto-pilot", URL, "A" * 128, f"arn:aws:iam::{PUMP_ACCOUNT}:role/a+=,.@-/b", "++")
@example("read-only", f"https://a/{'%2F' * 1_700}", "A", PUMP_ACCOUNT, "=" * 1_224)
def test_link_decodes_to_any_values(
    kind: str, template_url: str, stack_name: str, principal: str, external_id: str
) -> None:
    found = quick_create_link(
        kind,
        template_url=template_url,
        region="us-east-1",
        stack_name=stack_name,
        parameters={PRINCIPAL_PARAMETER: principal, EXTERNAL_ID_PARAMETER: external_id},
    )
    assert re.fullmatch(r"[!-~]+", found)
    assert "+" not in found
    assert found.count("#") == 1
    assert decoded(found) == {
        "templateURL": template_url,
        "stackName": stack_name,
        "param_PumpIamRole": principal,
        "param_PumpExternalID": external_id,
    }


def test_every_region_has_the_console_of_its_partition_or_none() -> None:
    without = set()
    for region, partition in PARTITION_OF.items():
        if partition in CONSOLES:
            parts = urlsplit(made(region=region))
            assert parts.netloc == f"{region}.{CONSOLES[partition]}"
            assert (parts.path, parts.query) == ("/cloudformation/home", f"region={region}")
        else:
            without.add(partition)
            problem = problem_of("region", region=region)
            assert problem.startswith(f"AWS publishes no address for the console in {region}; ")
    assert without == {"aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"}


@pytest.mark.parametrize("region", ONE_REGION)
@pytest.mark.parametrize("partition", sorted(set(PARTITION_OF.values())))
def test_principal_must_be_in_the_partition_of_the_region(partition: str, region: str) -> None:
    for principal in ("root", "role/PumpService"):
        parameters = {"PumpIamRole": f"arn:{partition}:iam::{PUMP_ACCOUNT}:{principal}"}
        if partition == PARTITION_OF[region]:
            assert decoded(made(region=region, parameters=parameters))
        else:
            problem = problem_of("PumpIamRole", region=region, parameters=parameters)
            places = f"the partition {partition}, and {region} is in {PARTITION_OF[region]}; "
            assert problem.startswith(f"the principal is in {places}")
    # An account ID is in the same partition as the role.
    assert decoded(made(region=region, parameters={"PumpIamRole": PUMP_ACCOUNT}))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PumpExternalId", "did you mean PumpExternalID?"),
        ("RoleName", "its parameters are PumpIamRole, PumpExternalID"),
        ("", "its parameters are PumpIamRole, PumpExternalID"),
    ],
)
def test_parameter_that_the_template_does_not_have_is_an_error(name: str, hint: str) -> None:
    problem = problem_of(name, parameters={"PumpIamRole": PRINCIPAL, name: SECRET})
    assert problem == f"the template has no such parameter; {hint}"


@pytest.mark.parametrize(
    ("name", "placeholder"), [("PumpIamRole", "PRINCIPAL"), ("PumpExternalID", "EXTERNAL_ID")]
)
def test_value_that_the_parameter_does_not_accept_is_an_error(name: str, placeholder: str) -> None:
    problem = problem_of(name, parameters={name: "a&param_PumpIamRole=111122223333"})
    assert " is not " in problem
    assert "is a placeholder" in problem_of(name, parameters={name: placeholder})


@pytest.mark.parametrize("kind", ROLES)
def test_pattern_and_lengths_are_those_of_the_template(kind: str) -> None:
    validators = {"PumpIamRole": PROVIDED_PRINCIPAL, "PumpExternalID": PROVIDED_EXTERNAL_ID}
    assert {
        name: (parameter["AllowedPattern"], parameter["MinLength"], parameter["MaxLength"])
        for name, parameter in declared(kind).items()
    } == {
        name: (validator.pattern, validator.minimum, validator.maximum)
        for name, validator in validators.items()
    }
    # The console would not fill in such a parameter.
    assert not any("NoEcho" in parameter for parameter in declared(kind).values())


@pytest.mark.parametrize(
    "url",
    [
        *("", "TEMPLATE_URL", "/PumpReadOnly.template.json", "s3://templates/a.template.json"),
        *(URL.replace("https", "http"), URL.replace("https:", "")),
        "javascript:alert(1)//https://a/b",
        # without a host or a path
        *("https:/a/b", "https:///a", "https://a", "https://a/", "https://?a", "https://:443/a"),
        "https://a/?versionId=b",
        # with another port, or a user
        *("https://a:b/c", "https://a:80/b", "https://a:/b", "https://user:password@a/b"),
        # with a host that cannot exist
        *("https://-a/b", "https://a-/b", "https://a./b", "https://a..b/c", "https://a.-b/c"),
        *(f"https://{'a' * 64}/b", "https://a\\@b/c", "https://\u00e4/b", "https://[::1]/b"),
        # with characters that must be encoded, or are encoded wrongly
        *("https://a/b c", " https://a/b", "https://a/b\n", "https://a/b\x00", "https://a/b\u00e4"),
        *("https://a/b#", "https://a/b%", "https://a/b%2", "https://a/b%zz", 'https://a/"b"'),
        *("https://a/<b>", "https://a/${Token[TOKEN.1]}", f"https://a/{'b' * 5_111}"),
    ],
)
def test_url_that_cloudformation_could_not_read_is_an_error(url: str) -> None:
    problem = problem_of("template_url", template_url=url)
    assert "the URL of a template: https://HOST/PATH" in problem


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://a/{'b' * 5_110}", "https://a:443/b", "https://a/b@c:d+e(f)*!$&',;=~_.-?g/?h"),
        "https://bucket.s3.amazonaws.com/a%20b?versionId=3HL4kqtJvjVBH40Nrjfkd",
    ],
)
def test_url_of_any_object_is_accepted(url: str) -> None:
    assert decoded(made(template_url=url))["templateURL"] == url


def test_longest_url_is_that_of_cloudformation() -> None:
    """When this fails, CloudFormation accepts other URLs: correct the validator."""
    metadata = SESSION.get_service_model("cloudformation").shape_for("TemplateURL").metadata
    assert (TEMPLATE_URL.minimum, TEMPLATE_URL.maximum) == (metadata["min"], metadata["max"])


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        *(
            ("region", region, f"{region!r} is not the name of a Region, such as us-east-1")
            for region in ("us-east1", "US-EAST-1", "us-east-1\n", "", "evil.example/#")
        ),
        *(
            ("stack_name", name, "is not a stack name: 1 to 128 of A-Z a-z 0-9 -, the first a let")
            for name in ("", "1Pump", "Pump ReadOnly", "Pump_ReadOnly", "A" * 129, "A\n", "Ä")
        ),
    ],
)
def test_malformed_value_is_an_error(argument: str, value: str, problem: str) -> None:
    assert problem in problem_of(argument, **{argument: value})


def warned(url: str = URL, **parameters: str) -> list[str]:
    return list(warnings_about("read-only", template_url=url, parameters=parameters))


@pytest.mark.parametrize("region", ONE_REGION)
@pytest.mark.parametrize(
    "settings",
    [
        {"addressing_style": "virtual"},
        {"addressing_style": "path"},
        {"addressing_style": "virtual", "use_dualstack_endpoint": True},
    ],
)
def test_url_of_an_object_in_s3_is_no_warning(settings: Any, region: str) -> None:
    """What the URL of an object is, botocore says."""
    config = Config(signature_version=UNSIGNED, s3=settings)
    client: Any = SESSION.create_client("s3", region_name=region, config=config)
    location = {"Bucket": "templates", "Key": "PumpReadOnly.template.json"}
    assert warned(client.generate_presigned_url("get_object", Params=location)) == []


S3 = [
    *("s3.amazonaws.com", "bucket.s3.amazonaws.com", "s3-us-west-2.amazonaws.com"),
    *("bucket.s3-external-1.amazonaws.com", "S3.US-EAST-1.AMAZONAWS.COM"),
    *("bucket.s3-fips.us-east-1.amazonaws.com", "s3-fips.dualstack.us-east-1.amazonaws.com"),
    "mine-111122223333.s3-accesspoint.us-west-2.amazonaws.com",
    "s3.us-east-1.amazonaws.com:443",
]
NOT_S3 = [
    *("example.com", "raw.githubusercontent.com", "d111111abcdef8.cloudfront.net"),
    *("amazonaws.com", "s3.amazonaws.com.example.com", "s3xamazonaws.com", "xs3.amazonaws.com"),
    # CloudFormation does not read static websites.
    *("bucket.s3-website-us-east-1.amazonaws.com", "bucket.s3-website.us-east-2.amazonaws.com"),
]


@pytest.mark.parametrize("host", [*S3, *NOT_S3])
def test_host_outside_s3_is_a_warning(host: str) -> None:
    url = f"https://{host}/PumpReadOnly.template.json"
    assert made(template_url=url)
    warning = f"{host} is not a host of Amazon S3; CloudFormation reads templates only from there"
    assert warned(url) == ([] if host in S3 else [warning])


def test_short_external_id_is_a_warning() -> None:
    (warning,) = warned(PumpExternalID="a" * 15)
    assert warning.startswith("the external ID has only 15 characters; ")
    assert warned(PumpExternalID="a" * 16) == []
    assert warned(PumpIamRole=PUMP_ACCOUNT) == []


def test_name_of_the_other_template_is_a_warning() -> None:
    url = "https://s3.us-east-1.amazonaws.com/templates/pumpautopilot.json"
    (warning,) = warned(url)
    assert warning.startswith("the URL contains PumpAutoPilot, ")
    assert not list(warnings_about("auto-pilot", template_url=url, parameters={}))
