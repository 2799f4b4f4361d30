"""The command line, ``pump-roles``: one module for each command. Each loads only what it needs."""

import click

from pump_roles._version import __version__
from pump_roles.review.cli.activity_command import activity
from pump_roles.review.cli.link_command import link
from pump_roles.review.cli.probe_command import probe
from pump_roles.review.cli.report_command import report
from pump_roles.review.cli.rollout_status_command import rollout_status
from pump_roles.review.cli.template_command import template
from pump_roles.review.cli.verify_command import verify

__all__ = ["app"]


@click.group(
    commands=[rollout_status, probe, verify, activity, report, template, link],
    context_settings={"show_default": True},
)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Get the templates of Pump's roles, and inspect roles and rollouts.

    No command changes anything in AWS.
    """
