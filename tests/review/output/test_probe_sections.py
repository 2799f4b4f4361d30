"""The document of a probe: the whole state, first what needs attention."""

from pump_roles.pump_side import ProbeAttempt, ProbeResult
from pump_roles.review.account.probe import ProbeReport
from tests.documents import written

PROVEN = "can be assumed with its external ID, but not without one or with a wrong one"


def test_probe_shows_first_which_roles_do_not_require_their_external_id() -> None:
    accepted, refused = ProbeAttempt("accepted"), ProbeAttempt("refused")
    failed = ProbeAttempt("unknown", "failed", "throttled")
    attempts = (
        (accepted, refused, refused),
        (failed, refused, refused),
        (accepted, accepted, accepted),
        (accepted, refused, refused),
    )
    roles = tuple(ProbeResult(f"arn:{number}", *each) for number, each in enumerate(attempts))
    report = ProbeReport(caller="arn:aws:iam::999988887777:root", roles=roles)
    assert written(report, "table") == (
        "Whether roles require their external ID\n"
        "Called by arn:aws:iam::999988887777:root\n"
        "\n"
        "Roles\n"
        "  external ID   role   why\n"
        "  not required  arn:2  can be assumed without an external ID and with a wrong external "
        "ID\n"
        "  unknown       arn:1  with this external ID: throttled\n"
        f"  required      arn:0  {PROVEN}\n"
        f"  required      arn:3  {PROVEN}\n"
        "\n"
        "External ID: 1 not required, 1 unknown, 2 required.\n"
    )
    markdown = written(report, "markdown")
    assert "| **not required** | `arn:2` | can be assumed " in markdown
    assert markdown.splitlines()[2] == "**External ID: 1 not required, 1 unknown, 2 required.**"
