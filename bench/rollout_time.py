"""How long a rollout takes by AWS's documented quotas: `make plot` draws docs/rollout-time.svg."""

from typing import Final

from sandbox.cdk import ROOT

CONCURRENT_OPERATIONS: Final = 10_000
"""CloudFormation User Guide, "Understand CloudFormation quotas": stack instances that an
administrator account's StackSets can work on at one time in a region."""

HANDLER_MINUTES: Final = 2_160
"""After this time CloudFormation gives up on a StackSet that it creates or updates."""

PICTURE: Final = ROOT / "docs" / "rollout-time.svg"


def minutes(accounts: int, percentage: int, seconds: float) -> float:
    """Return the least time that an operation of a StackSet takes.

    :param accounts: the number of targeted accounts.
    :param percentage: the percentage of them that it works in at one time.
    :param seconds: the time that one stack takes.
    """
    at_once = min(max(accounts * percentage // 100, 1), CONCURRENT_OPERATIONS)
    rounds = -(-accounts // at_once)
    return rounds * seconds / 60


def main() -> None:
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    # The same bytes each time.
    mpl.rcParams["svg.hashsalt"] = "pump-roles"
    mpl.rcParams["svg.fonttype"] = "none"
    accounts = [*range(1, 100), *range(100, 1_000, 10), *range(1_000, 10_001, 100)]
    figure, axes = plt.subplots(figsize=(7, 4))
    for percentage in (1, 5, 10, 25, 100):
        times = [minutes(count, percentage, 60) for count in accounts]
        axes.plot(accounts, times, label=f"{percentage} %", linewidth=1.2)
    axes.axhline(HANDLER_MINUTES, color="black", linestyle="--", linewidth=0.8)
    axes.annotate("CloudFormation gives up: 2,160 min", (1.2, HANDLER_MINUTES * 1.12), fontsize=8)
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(0.8, 5_000),
        xlabel="accounts",
        ylabel="minutes, at 60 seconds a stack",
        title="How long an operation takes, by max-concurrent-percentage",
    )
    axes.grid(which="both", linewidth=0.2)
    axes.legend(title="at one time", fontsize=8)
    figure.savefig(PICTURE, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()
