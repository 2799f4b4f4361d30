"""How long a rollout takes by AWS's documented quotas: `make plot` draws docs/rollout-time.svg."""

from collections.abc import Iterable
from typing import Final

from tools.sandbox.cdk import ROOT
from tools.sandbox.operations import OPERATION_HOURS

CONCURRENT_OPERATIONS: Final = 10_000
"""CloudFormation User Guide, "Understand CloudFormation quotas": stack instances that an
administrator account's StackSets can work on at one time in a region."""

PICTURE: Final = ROOT / "docs" / "rollout-time.svg"


def rounds(accounts: int, percentage: int) -> int:
    """Return the number of rounds of an operation of a StackSet.

    :param accounts: the number of accounts that it works in.
    :param percentage: the percentage of them that it works in at one time.
    """
    at_once = min(max(accounts * percentage // 100, 1), CONCURRENT_OPERATIONS)
    return -(-accounts // at_once)


def minutes(operations: Iterable[int], percentage: int, seconds: float) -> float:
    """Return the least time that the operations of a deployment take, one after another.

    :param operations: for each operation, the number of accounts that it works in.
    :param percentage: the percentage of them that it works in at one time.
    :param seconds: the time that one stack takes.
    """
    return sum(rounds(accounts, percentage) for accounts in operations) * seconds / 60


def filtered_update(accounts: int, units: int) -> list[int]:
    """Return for each operation of an update with an account filter how many accounts it works in.

    :param accounts: the number of targeted accounts, spread evenly over the units.
    :param units: the number of listed organizational units.
    """
    return [accounts, *((accounts + unit) // units for unit in range(units))]


def main() -> None:
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    # The same bytes each time.
    mpl.rcParams["svg.hashsalt"] = "pump-roles"
    mpl.rcParams["svg.fonttype"] = "none"
    accounts = [*range(1, 100), *range(100, 1_000, 10), *range(1_000, 10_001, 100)]
    figure, axes = plt.subplots(figsize=(7, 4))
    for percentage in (1, 5, 10, 25, 100):
        times = [minutes([count], percentage, 60) for count in accounts]
        axes.plot(accounts, times, label=f"{percentage}%", linewidth=1.2)
    counts = [count for count in accounts if count >= 10]
    times = [minutes(filtered_update(count, 10), 10, 60) for count in counts]
    axes.plot(
        counts,
        times,
        label="10%, update with\na filter, 10 units",
        color="C2",
        linestyle=":",
        linewidth=1.2,
    )
    limit = OPERATION_HOURS * 60
    axes.axhline(limit, color="black", linestyle="--", linewidth=0.8)
    axes.annotate(
        f"the limit of one operation: {OPERATION_HOURS} hours", (1.2, limit * 1.12), fontsize=8
    )
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(0.8, 5_000),
        xlabel="accounts",
        ylabel="minutes, at 60 seconds per stack",
        title="How long a deployment takes, by max-concurrent-percentage",
    )
    axes.grid(which="both", linewidth=0.2)
    axes.legend(title="at one time", fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.savefig(PICTURE, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()
