"""`make sandbox`: a shell in which AWS is the emulator, to try the commands of the guides."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, Caller, embedded_aws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.organization import Organization

PROMPT: Final = "(pump-roles sandbox) "
"""What each prompt begins with."""

UNITS: Final = {"Workloads": 3, "Sandbox": 2}
"""The organizational units, and how many accounts are in each."""

INTRODUCTION: Final = f"""\
In this shell, AWS is an emulator that enforces IAM: the account {ACCOUNT_ID}, with administrator
credentials. Nothing reaches a real account. For example:

  npx cdk deploy PumpReadOnly -c pump:settings=examples/settings.json
  pump-roles verify --expect cdk.out/PumpReadOnly.template.json
  aws iam get-role --role-name PumpReadOnlyRole

It is the management account of an organization with {sum(UNITS.values())} members. For a rollout:

  npx cdk deploy PumpReadOnlyRollout -c pump:settings={{settings}}
  pump-roles rollout-status --expect cdk.out
  aws cloudformation list-stack-instances --stack-set-name PumpReadOnly
  pump-roles verify --expect cdk.out/PumpReadOnly.template.json --assume-role {AUDITOR}
  aws organizations list-roots

Without -c, the settings are those in your pump.json. Without a terminal, also pass
--require-approval never to cdk deploy.

The emulator lacks Savings Plans, Reserved Instances and their listings, Cost Explorer, Support,
and Service Quotas. An error says if it lacks an operation.

To stop the emulator and delete everything in it: exit
"""

_COMMANDS: Final = "aws node npm npx pump-roles python python3"
"""The commands that are this project's, even if a startup file has other ones."""

_USERS_BASH: Final = "[ -r ~/.bashrc ] && . ~/.bashrc\n"

_USERS_ZSHENV: Final = """\
__pump_startup=$ZDOTDIR
{zdotdir}
[ -r "${{ZDOTDIR:-$HOME}}/.zshenv" ] && . "${{ZDOTDIR:-$HOME}}/.zshenv"
[ "${{ZDOTDIR-}}" ] && __pump_zdotdir=$ZDOTDIR
ZDOTDIR=$__pump_startup
"""

_USERS_ZSHRC: Final = """\
if [ "${__pump_zdotdir-}" ]; then ZDOTDIR=$__pump_zdotdir; else unset ZDOTDIR; fi
[ -r "${ZDOTDIR:-$HOME}/.zshrc" ] && . "${ZDOTDIR:-$HOME}/.zshrc"
"""

# At each prompt, because tools such as mise change the PATH there, and others the prompt.
_OURS: Final = """\
unset $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')
{variables}
unalias {commands} 2>/dev/null
unset -f {commands} 2>/dev/null
__pump_sandbox() {{
  case $PATH in {folder}:*) ;; *) PATH={folder}:$PATH ;; esac
  case $PS1 in {prompt}*) ;; *) PS1={prompt}$PS1 ;; esac
}}
"""

_AT_EACH_PROMPT: Final = {
    "bash": "PROMPT_COMMAND=\"${PROMPT_COMMAND-}\"$'\\n'__pump_sandbox\n",
    "zsh": "precmd_functions+=(__pump_sandbox)\n",
}


def startup_files(shell: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the startup files of a shell: they first read the user's own, then ours."""
    variables = "\n".join(
        f"export {name}={shlex.quote(value)}"
        for name, value in environment.items()
        if name.startswith("AWS_") or name.lower() == "no_proxy"
    )
    ours = _OURS.format(
        variables=variables,
        commands=_COMMANDS,
        folder=shlex.quote(str(Path(sys.executable).parent)),
        prompt=shlex.quote(PROMPT),
    )
    ours += _AT_EACH_PROMPT[shell]
    if shell == "bash":
        return {"bashrc": _USERS_BASH + ours}
    zdotdir = os.environ.get("ZDOTDIR")
    own = "unset ZDOTDIR" if zdotdir is None else f"ZDOTDIR={shlex.quote(zdotdir)}"
    return {".zshenv": _USERS_ZSHENV.format(zdotdir=own), ".zshrc": _USERS_ZSHRC + ours}


def run(shell: str, environment: Mapping[str, str]) -> int:
    """Run a shell until it exits, and return its exit status."""
    name = Path(shell).name
    if name not in _AT_EACH_PROMPT:
        shell = name = "bash"
    with TemporaryDirectory() as folder:
        for file, text in startup_files(name, environment).items():
            (Path(folder) / file).write_text(text, "utf-8")
        command = [shell, "--rcfile", f"{folder}/bashrc"] if name == "bash" else [shell]
        more = {} if name == "bash" else {"ZDOTDIR": folder}
        return subprocess.run(
            command, cwd=ROOT, env={**environment, **more}, check=False
        ).returncode


def main() -> int:
    with embedded_aws() as aws, TemporaryDirectory() as folder:
        organization = Organization.create(aws.organizations, UNITS)
        for account in organization.accounts():
            let_audit(aws, Caller(account.id))
        example = json.loads((ROOT / "examples" / "settings.json").read_text(encoding="utf-8"))
        example["read-only"] = {"organizational-units": [organization.root]}
        settings = Path(folder) / "rollout.json"
        settings.write_text(json.dumps(example, indent=2), encoding="utf-8")
        print(INTRODUCTION.format(settings=settings), flush=True)
        environment = tool_environment() | dict(aws.environment())
        return run(os.environ.get("SHELL", ""), environment)


if __name__ == "__main__":
    sys.exit(main())
