"""Sets of addresses, what may be trusted, and who reaches a port: against brute force over samples."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_docker.core.addresses import EMPTY, EVERYWHERE, AddressSet, Network, union
from aws_docker.core.errors import InvalidInput
from aws_docker.core.networks import SELF, AclEntry, Rule, acl_admits, admits, reachable, tcp_ports
from aws_docker.core.trust import too_wide, trusted_networks
from aws_docker.host.container_networks import container_address_pools

# Few addresses, so that overlaps, neighbours and gaps are common; at both ends of each family, where sums overflow.
UNIVERSES = ("0.0.0.0/28", "10.0.5.0/28", "255.255.255.240/28", "::/124", "ffff::fff0/124")
UNIVERSE = frozenset(address for text in UNIVERSES for address in ipaddress.ip_network(text))


@st.composite
def small_networks(draw: st.DrawFn) -> Network:
    universe = ipaddress.ip_network(draw(st.sampled_from(UNIVERSES)))
    length = draw(st.integers(universe.prefixlen, universe.max_prefixlen))
    first = draw(st.sampled_from(list(universe)))
    return ipaddress.ip_network(f"{first}/{length}", strict=False)


@st.composite
def any_networks(draw: st.DrawFn) -> Network:
    if draw(st.booleans()):
        return ipaddress.IPv4Network(
            (draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 32))), strict=False
        )
    return ipaddress.IPv6Network((draw(st.integers(0, 2**128 - 1)), draw(st.integers(0, 128))), strict=False)


lists_of_networks = st.lists(small_networks(), max_size=8)


def members(networks: list[Network]) -> frozenset[Any]:
    return frozenset(address for network in networks for address in network)


def edges(networks: list[Network]) -> set[Any]:
    """The addresses where an off-by-one would show: first and last of each network, and their neighbours."""
    found: set[Any] = set()
    for network in networks:
        kind = type(network.network_address)
        for at in (int(network.network_address), int(network.broadcast_address)):
            found |= {kind(at + by) for by in (-1, 0, 1) if 0 <= at + by < 2**network.max_prefixlen}
    return found


class TestAddressSet:
    @given(lists_of_networks, lists_of_networks)
    def test_algebra_equals_that_of_sets(self, left: list[Network], right: list[Network]) -> None:
        a, b = AddressSet.of(left), AddressSet.of(map(str, right))
        ours, theirs = members(left), members(right)
        for got, expected in ((a | b, ours | theirs), (a & b, ours & theirs), (a - b, ours - theirs)):
            assert {address for address in UNIVERSE if address in got} == expected
            assert got.ipv4_size + got.ipv6_size == len(expected)
            assert bool(got) == bool(expected)
        assert (a <= b) == (ours <= theirs)
        assert a.overlaps(b) == bool(ours & theirs)
        assert (a == b) == (ours == theirs)
        assert union([a, b]) == a | b == AddressSet.of([*right, *left])
        assert (a | b) - b == a - b
        assert hash(a | b) == hash(b | a)

    @given(lists_of_networks)
    def test_cidrs_are_the_fewest_and_mean_the_same(self, networks: list[Network]) -> None:
        addresses = AddressSet.of(networks)
        fewest = [
            str(network)
            for version in (4, 6)
            for network in ipaddress.collapse_addresses([n for n in networks if n.version == version])
        ]
        assert list(addresses.cidrs()) == fewest
        assert AddressSet.of(addresses.cidrs()) == addresses

    @given(st.lists(any_networks(), max_size=6), st.lists(any_networks(), max_size=6))
    def test_networks_of_any_size(self, left: list[Network], right: list[Network]) -> None:
        a, b = AddressSet.of(left), AddressSet.of(right)
        for address in edges([*left, *right]):
            inside = [
                any(address.version == n.version and address in n for n in each) for each in (left, right)
            ]
            assert (address in a) == inside[0]
            assert (address in (a | b)) == (inside[0] or inside[1])
            assert (address in (a & b)) == (inside[0] and inside[1])
            assert (address in (a - b)) == (inside[0] and not inside[1])
        assert (EVERYWHERE - a) | a == EVERYWHERE
        assert AddressSet.of(a.networks()) == a

    def test_split_halves_are_the_whole(self) -> None:
        assert AddressSet.of(["128.0.0.0/1", "0.0.0.0/1", "::/1", "8000::/1"]) == EVERYWHERE
        assert EVERYWHERE.cidrs() == ("0.0.0.0/0", "::/0")
        assert EVERYWHERE.ipv4_size == 2**32
        assert EVERYWHERE.ipv6_size == 2**128

    def test_empty(self) -> None:
        assert not EMPTY
        assert EMPTY.cidrs() == ()
        assert EMPTY <= EMPTY <= AddressSet.of(["10.0.0.0/8"])
        assert "10.0.0.1" not in EMPTY

    def test_families_do_not_mix(self) -> None:
        assert "0.0.0.5" not in AddressSet.of(["::/96"])
        assert "::5" not in AddressSet.of(["0.0.0.0/0"])
        assert not AddressSet.of(["::ffff:10.0.0.0/104"]).overlaps(AddressSet.of(["10.0.0.0/8"]))

    def test_host_bits_and_bare_addresses_are_read_as_ec2_reads_them(self) -> None:
        assert AddressSet.of([" 10.0.5.10/24 ", "10.0.6.1"]).cidrs() == ("10.0.5.0/24", "10.0.6.1/32")

    @pytest.mark.parametrize(
        "text", ["", "10.0.0", "10.0.0.0/33", "300.0.0.0/8", "internet", "10.0.0.0/-1", "::/129"]
    )
    def test_what_is_no_network(self, text: str) -> None:
        with pytest.raises(ValueError, match="does not appear to be"):
            AddressSet.of([text])


class TestTrustedNetworks:
    @pytest.mark.parametrize(
        "cidrs",
        [
            ["10.0.5.0/24"],
            ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"],
            ["198.51.100.7/32", "2001:db8:7::/48"],
            ["8.8.0.0/16"],
            ["8.8.0.0/17", "9.9.0.0/17"],
            ["2001:db8:1::/48", "2001:db8:2::/48"],  # neighbours, but no /47
            [],
        ],
    )
    def test_accepted_in_their_order(self, cidrs: list[str]) -> None:
        assert [str(network) for network in trusted_networks(cidrs)] == cidrs

    @pytest.mark.parametrize(
        ("cidrs", "message"),
        [
            (["10.0.5.10/24"], "'10.0.5.10/24' has host bits set; write '10.0.5.0/24' or '10.0.5.10/32'"),
            (
                ["2001:db8::1/64"],
                "'2001:db8::1/64' has host bits set; write '2001:db8::/64' or '2001:db8::1/128'",
            ),
            (["10.0.5.10"], "'10.0.5.10' has no prefix length; write '10.0.5.10/32' for this one address"),
            (
                ["2001:db8::1"],
                "'2001:db8::1' has no prefix length; write '2001:db8::1/128' for this one address",
            ),
            (["10.0.0.0/255.0.0.0"], "'10.0.0.0/255.0.0.0' has no prefix length; write '10.0.0.0/8'"),
            (["office"], "'office' is not a network; write one such as '10.0.5.0/24' or '2001:db8:7::/48'"),
            ([""], "'' is not a network"),
            (["10.0.0.0/33"], "'10.0.0.0/33' is not a network"),
            (["010.0.0.0/8"], "'010.0.0.0/8' is not a network"),
            (["fd00::1%eth0/128"], "'fd00::1%eth0/128' is not a network"),
            ([" 10.0.0.0/8"], "' 10.0.0.0/8' is not a network"),
            ([10], "10 is no string"),
            ([None], "None is no string"),
            (["127.0.0.1/32"], "'127.0.0.1/32' is loopback; leave it out"),
            (["::1/128"], "'::1/128' is loopback"),
            (["224.0.0.0/4"], "'224.0.0.0/4' is multicast"),
            (["ff02::/16"], "'ff02::/16' is multicast"),
            (["169.254.169.254/32"], "'169.254.169.254/32' is link-local"),
            (["fe80::/64"], "'fe80::/64' is link-local"),
            (["0.0.0.0/32"], "'0.0.0.0/32' is unspecified"),
            (["::/128"], "'::/128' is unspecified"),
            (["240.0.0.0/24"], "'240.0.0.0/24' is reserved"),
            (["255.255.255.255/32"], "'255.255.255.255/32' is reserved"),
            (["64:ff9b::/96"], "'64:ff9b::/96' is reserved"),
            (["::ffff:10.0.0.0/104"], "'::ffff:10.0.0.0/104' is IPv4-mapped"),
            (["10.0.0.0/8", "10.0.0.0/8"], "'10.0.0.0/8' is named twice; name each network once"),
            (["fd00::/8", "FD00:0::/8"], "'FD00:0::/8' is named twice"),
            (["10.0.0.0/8", "10.1.0.0/16"], "'10.1.0.0/16' is already part of '10.0.0.0/8'; leave it out"),
            (["10.1.0.0/16", "10.0.0.0/8"], "'10.1.0.0/16' is already part of '10.0.0.0/8'; leave it out"),
            (["0.0.0.0/0"], "'0.0.0.0/0' holds 4,272,881,664 public IPv4 addresses, and at most 65,536"),
            (
                ["0.0.0.0/1", "128.0.0.0/1"],
                "'0.0.0.0/1, 128.0.0.0/1' holds 4,272,881,664 public IPv4 addresses",
            ),
            (["10.0.0.0/7"], "'10.0.0.0/7' holds 16,777,216 public IPv4 addresses"),
            (
                ["8.8.0.0/16", "9.9.9.9/32"],
                "holds 65,537 public IPv4 addresses, and at most 65,536 can be trusted",
            ),
            (["198.18.0.0/15"], "holds 131,072 public"),  # benchmark networks are nobody's own
            (["::/0"], "'::/0' holds ::/1, and the widest public IPv6 network that can be trusted is a /48"),
            (["2000::/3"], "holds 2000::/3"),
            (["2001:db8::/47"], "holds 2001:db8::/47"),
            (["2001:db8::/48", "2001:db8:1::/48"], "holds 2001:db8::/47"),
            (["fc00::/6"], "holds fe00::/7"),
        ],
    )
    def test_refused(self, cidrs: list[str], message: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            trusted_networks(cidrs, "trusted_cidrs")
        assert str(refused.value).startswith("trusted_cidrs: ")
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)

    @given(st.lists(any_networks(), min_size=1, max_size=5))
    def test_splitting_a_network_hides_nothing(self, networks: list[Network]) -> None:
        halves = [
            half
            for network in networks
            for half in (network.subnets() if network.prefixlen < network.max_prefixlen else [network])
        ]
        assert too_wide(AddressSet.of(halves)) == too_wide(AddressSet.of(networks))

    @given(st.lists(any_networks(), max_size=5), st.lists(any_networks(), max_size=5))
    def test_more_is_never_narrower(self, networks: list[Network], more: list[Network]) -> None:
        if too_wide(AddressSet.of(networks)):
            assert too_wide(AddressSet.of([*networks, *more]))

    @given(st.lists(any_networks(), max_size=4))
    def test_whatever_is_accepted_is_narrow(self, networks: list[Network]) -> None:
        try:
            accepted = AddressSet.of(trusted_networks([str(network) for network in networks]))
        except InvalidInput:
            return
        assert not EVERYWHERE.ipv4 <= accepted
        outside_world = ["1.1.1.1", "8.8.8.8", "203.0.113.9", "54.240.1.1", "93.184.216.34"]
        assert sum(address in accepted for address in outside_world) <= len(networks)
        for never in (
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
        ):
            assert never not in accepted


class TestContainerAddressPools:
    def test_dockers_own_choice_where_it_is_free(self) -> None:
        bridge, pools = container_address_pools(["10.0.5.0/24", "fd00::/8"])
        assert bridge == "172.17.0.1/16"
        assert pools[0] == {"base": "172.18.0.0/16", "size": 24}

    def test_apart_from_a_vpc_on_dockers_networks(self) -> None:
        bridge, pools = container_address_pools(["172.16.0.0/12"])
        assert bridge == "192.168.0.1/16"
        assert all(str(pool["base"]).startswith("10.") for pool in pools)

    def test_the_rest_of_private_space_where_no_large_network_is_free(self) -> None:
        avoid = ["10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10", "192.168.0.0/17"]
        assert container_address_pools(avoid)[0] == "192.168.128.1/24"

    def test_refused_where_nothing_is_left(self) -> None:
        everything = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
        with pytest.raises(
            InvalidInput, match=r"trusted_cidrs.*no private network for containers; trust narrower"
        ):
            container_address_pools(everything)

    @given(st.lists(any_networks(), max_size=8))
    def test_nothing_overlaps(self, avoid: list[Network]) -> None:
        try:
            bridge, pools = container_address_pools(avoid)
        except InvalidInput:
            private = AddressSet.of(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"])
            assert not [n for n in (private - AddressSet.of(avoid)).networks() if n.prefixlen < 24]
            return
        networks = [
            ipaddress.ip_interface(bridge).network,
            *(ipaddress.ip_network(str(p["base"])) for p in pools),
        ]
        assert len(networks) >= 2
        for at, network in enumerate(networks):
            assert network.is_private or network.subnet_of(ipaddress.ip_network("100.64.0.0/10"))
            assert not AddressSet.of([network]).overlaps(AddressSet.of(avoid))
            assert not any(network.overlaps(other) for other in networks[:at])
        assert container_address_pools(reversed(avoid)) == (bridge, pools)


class TestPorts:
    @pytest.mark.parametrize(
        ("protocol", "from_port", "to_port", "admitted"),
        [
            ("tcp", 2375, 2375, True),
            ("TCP", 2000, 3000, True),
            (" tcp ", "2375", "2375", True),
            ("6", 0, 65535, True),
            (6, 2375.0, 2375.0, True),
            (6.0, 2375, 2375, True),
            ("tcp", 2376, 65535, False),
            ("tcp", 0, 2374, False),
            ("tcp", 0, 0, False),  # port 0 alone, not all ports
            ("tcp", 3000, 2000, False),
            ("-1", 0, 0, True),  # every protocol, whatever range stands beside it
            ("-1", None, None, True),
            (-1, -1, -1, True),
            (-1.0, 443, 443, True),
            ("all", 80, 80, True),
            ("ALL", None, None, True),
            ("tcp", -1, -1, True),
            ("tcp", None, None, True),
            ("udp", 2375, 2375, False),
            ("17", 0, 65535, False),
            ("icmp", -1, -1, False),
            (1, -1, -1, False),
            ("icmpv6", None, None, False),
            (58, None, None, False),
            ("esp", None, None, False),
            (0, 2375, 2375, False),
            (132, 2375, 2375, False),
        ],
    )
    def test_as_ec2_means_them(self, protocol: Any, from_port: Any, to_port: Any, admitted: bool) -> None:
        rule = Rule.of(protocol, from_port, to_port, cidrs=["0.0.0.0/0"])
        assert admits(rule, 2375) is admitted
        assert bool(reachable([rule], 2375)) is admitted
        assert (
            bool(acl_admits([AclEntry.of(100, True, protocol, from_port, to_port, "0.0.0.0/0")], 2375))
            is admitted
        )

    @pytest.mark.parametrize(
        ("protocol", "from_port", "to_port"),
        [
            ("http", 80, 80),
            ("", 80, 80),
            (256, 80, 80),
            (-2, 80, 80),
            (6.5, 80, 80),
            (True, 80, 80),
            ("tcp", "ssh", 22),
            ("tcp", 80, 65536),
            ("tcp", 2375.5, 2376),
            ("tcp", float("inf"), 2376),
            ("tcp", float("nan"), 2376),
            ("tcp", False, 2376),
        ],
    )
    def test_what_nobody_means_is_said(self, protocol: Any, from_port: Any, to_port: Any) -> None:
        with pytest.raises(ValueError, match="is not a"):
            tcp_ports(protocol, from_port, to_port)


protocols = st.sampled_from(["tcp", "TCP", "6", 6, 6.0, "-1", -1, "all", "udp", "17", "icmp", 58])
ports = st.integers(0, 12)


@st.composite
def raw_rules(draw: st.DrawFn) -> tuple[Any, int, int, list[Network]]:
    first, last = sorted((draw(ports), draw(ports)))
    return draw(protocols), first, last, draw(st.lists(small_networks(), max_size=3))


def covers(protocol: Any, first: int, last: int, port: int) -> bool:
    name = str(protocol).lower().removesuffix(".0")
    return name in ("-1", "all") or (name in ("tcp", "6") and port in range(first, last + 1))


class TestReachable:
    @given(st.lists(raw_rules(), max_size=6), ports)
    def test_equals_asking_each_rule_for_each_address(
        self, raw: list[tuple[Any, int, int, list[Network]]], port: int
    ) -> None:
        rules = [Rule.of(protocol, first, last, cidrs=networks) for protocol, first, last, networks in raw]
        got = reachable(rules, port)
        expected = {
            address
            for address in UNIVERSE
            if any(
                covers(p, first, last, port) and address in members(networks)
                for p, first, last, networks in raw
            )
        }
        assert {address for address in UNIVERSE if address in got.addresses} == expected
        assert got.addresses.ipv4_size + got.addresses.ipv6_size == len(expected)

    def test_sources_without_addresses_are_named(self) -> None:
        rules = [
            Rule.of("tcp", 2376, 2376, groups=["sg-1", SELF]),
            Rule.of("tcp", 2375, 2376, prefix_lists=["pl-1"]),
            Rule.of("-1", None, None, groups=["sg-2"]),
            Rule.of("udp", 2376, 2376, groups=["sg-3"], prefix_lists=["pl-3"]),
        ]
        got = reachable(rules, 2376)
        assert got.groups == {"sg-1", "sg-2", SELF}
        assert got.prefix_lists == {"pl-1"}
        assert not got.addresses
        assert [rule.all_traffic for rule in rules] == [False, False, True, False]

    def test_nobody(self) -> None:
        assert not reachable([], 2376)
        assert not reachable([Rule.of("tcp", 2376, 2376)], 2376)


@st.composite
def raw_entries(draw: st.DrawFn) -> list[tuple[int, bool, Any, int, int, Network]]:
    numbers = draw(st.lists(st.integers(1, 32766), max_size=7, unique=True))
    entries: list[tuple[int, bool, Any, int, int, Network]] = []
    for number in numbers:
        first, last = sorted((draw(ports), draw(ports)))
        entries.append((number, draw(st.booleans()), draw(protocols), first, last, draw(small_networks())))
    return entries


class TestNetworkAcl:
    @given(raw_entries(), ports, ports)
    def test_equals_walking_the_entries_for_each_address_and_port(
        self, raw: list[tuple[int, bool, Any, int, int, Network]], one: int, other: int
    ) -> None:
        entries = [AclEntry.of(*entry[:5], str(entry[5])) for entry in raw]

        def first_match(address: Any, port: int) -> bool:
            for _, allow, protocol, first, last, network in sorted(raw, key=lambda entry: entry[0]):
                if (
                    covers(protocol, first, last, port)
                    and address.version == network.version
                    and address in network
                ):
                    return allow
            return False

        low, high = sorted((one, other))
        single, several = acl_admits(entries, low), acl_admits(entries, low, high)
        for address in UNIVERSE:
            assert (address in single) == first_match(address, low)
            assert (address in several) == any(first_match(address, port) for port in range(low, high + 1))
        assert single <= several

    def test_the_lowest_number_decides_in_whatever_order_they_are_listed(self) -> None:
        deny = AclEntry.of("90", False, "6", "2375", "2376", "203.0.113.0/24")
        allow = AclEntry.of(100.0, True, "-1", None, None, "0.0.0.0/0")
        for entries in ([deny, allow], [allow, deny]):
            assert acl_admits(entries, 2375) == EVERYWHERE.ipv4 - AddressSet.of(["203.0.113.0/24"])
            assert acl_admits(entries, 80) == EVERYWHERE.ipv4

    def test_a_deny_with_a_higher_number_blocks_nothing(self) -> None:
        allow = AclEntry.of(100, True, "tcp", 2375, 2375, "10.0.0.0/8")
        deny = AclEntry.of(200, False, "-1", None, None, "0.0.0.0/0")
        assert acl_admits([allow, deny], 2375) == AddressSet.of(["10.0.0.0/8"])

    def test_no_entry_is_no_way(self) -> None:
        assert not acl_admits([], 2376)
