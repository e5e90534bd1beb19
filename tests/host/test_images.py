"""A disk that meets a second first boot: cloud-init run again, and an image made from a host."""

from collections.abc import Callable

from tests.host.conftest import Host


def wait_for_cloud_init(host: Host) -> None:
    def is_done() -> bool:
        said = host.machine.run(["cloud-init", "status", "--long"], check=False).stdout
        assert "status: error" not in said, said
        return "status: done" in said

    host.machine.wait(is_done, "cloud-init to finish", 180)
    host.machine.wait_ready()


def test_a_disk_that_is_booted_as_new_again(fresh: Callable[..., Host]) -> None:
    original = fresh()
    original.machine.boot()
    original.machine.wait_ready()

    # Cloud-init runs again on the same instance: the same rules, the same clients.
    rules = original.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout
    original.machine.run(["cloud-init", "clean", "--logs"])
    original.machine.reboot()
    wait_for_cloud_init(original)
    original.assert_serving()
    assert original.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout == rules

    # Another instance from an image of it: its own clients, and never the original's.
    original.machine.power_cut()
    copy = fresh()
    copy.machine.start_from_image_of(original.machine)
    copy.machine.boot()
    alice = original.deployment.certificates["alice"]
    while copy.machine.status().get("state") != "ready":
        copy.assert_nothing_open()
        assert copy.ping(alice) != "200", "the original's client, on the copy"
    wait_for_cloud_init(copy)
    copy.assert_serving()
    assert copy.ping(alice) != "200"
    assert copy.machine.read("/etc/dockerhost/current/server.pem") == copy.deployment.server.pem
    secret = original.deployment.server.key_pem.splitlines()[1]
    left = copy.machine.run(["grep", "-rlsF", "--", secret, "/etc", "/var/lib/cloud"], check=False).stdout
    assert left == "", "the original's key is gone from the copy"
