"""The template without the CDK, from a link or with the AWS CLI: Pump can assume the role."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.handlers import json_decode_template_body
from click.testing import CliRunner

from pump_roles.published import ROLES
from pump_roles.review.cli import app
from tests.docs.pages import TEMPLATE, quick_create_link, sh_blocks
from tests.support import PRINCIPAL
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment

# Everything that an external ID can have and a URL treats in its own way.
EXTERNAL_ID = "a+b=c,d.e@f:g/h-i_j"
BUCKET = "templates"


def run(*arguments: str) -> bytes:
    ended = CliRunner().invoke(app, arguments)
    assert (ended.exit_code, ended.stderr) == (0, "")
    return ended.stdout_bytes


def linked(aws: EmbeddedAws, kind: str) -> tuple[bytes, str]:
    """Publish what the command prints, and return it with the guide's link to it."""
    content, key = run("template", kind), f"v0.1.0/{ROLES[kind].stack_name}+1.template.json"
    storage = aws.client("s3")
    storage.create_bucket(Bucket=BUCKET)
    storage.put_object(Bucket=BUCKET, Key=key, Body=content)
    url = f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{key}?versionId=a+b%2Bc"
    return content, quick_create_link(
        {"TEMPLATE_URL": url, "PRINCIPAL": PRINCIPAL, "EXTERNAL_ID": EXTERNAL_ID}
    )


@pytest.mark.parametrize("kind", ROLES)
def test_link_deploys_the_printed_template_and_pump_can_assume_the_role(
    kind: str, aws: EmbeddedAws
) -> None:
    content, link = linked(aws, kind)
    # As the console does.
    found = dict(parse_qsl(urlsplit(link).fragment.partition("?")[2], strict_parsing=True))
    client = aws.cloudformation()
    client.create_stack(
        StackName=found["stackName"],
        TemplateURL=found["templateURL"],
        Parameters=[
            {"ParameterKey": name.removeprefix("param_"), "ParameterValue": value}
            for name, value in found.items()
            if name.startswith("param_")
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    client.meta.events.unregister(
        "after-call.cloudformation.GetTemplate", json_decode_template_body
    )
    # As sent: boto3 would parse it.
    deployed: Any = client.get_template(StackName=found["stackName"])["TemplateBody"]
    assert deployed == content.decode()
    pump = aws.caller_in(PRINCIPAL)
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLES[kind].name}"
    assert aws.can_assume(arn, pump, external_id=EXTERNAL_ID)
    for other in (None, EXTERNAL_ID.replace("+", "-"), EXTERNAL_ID[:-1]):
        assert not aws.can_assume(arn, pump, external_id=other)
    # Nobody else of Pump's account.
    other_role = aws.caller_in(f"{PRINCIPAL}Too")
    assert not aws.can_assume(arn, other_role, external_id=EXTERNAL_ID)


@pytest.mark.slow
def test_commands_without_the_cdk_create_and_update_the_role_and_reject_the_placeholders(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    create, arn, _ = (block for block in sh_blocks(TEMPLATE) if "aws cloudformation" in block)
    # As the page says: without the parameters, which keep their values.
    update = create.partition(" \\\n    --parameter-overrides")[0]
    assert update != create
    file = "PumpReadOnly-recommended.template.json"
    content = (ROOT / "cloudformation" / file).read_text()
    (tmp_path / file).write_text(content)

    def shell(block: str) -> tuple[int, str]:
        ended = subprocess.run(
            ["sh", "-euc", block],
            cwd=tmp_path,
            env={**tool_environment(), **aws.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr

    with_principal = create.replace("=PRINCIPAL", f"={PRINCIPAL}")
    for values, name in ((create, "PumpIamRole"), (with_principal, "PumpExternalID")):
        status, shown = shell(values)
        assert (status, f"Parameter '{name}' must be " in shown) == (255, True)
    assert shell(with_principal.replace("=EXTERNAL_ID", f"={EXTERNAL_ID}"))[0] == 0
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"
    assert shell(arn) == (0, f"{role}\n")
    template = json.loads(content)
    template["Resources"]["ReadOnlyRole"]["Properties"]["Description"] = "Newer"
    (tmp_path / file).write_text(json.dumps(template))
    # The AWS CLI names a change set after the second.
    time.sleep(1)
    assert shell(update)[0] == 0
    assert aws.iam().get_role(RoleName="PumpReadOnlyRole")["Role"]["Description"] == "Newer"
    assert aws.can_assume(role, aws.caller_in(PRINCIPAL), external_id=EXTERNAL_ID)
