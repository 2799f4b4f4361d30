"""Public templates are measured by their addresses and digests."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tools.sandbox import real_templates
from tools.sandbox.real_templates import ADDRESSES, REPOSITORIES, contents, findings

TOPIC = b"Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
ROLE = b"""Resources:
  Role:
    Type: AWS::IAM::RolePolicy
    Properties: {RoleName: PumpReadOnlyRole, PolicyName: P, PolicyDocument: {}}
"""


@pytest.mark.parametrize(("content", "found"), [(TOPIC, 0), (ROLE, 2), (b"on: push\n", None)])
def test_counts_the_findings_that_a_template_adds(content: bytes, found: int | None) -> None:
    assert findings("t.yaml", content) == found


def test_rejects_a_template_with_another_digest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(real_templates, "git", lambda *_: TOPIC)
    digest = sha256(TOPIC).hexdigest()
    listed = {"a/b": {"commit": "c", "files": {"t.yaml": digest}}}
    assert [*contents(tmp_path, listed)] == [("a/b", "t.yaml", TOPIC)]
    listed["a/b"]["files"] = {"t.yaml": "0" * 64}
    with pytest.raises(ValueError, match=r"a/b/t\.yaml has another digest"):
        next(contents(tmp_path, listed))


def test_lists_templates_of_each_repository() -> None:
    listed = json.loads(ADDRESSES.read_text())
    assert listed.keys() == REPOSITORIES.keys()
    assert all(len(at["files"]) > 100 for at in listed.values())
