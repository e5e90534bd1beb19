"""The program on the host: which container networks it keeps, and which routes it takes for an obstruction."""

import json
from pathlib import Path
from typing import Any

import pytest

from aws_docker.host import agent as host_agent
from aws_docker.host.container_networks import CHOSEN, container_address_pools


def pool(base: str) -> dict[str, Any]:
    return {"base": base, "size": 24}


class TestKeptNetworks:
    @pytest.fixture(autouse=True)
    def _host(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.running = False
        self.routes = ["172.31.0.0/20"]
        (tmp_path / "current").mkdir()
        monkeypatch.setattr(host_agent, "KEPT", tmp_path / "networks.json")
        monkeypatch.setattr(host_agent, "CURRENT", tmp_path / "current")
        monkeypatch.setattr(host_agent, "running", lambda: self.running)
        monkeypatch.setattr(host_agent, "routes", lambda _family: [{"dst": dst} for dst in self.routes])

    def networks(self, *trusted: str, chosen: Any = CHOSEN, **daemon: Any) -> dict[str, Any]:
        """What is in force once such a document has started."""
        bip, pools = container_address_pools(["172.31.0.0/16", *trusted])
        options = {"bip": bip, "default-address-pools": pools, **daemon}
        document = {
            "daemon": {name: value for name, value in options.items() if value is not None},
            "trusted": list(trusted),
            "chosen": [name for name in chosen if name not in daemon],
        }
        found = host_agent.container_networks(document)
        host_agent.KEPT.write_text(json.dumps(found))
        return found

    def test_the_first_choice_is_the_documents(self) -> None:
        bip, pools = container_address_pools(["172.31.0.0/16"])
        assert self.networks() == {"bip": bip, "default-address-pools": pools}

    def test_a_source_elsewhere_moves_nothing(self) -> None:
        first = self.networks("172.17.0.0/16")
        assert first["bip"] == "172.18.0.1/16"
        assert self.networks("10.0.5.0/24") == first, "the component would choose 172.17 now"

    def test_a_pool_gives_way_to_a_source_and_the_others_stay(self) -> None:
        first = self.networks()
        second = self.networks("172.19.0.0/24")
        assert second["bip"] == first["bip"]
        assert second["default-address-pools"] == [
            each for each in first["default-address-pools"] if each["base"] != "172.19.0.0/16"
        ]

    def test_where_no_pool_is_left_the_documents_are_taken(self) -> None:
        self.networks()
        second = self.networks("172.16.0.0/12")
        assert [each["base"] for each in second["default-address-pools"]][-1].startswith("10.")

    def test_the_bridge_stays_while_a_container_runs_and_then_gives_way(self) -> None:
        first = self.networks()
        self.running = True
        assert self.networks("172.17.0.0/24") == first
        self.running = False
        assert self.networks("172.17.0.0/24")["bip"] == "172.18.0.1/16"

    def test_it_does_not_move_onto_a_network_that_is_there(self) -> None:
        self.networks()
        self.routes += ["172.18.0.0/24"]
        assert self.networks("172.17.0.0/24")["bip"] == "172.22.0.1/16"

    def test_it_stays_where_nothing_is_free_or_known(self, tmp_path: Path) -> None:
        first = self.networks()
        self.routes += ["172.16.0.0/12"]
        assert self.networks("172.17.0.0/24")["bip"] == first["bip"]
        self.routes = []
        (tmp_path / "current").rmdir()
        assert self.networks("172.17.0.0/24")["bip"] == first["bip"], (
            "at its first boot a host sees no network"
        )

    def test_what_the_user_says_is_taken_once_no_container_runs(self) -> None:
        first = self.networks()
        self.running = True
        assert self.networks(bip="192.168.77.1/24")["bip"] == first["bip"]
        self.running = False
        assert self.networks(bip="192.168.77.1/24")["bip"] == "192.168.77.1/24"
        theirs = [pool("192.168.0.0/20")]
        self.running = True
        assert self.networks(**{"default-address-pools": theirs})["default-address-pools"] == theirs

    def test_a_document_of_an_earlier_release_names_no_choice(self) -> None:
        self.networks(chosen=())
        assert self.networks("172.17.0.0/24", chosen=())["bip"] == "172.18.0.1/16"

    @pytest.mark.parametrize("text", ["", "garbage", "[1"])
    def test_a_damaged_note_is_no_note(self, text: str) -> None:
        host_agent.KEPT.write_text(text)
        assert self.networks()["bip"] == "172.17.0.1/16"

    def test_without_a_bridge_there_is_none_to_keep(self) -> None:
        self.networks()
        assert "bip" not in self.networks(bip=None)


class TestObstruction:
    """The kernel's own answers are given by hand; the booted hosts ask a real one."""

    @pytest.fixture(autouse=True)
    def _host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.routes = [
            {"dst": "default", "dev": "ens5", "gateway": "172.31.0.1"},
            {"dst": "172.31.0.0/20", "dev": "ens5"},
            {"dst": "172.17.0.0/16", "dev": "docker0", "flags": ["linkdown"]},
        ]
        self.ways = {"172.17.": "docker0"}
        monkeypatch.setattr(host_agent, "uplinks", lambda addresses: dict.fromkeys(addresses, "ens5"))
        monkeypatch.setattr(host_agent, "run", self._run)

    def _run(self, *argv: str, stdin: str | None = None) -> str:
        match argv:
            case ("ip", "-j", "-4", "route"):
                return json.dumps(self.routes)
            case ("ip", "-j", "-6", "route"):
                return json.dumps([{"dst": "2001:db8:5::/64", "dev": "br-0123456789ab"}])
            case ("ip", "-j", "route", "get", address, "from", _listen):
                way = next((dev for start, dev in self.ways.items() if address.startswith(start)), "ens5")
                if not way:
                    raise host_agent.Refused("ip -j: RTNETLINK answers: Network is unreachable")
                return json.dumps([{"dst": address, "dev": way}])
            case ("timeout", "5", "docker", "network", "ls", "-q"):
                return "aaaa\nbbbb\n"
            case ("timeout", "5", "docker", "network", "inspect", "-f", _, "aaaa", "bbbb"):
                return "bridge br-ffffffffffff docker0\ntheirs br-0123456789ab \n"
        raise AssertionError(argv)

    def seen(self, *trusted: str, listen: str = "172.31.5.10") -> str:
        return host_agent.obstruction({"listen": [listen], "trusted": list(trusted)})

    def test_sources_elsewhere_are_reached(self) -> None:
        assert self.seen("10.0.5.0/24", "172.31.0.0/20", "203.0.113.7/32") == ""

    @pytest.mark.parametrize("source", ["172.17.0.0/24", "172.17.255.255/32", "172.16.0.0/12"])
    def test_a_source_in_or_around_a_container_network(self, source: str) -> None:
        assert self.seen("10.0.5.0/24", source) == (
            f"container network bridge (docker0, 172.17.0.0/16) lies in the way of trusted {source}"
        )

    def test_a_network_of_the_users_over_ipv6(self) -> None:
        self.ways = {"2001:db8:5": "br-0123456789ab"}
        assert self.seen("2001:db8:5::/64", "10.0.5.0/24", listen="2001:db8::5") == (
            "container network theirs (br-0123456789ab, 2001:db8:5::/64) lies in the way of trusted 2001:db8:5::/64"
        )

    def test_a_wider_route_that_the_kernel_does_not_take(self) -> None:
        self.routes.append({"dst": "172.16.0.0/12", "dev": "tun0"})
        self.ways = {}
        assert self.seen("172.31.0.0/24") == ""

    def test_another_default_route(self) -> None:
        self.routes.insert(0, {"dst": "default", "dev": "tun0", "metric": 1})
        self.ways = {"10.0.5.": "tun0"}
        assert self.seen("10.0.5.0/24") == "network 0.0.0.0/0 (tun0) lies in the way of trusted 10.0.5.0/24"

    def test_a_route_to_nowhere(self) -> None:
        self.routes.append({"type": "unreachable", "dst": "10.0.5.0/25"})
        self.ways = {"10.0.5.": ""}
        assert "network 10.0.5.0/25 (no device)" in self.seen("10.0.5.0/24")

    def test_a_local_host_has_nobody_to_answer(self) -> None:
        assert host_agent.obstruction({"listen": [], "trusted": []}) == ""
