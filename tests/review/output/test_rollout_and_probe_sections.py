"""The documents of rollouts and of a probe: the whole state, first what needs attention."""

from pump_roles.review.account.probe import ProbeAttempt, ProbeReport, ProbeResult
from pump_roles.review.account.rollout_status import RolloutStatus, RolloutUnknown, Statuses
from tests.documents import document_of, written
from tests.review.account import statuses

(ROLLOUT,) = statuses.with_everything().rollouts
PROVEN = "can be assumed with its external ID, but not without one or with a wrong one"
UNREAD = RolloutStatus(
    stack_set="PumpAutoPilot",
    state="unknown",
    unknown=(RolloutUnknown(why="not-read", detail="denied"),),
    region="us-east-1",
)


def test_rollout_says_what_is_wrong() -> None:
    found = Statuses(rollouts=(ROLLOUT, UNREAD))
    assert written(found, "table") == (
        "Pump's rollouts\n"
        "\n"
        "StackSet PumpReadOnly in us-east-1\n"
        "  targets: r-abcd, except 444455556666\n"
        "  accounts: 1 not-current\n"
        "  stack instances that are not current: 1\n"
        "  the StackSet targets ou-abcd-12345678, r-abcd, but should target r-abcd; deploy the "
        "rollout again\n"
        "  Not counted: the management account 123456789012. StackSets never deploy to it.\n"
        "  account       name  state                     unit                     reason\n"
        "  111122223333  text  not-current (text, text)  r-abcd/ou-abcd-12345678  text\n"
        "\n"
        "StackSet PumpAutoPilot in us-east-1\n"
        "  could not be determined: the StackSet could not be read: denied\n"
        "\n"
        "Rollouts: 1 incomplete, 1 unknown.\n"
    )
    markdown = written(found, "markdown")
    assert "| 111122223333 | `text` | **not-current (text, text)** |" in markdown
    assert all(section.attention for section in document_of(found).sections)


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
