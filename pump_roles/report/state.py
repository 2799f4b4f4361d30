"""The parts of a role that reports compare, now or in an earlier report."""

from collections.abc import Mapping
from dataclasses import dataclass

from pump_roles.report.decisions import Grant
from pump_roles.report.model import Compared, Report, RoleReport
from pump_roles.templates import Place

__all__ = ["Earlier", "State", "Written", "state_of"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A pattern as it is written in a policy.

    :param policy: the policy's name.
    :param pattern: the pattern.
    :param effect: ``Allow`` or ``Deny``.
    :param scope: on which resources, and under which conditions.
    :param exact: whether the catalog has everything that it matches.
    """

    policy: str
    pattern: str
    effect: str
    scope: str
    exact: bool


@dataclass(frozen=True, kw_only=True)
class State:
    """A role at one time.

    :param name: its name.
    :param grants: how it has each action, by the action's name.
    :param clauses: the patterns of its policies.
    :param risks: what each action is counted under.
    :param answers: the answer to each statement in plain words, by the statement's ID.
    :param guardrails: the names of its guardrails' policies, by the guardrails' names.
    :param values: the values of its guardrails, by the guardrails' names.
    :param in_words: the same values in words.
    :param ends: the names of the guardrails that deny everything from a certain time on.
    :param principals: who may assume it.
    :param external_id: whether it requires an external ID.
    :param external_ids: how many external IDs it accepts.
    :param trust_sha256: the SHA-256 of its trust policy; empty for a published role.
    :param trust_problems: how its trust is not one principal with an external ID.
    :param boundary: its permissions boundary.
    :param unreadable: its parts that cannot be read or counted.
    :param exact: whether its numbers are exact.
    :param filled_sha256: the SHA-256 of what is filled in when it is deployed; empty if nothing is.
    """

    name: str
    grants: Mapping[str, Grant]
    clauses: frozenset[Written]
    risks: Mapping[str, str]
    answers: Mapping[str, str]
    guardrails: Mapping[str, str]
    values: Mapping[str, tuple[str, ...]]
    in_words: Mapping[str, str]
    ends: frozenset[str]
    principals: frozenset[str]
    external_id: bool
    external_ids: int
    trust_sha256: str
    trust_problems: frozenset[str]
    boundary: str
    unreadable: frozenset[str]
    exact: bool
    filled_sha256: str

    @property
    def patterns(self) -> frozenset[tuple[str, str]]:
        """The policies and patterns that allow something."""
        return frozenset(
            (clause.policy, clause.pattern) for clause in self.clauses if clause.effect == "Allow"
        )

    @property
    def uncounted(self) -> frozenset[tuple[str, str, str]]:
        """The effects, patterns, and scopes that the catalog does not cover completely."""
        return frozenset(
            (clause.effect, clause.pattern, clause.scope)
            for clause in self.clauses
            if not clause.exact
        )

    @property
    def opaque(self) -> frozenset[str]:
        """Its parts that cannot be read, other than patterns."""
        return self.unreadable - {
            f"{clause.pattern} in {clause.policy}" for clause in self.clauses if not clause.exact
        }

    def scopes(self, guardrail: str) -> Mapping[str, frozenset[str]]:
        """Return where and when one of its guardrails denies, by pattern.

        :param guardrail: the guardrail's name.
        """
        found: dict[str, set[str]] = {}
        for clause in self.clauses:
            if clause.policy == self.guardrails[guardrail]:
                found.setdefault(clause.pattern, set()).add(clause.scope)
        return {pattern: frozenset(scopes) for pattern, scopes in found.items()}


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier report.

    :param compared: the report's file and version.
    :param roles: its roles by kind.
    :param places: where they were deployed.
    :param suspects: what could give more access than the roles.
    :param suspects_sha256: the SHA-256 of the suspects; empty if there were none.
    """

    compared: Compared
    roles: Mapping[str, State]
    places: tuple[Place, ...]
    suspects: frozenset[str]
    suspects_sha256: str


def state_of(role: RoleReport, report: Report) -> State:
    """Return the current state of a role.

    :param role: the role.
    :param report: the report that it is in.
    """
    having = [action for action in report.actions if role.kind in action.roles]
    return State(
        name=role.name,
        grants={action.name: action.roles[role.kind] for action in having},
        clauses=frozenset(
            Written(
                policy=policy.name,
                pattern=pattern.pattern,
                effect=pattern.effect,
                scope=pattern.scope,
                exact=pattern.exact,
            )
            for policy in role.policies
            for pattern in policy.patterns
        ),
        risks={action.name: action.risk for action in having},
        answers={
            statement.id: statement.roles[role.kind].answer for statement in report.statements
        },
        guardrails={found.name: found.policy for found in role.guardrails},
        values={found.name: found.values for found in role.guardrails},
        in_words={found.name: found.value for found in role.guardrails},
        ends=frozenset(found.name for found in role.guardrails if found.ends),
        principals=frozenset(role.principals),
        external_id=role.external_id,
        external_ids=role.external_ids,
        trust_sha256=role.trust_sha256,
        trust_problems=frozenset(role.trust_problems),
        boundary=role.boundary,
        unreadable=frozenset((*role.unreadable, *role.uncounted)),
        exact=role.exact,
        filled_sha256=role.filled_sha256,
    )
