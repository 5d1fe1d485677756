"""The rules as a policy pack, https://www.pulumi.com/docs/iac/crossguard: `pulumi preview --policy-pack policies`."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.resources import UNKNOWN, Resource
from policies.rules import RESOURCE_RULES, STACK_RULES, ResourceRule, StackRule

NAME = "prefect-selfhost"
BLIND = {
    "no-secret-in-clear": "the engine hands secrets to a policy pack as if they stood in clear; make preview tells"
}
"""Rules that a pack cannot judge, and why."""


def policies() -> list[Policy]:
    """Return the rules as policies that a stack must keep."""
    ones = [_resource_policy(name, rule) for name, rule in RESOURCE_RULES.items()]
    return [*ones, *(_stack_policy(name, rule) for name, rule in STACK_RULES.items())]


def _resource_policy(name: str, rule: ResourceRule) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if name in BLIND:
            args.not_applicable(BLIND[name])
        resource = Resource(
            type=args.resource_type, name=args.name, inputs=_known(args.props), protect=bool(args.opts.protect)
        )
        for message in dict.fromkeys(rule(resource)):
            report(message)

    return ResourceValidationPolicy(name, _description(rule), validate, EnforcementLevel.MANDATORY)


def _stack_policy(name: str, rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        urns = {one.name: one.urn for one in args.resources}
        for resource, message in rule([_resource(one) for one in args.resources]):
            report(message, urns[resource.name])

    return StackValidationPolicy(name, _description(rule), validate, EnforcementLevel.MANDATORY)


def _description(rule: ResourceRule | StackRule) -> str:
    return (inspect.getdoc(rule) or "").partition("\n")[0]


def _resource(one: PolicyResource) -> Resource:
    return Resource(
        type=one.resource_type,
        name=one.name,
        inputs=_known(one.props),
        protect=bool(one.opts.protect),
        parent=one.parent.name if one.parent else None,
        depends_on=frozenset(other.name for other in one.dependencies),
    )


def _known(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as rules take them: to read an unknown one would end the policy."""
    return {key: _read(props, key) for key in props}


def _read(container: Any, key: Any) -> Any:
    try:
        value = container[key]
    except UnknownValueError:
        return UNKNOWN
    if isinstance(value, Mapping):
        return _known(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(_items(value))
    return value


def _items(values: Sequence[Any]) -> Iterator[Any]:
    for index in range(len(values)):
        yield _read(values, index)
