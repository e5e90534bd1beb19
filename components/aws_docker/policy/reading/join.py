"""Joins a stack's resources: machine, interfaces, groups, rules and prefix lists, wherever they were made.

Built once for each stack. At a preview new resources have no ids yet, so resources are joined by what the engine says
of each property's dependencies, and by ids where those are known. What the join means is for the policy.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from pulumi_policy import PolicyResource

from ...core.addresses import AddressSet, union
from .documents import sent_parameters, ssm_document
from .facts import Facts, Ingress
from .table import Role, read, roles
from .values import About, Value

_NAMING_OTHERS: Final = Role.RULE | Role.INTERFACE_ATTACHMENT | Role.GROUP_ATTACHMENT | Role.PREFIX_LIST_ENTRY
"""What has the id of another resource for a property: of `groupId`, say."""
_OWN_RULE_OF: Final = ("securityGroupId", "groupId")
_GROUPS_OF: Final = (
    "vpcSecurityGroupIds",
    "securityGroupIds",
    "securityGroups",
    "groupSet",
    "securityGroupNames",
)
_SPECIFICATIONS: Final = ("launchSpecifications", "spotFleetRequestConfigData")
_PREFIX_LISTS_OF: Final = (
    "prefixListId",
    "prefixListIds",
    "sourcePrefixListId",
    "ingress",
    "securityGroupIngress",
)


@dataclass(frozen=True, slots=True)
class Group:
    """A security group of the stack, with every rule that was made for it."""

    resource: PolicyResource
    rules: tuple[tuple[PolicyResource, Ingress], ...]


@dataclass(frozen=True, slots=True)
class Host:
    """A machine of the stack with what lets traffic in to it."""

    resource: PolicyResource
    facts: Facts
    groups: tuple[Group, ...]
    elsewhere: tuple[str, ...]
    """Groups that were not made in this stack, or that cannot be told."""


class Forwarded(NamedTuple):
    """A target of a load balancer."""

    resource: PolicyResource
    """What made it a target."""
    port: Value


class Index:
    """A stack's resources by kind and by id."""

    def __init__(self, resources: Iterable[PolicyResource]) -> None:
        self._with_role: dict[Role, list[PolicyResource]] = {role: [] for role in Role}
        self._by_id: dict[str, PolicyResource] = {}
        for resource in resources:
            has = roles(resource.resource_type)
            if not has:
                continue
            for role in has:
                self._with_role[role].append(resource)
            properties = Value(resource.props)
            for name in ("id", "arn", "groupId", "prefixListId", "networkInterfaceId"):
                if name not in ("id", "arn") and has & _NAMING_OTHERS:
                    continue
                value = properties[name].raw
                if isinstance(value, str) and value:
                    self._by_id.setdefault(value, resource)
        self._entries = self._prefix_list_entries()
        self._rules = self._rules_of_groups()
        self._forwarded = self._forwarded_to_machines()

    def _targets(
        self, resource: PolicyResource, names: Iterable[str], wanted: Role
    ) -> tuple[list[PolicyResource], list[str]]:
        """The resources that properties refer to, and the ids that are no resource of this stack."""
        found: dict[str, PolicyResource] = {}
        others: list[str] = []
        for name in names:
            for dependency in resource.property_dependencies.get(name, ()):
                if roles(dependency.resource_type) & wanted:
                    found[dependency.urn] = dependency
            for item in Value(resource.props)[name].each():
                if not isinstance(item.raw, str):
                    continue
                known = self._by_id.get(item.raw)
                if known is None:
                    others.append(item.raw)
                elif roles(known.resource_type) & wanted:
                    found[known.urn] = known
        return list(found.values()), others

    # --- Prefix lists ------------------------------------------------------------------------------------------------

    def _prefix_list_entries(self) -> dict[str, AddressSet]:
        parts: dict[str, list[AddressSet]] = {}
        for resource in self._with_role[Role.PREFIX_LIST]:
            parts[resource.urn] = [
                _network(_child(entry, "cidr")) for entry in Value(resource.props)["entries"].each()
            ]
        for entry in self._with_role[Role.PREFIX_LIST_ENTRY]:
            for target in self._targets(entry, ["prefixListId"], Role.PREFIX_LIST)[0]:
                parts[target.urn].append(_network(Value(entry.props)["cidr"]))
        return {urn: union(networks) for urn, networks in parts.items()}

    def with_entries(self, resource: PolicyResource, rule: Ingress) -> tuple[Ingress, AddressSet]:
        """A rule with its prefix lists' entries for those that stand in this stack, and these entries."""
        lists, _ = self._targets(resource, _PREFIX_LISTS_OF, Role.PREFIX_LIST)
        known = {each for each in rule.rule.prefix_lists if each in self._by_id}
        lists += [
            self._by_id[each] for each in known if self._by_id[each].urn not in {one.urn for one in lists}
        ]
        doubts = tuple(each for each in rule.address if each.about is not About.PREFIX_LIST)
        if not lists or (not known and doubts == rule.address):
            return rule, union(())
        entries = union(self._entries.get(each.urn, union(())) for each in lists)
        resolved = rule.rule._replace(
            addresses=rule.rule.addresses | entries, prefix_lists=rule.rule.prefix_lists - known
        )
        return replace(rule, rule=resolved, address=doubts), entries

    # --- Groups ------------------------------------------------------------------------------------------------------

    def _rules_of_groups(self) -> dict[str, list[tuple[PolicyResource, Ingress]]]:
        rules: dict[str, list[tuple[PolicyResource, Ingress]]] = {}
        for group in self._with_role[Role.GROUP]:
            rules[group.urn] = [(group, each) for each in _ingress(group)]
        for rule in self._with_role[Role.RULE]:
            for group in self._targets(rule, _OWN_RULE_OF, Role.GROUP)[0]:
                rules[group.urn] += [(rule, each) for each in _ingress(rule)]
        return rules

    def rules(self) -> Iterator[tuple[PolicyResource, Ingress]]:
        """Every rule of the stack, with the resource that it stands in."""
        for resource in [*self._with_role[Role.GROUP], *self._with_role[Role.RULE]]:
            for rule in _ingress(resource):
                yield resource, rule

    # --- Load balancers ----------------------------------------------------------------------------------------------

    def _forwarded_to_machines(self) -> dict[str, list[Forwarded]]:
        found: dict[str, list[Forwarded]] = {}
        for resource in self._with_role[Role.TARGET]:
            port = Value(resource.props)["port"]
            if port.absent:
                names = ["targetGroupArn", "targetGroupIdentifier"]
                groups, _ = self._targets(resource, names, Role.TARGETS)
                port = Value(groups[0].props)["port"] if groups else port
            for machine in self._targets(resource, ["targetId", "target"], Role.MACHINE)[0]:
                found.setdefault(machine.urn, []).append(Forwarded(resource, port))
        return found

    def forwarded(self, machine: PolicyResource) -> list[Forwarded]:
        """What a machine is a target of."""
        return self._forwarded.get(machine.urn, [])

    def published(self) -> Iterator[tuple[PolicyResource, PolicyResource]]:
        """Endpoint services, each with a listener or a group of targets of its load balancers."""
        listeners: dict[str, list[PolicyResource]] = {}
        for listener in self._with_role[Role.LISTENER]:
            for balancer in self._targets(listener, ["loadBalancerArn"], Role.BALANCER)[0]:
                listeners.setdefault(balancer.urn, []).append(listener)
        for service in self._with_role[Role.ENDPOINT_SERVICE]:
            for balancer in self._targets(service, ["networkLoadBalancerArns"], Role.BALANCER)[0]:
                for listener in listeners.get(balancer.urn, ()):
                    yield service, listener
                    for group in self._targets(listener, ["defaultActions"], Role.TARGETS)[0]:
                        yield service, group

    # --- Documents that are sent to machines -------------------------------------------------------------------------

    def sent(self) -> Iterator[tuple[PolicyResource, PolicyResource, Facts]]:
        """What sends a document of the stack, the document, and what it says with the parameters that are sent."""
        for sender in self._with_role[Role.SENT]:
            for document in self._targets(sender, ["name", "taskArn"], Role.SENDABLE)[0]:
                facts = Facts()
                try:
                    ssm_document(Value(document.props), facts, sent_parameters(Value(sender.props)))
                except ValueError:
                    continue  # the document's own policies speak of it
                yield sender, document, facts

    # --- Machines ----------------------------------------------------------------------------------------------------

    def hosts(self) -> Iterator[Host]:
        """Every machine of the stack."""
        for resource in self._with_role[Role.MACHINE]:
            facts = read(resource.resource_type, resource.props)
            if facts is None:
                continue
            templates, _ = self._targets(resource, ["launchTemplate"], Role.TEMPLATE)
            for template in templates:
                inherited = read(template.resource_type, template.props)
                if inherited is not None and not any(machine.user_data for machine in facts.machines):
                    facts.machines = inherited.machines
            groups, elsewhere = self._groups([resource, *templates])
            made = tuple(Group(group, tuple(self._rules[group.urn])) for group in groups)
            yield Host(resource, facts, made, tuple(elsewhere))

    def _groups(self, machines: list[PolicyResource]) -> tuple[list[PolicyResource], list[str]]:
        found: dict[str, PolicyResource] = {}
        elsewhere: list[str] = []

        def add(resource: PolicyResource, names: Iterable[str]) -> None:
            groups, others = self._targets(resource, names, Role.GROUP)
            found.update({group.urn: group for group in groups})
            elsewhere.extend(others)

        interfaces: dict[str, PolicyResource] = {}
        for machine in machines:
            add(machine, _GROUPS_OF)
            # Groups and interfaces that stand inside the machine.
            add(machine, ["networkInterfaces", "launchTemplateData", *_SPECIFICATIONS])
            for each in self._inner(machine):
                elsewhere += [item for item in each if item not in self._by_id]
                found.update(
                    {
                        g.urn: g
                        for g in map(self._by_id.get, each)
                        if g and roles(g.resource_type) & Role.GROUP
                    }
                )
            near, _ = self._targets(machine, ["networkInterfaces", "primaryNetworkInterface"], Role.INTERFACE)
            interfaces.update({each.urn: each for each in near})
            for attachment in self._with_role[Role.INTERFACE_ATTACHMENT]:
                if machine in self._targets(attachment, ["instanceId"], Role.MACHINE)[0]:
                    near, _ = self._targets(attachment, ["networkInterfaceId"], Role.INTERFACE)
                    interfaces.update({each.urn: each for each in near})
        for interface in interfaces.values():
            add(interface, _GROUPS_OF)
        for attachment in self._with_role[Role.GROUP_ATTACHMENT]:
            near, _ = self._targets(attachment, ["networkInterfaceId"], Role.INTERFACE | Role.MACHINE)
            if any(each in machines or each.urn in interfaces for each in near):
                add(attachment, ["securityGroupId"])
        if not found and not elsewhere:
            defaults = self._with_role[Role.DEFAULT]
            return defaults, [] if defaults else ["the VPC's default group"]
        return list(found.values()), list(dict.fromkeys(elsewhere))

    @staticmethod
    def _inner(machine: PolicyResource) -> Iterator[list[str]]:
        properties = Value(machine.props)
        blocks = [properties, _child(properties, "launchTemplateData")]
        for holder in (properties, _child(properties, "spotFleetRequestConfigData")):
            blocks += _child(holder, "launchSpecifications").each()
        for block in blocks:
            places = [] if block is properties else [_child(block, name) for name in _GROUPS_OF]
            for interface in _child(block, "networkInterfaces").each():
                places += [_child(interface, name) for name in ("securityGroups", "groups", "groupSet")]
            for place in places:
                items = [_child(item, "groupId") if item.is_map else item for item in place.each()]
                yield [item.raw for item in items if isinstance(item.raw, str)]


def _child(value: Value, name: str) -> Value:
    # One malformed resource must not hide the others: its own policies speak of it.
    return value[name] if value.is_map else Value(None)


def _ingress(resource: PolicyResource) -> list[Ingress]:
    facts = read(resource.resource_type, resource.props)
    return [] if facts is None else facts.ingress


def _network(cidr: Value) -> AddressSet:
    # What is not known yet, or no network, is nothing here: the resource's own policies speak of it.
    try:
        return AddressSet.of([str(cidr.raw)])
    except ValueError:
        return AddressSet()
