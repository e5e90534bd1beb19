"""Docker's own client and buildx take what the command gives them, before and after a renewal."""

import json
import shlex
import stat

import pytest

from tests.unit.stand import Api, Stand, refused


@pytest.mark.requires("docker-cli")
class TestWithDocker:
    @pytest.fixture(autouse=True)
    def docker(self, stand: Stand, docker_client: str) -> None:
        stand.install("docker", docker_client)

    def test_env(self, stand: Stand, api: Api, docker_client: str) -> None:
        stand.put_out(api.outputs)
        script = f'set -eu; eval "$(aws-docker env --stack dev)"; {shlex.quote(docker_client)} ps'
        done = stand.run("bash", "-c", script)
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith("CONTAINER ID")
        assert set(api.seen) == {"alice"}

    def test_bundle(self, stand: Stand, api: Api, docker_client: str) -> None:
        stand.put_out(api.outputs)
        written = stand.aws_docker("bundle", "certs of ci", "--client", "ci")
        assert (written.status, written.err) == (0, "")
        _, command = written.out.splitlines()
        shown = shlex.split(command)
        assert (shown[0], shown[-1]) == ("docker", "version")
        done = stand.run("bash", "-c", shlex.join([docker_client, *shown[1:-1], "ps"]))
        assert (done.status, done.err) == (0, "")
        assert set(api.seen) == {"ci"}

    @pytest.mark.parametrize("through_a_file", [False, True])
    def test_context(self, stand: Stand, api: Api, docker_client: str, through_a_file: bool) -> None:
        stand.put_out({"build": api.outputs})
        docker = shlex.quote(docker_client)
        if through_a_file:
            script = f"aws-docker context --client ci --file c.tar >&2 && {docker} context import build c.tar"
        else:
            script = f"set -o pipefail; aws-docker context --client ci | {docker} context import build -"
        imported = stand.run("bash", "-c", script)
        assert (imported.status, imported.out) == (0, "build\n")
        inspected = json.loads(stand.run("bash", "-c", f"{docker} context inspect build").out)
        assert inspected[0]["Metadata"] == {"Description": "aws-docker, client ci"}
        assert sorted(inspected[0]["TLSMaterial"]["docker"]) == ["ca.pem", "cert.pem", "key.pem"]
        done = stand.run("bash", "-c", f"{docker} --context build ps")
        assert (done.status, done.err) == (0, "")
        assert set(api.seen) == {"ci"}

    def test_a_context_is_made_and_after_a_renewal_refreshed(
        self, stand: Stand, api: Api, docker_client: str
    ) -> None:
        docker = shlex.quote(docker_client)
        stand.put_out({**api.outputs, **api.client("before")})
        made = stand.aws_docker("context", "build", "--json")
        assert (made.status, made.err) == (0, "")
        assert json.loads(made.out)["created"] is True
        stand.put_out({**api.outputs, **api.client("renewed")})
        refreshed = stand.aws_docker("context", "build")
        assert (refreshed.status, refreshed.err) == (0, "")
        said, command = refreshed.out.splitlines()
        assert said == f"build: refreshed for client default of {api.outputs['endpoint']}"
        assert command == "docker --context build ps"
        done = stand.run("bash", "-c", f"{docker} --context build ps")
        assert (done.status, done.err) == (0, "")
        assert set(api.seen) == {"renewed"}

    def test_a_context_that_moved_says_from_where(self, stand: Stand, api: Api, docker_client: str) -> None:
        stand.put_out({**api.outputs, "endpoint": "tcp://10.0.5.10:2376"})
        assert stand.aws_docker("context", "build").status == 0
        stand.put_out(api.outputs)
        assert "(was tcp://10.0.5.10:2376)" in stand.aws_docker("context", "build").out

    def test_keys_of_a_context_are_private_and_no_copy_stays(
        self, stand: Stand, api: Api, docker_client: str
    ) -> None:
        stand.put_out(api.outputs)
        stand.environment["TMPDIR"] = str(stand.home / "a, b")
        (stand.home / "a, b").mkdir()
        assert stand.aws_docker("context", "build").status == 0
        programs = stand.home / "bin"  # among them the stand's pulumi, which prints the key
        files = [each for each in stand.home.rglob("*") if each.is_file() and programs not in each.parents]
        (key,) = [each for each in files if api.outputs["key_material"] in each.read_text("latin1")]
        assert key.is_relative_to(stand.home / ".docker" / "contexts")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600

    @pytest.mark.parametrize("name", ["mine", "default"])
    def test_somebody_elses_context_is_left_alone(
        self, stand: Stand, api: Api, docker_client: str, name: str
    ) -> None:
        stand.put_out(api.outputs)
        show = f"{shlex.quote(docker_client)} context inspect {name}"
        stand.run(
            "bash",
            "-c",
            f"{shlex.quote(docker_client)} context create mine --docker host=tcp://10.0.9.9:2376",
        )
        before = stand.run("bash", "-c", show).out
        line = refused(stand.aws_docker("context", name))
        assert f"the context '{name}' is not one that aws-docker made; choose another name" in line
        assert stand.run("bash", "-c", show).out == before

    def test_what_docker_refuses_is_passed_on(self, stand: Stand, api: Api, docker_client: str) -> None:
        stand.put_out(api.outputs)
        assert "docker context create: " in refused(stand.aws_docker("context", "no good name"))

    def test_a_variable_that_wins_over_the_context_is_said(
        self, stand: Stand, api: Api, docker_client: str
    ) -> None:
        stand.put_out(api.outputs)
        stand.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
        assert "DOCKER_HOST is set, and wins" in stand.aws_docker("context", "build").err


def test_without_docker_an_archive_is_offered(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    stand.environment["PATH"] = str(stand.home / "bin")
    line = refused(stand.aws_docker("context", "build"))
    assert "the command `docker` is not on PATH; install Docker's client, or write an archive" in line


@pytest.mark.requires("docker-cli", "buildx")
class TestBuildx:
    @pytest.fixture(autouse=True)
    def plugin(self, stand: Stand, buildx: str, docker_client: str) -> None:
        stand.install("docker", docker_client)
        (stand.home / ".docker" / "cli-plugins").mkdir(parents=True)
        (stand.home / ".docker" / "cli-plugins" / "docker-buildx").symlink_to(buildx)

    def nodes(self, stand: Stand, builder: str) -> dict[str, str]:
        """As buildx has them: name and context."""
        listed = stand.run("bash", "-c", "docker buildx ls --format '{{.Name}}'").out.split()
        assert builder in listed
        file = stand.home / ".docker" / "buildx" / "instances" / builder
        return {node["Name"]: node["Endpoint"] for node in json.loads(file.read_text())["Nodes"]}

    def contexts(self, stand: Stand) -> set[str]:
        return set(stand.run("bash", "-c", "docker context ls --format '{{.Name}}'").out.split()) - {
            "default"
        }

    def test_a_builder_is_made_and_refreshed(self, stand: Stand, api: Api) -> None:
        stand.put_out({**api.outputs, **api.client("before")})
        made = stand.aws_docker("buildx", "remote", "--use")
        assert (made.status, made.err) == (0, "")
        assert made.out.splitlines()[0] == "remote: made, with 1 node"
        assert self.nodes(stand, "remote") == {"host": "remote-host"}
        assert "remote*" in stand.run("bash", "-c", "docker buildx ls").out
        stand.put_out({**api.outputs, **api.client("renewed")})
        api.seen.clear()
        assert json.loads(stand.aws_docker("buildx", "remote", "--json").out) == {
            "builder": "remote",
            "created": False,
            "nodes": {"host": api.outputs["endpoint"]},
            "left": [],
        }
        stand.run("bash", "-c", "docker buildx inspect remote")
        assert set(api.seen) == {"renewed"}

    def test_each_host_of_a_map_is_a_node_and_one_that_is_gone_leaves(self, stand: Stand, api: Api) -> None:
        first, second = api.host("127.0.0.1", "ci"), api.host("127.0.0.2", "ci")
        stand.put_out({"hosts": {"x86": first, "arm": second}})
        assert stand.aws_docker("buildx", "fleet").out.startswith("fleet: made, with 2 nodes\n")
        assert self.nodes(stand, "fleet") == {"hosts.x86": "fleet-hosts.x86", "hosts.arm": "fleet-hosts.arm"}
        stand.put_out({"hosts": {"x86": first, "new": second}})
        done = stand.aws_docker("buildx", "fleet")
        assert (done.status, done.err) == (0, "")
        assert "hosts.arm: left" in done.out
        assert self.nodes(stand, "fleet") == {"hosts.x86": "fleet-hosts.x86", "hosts.new": "fleet-hosts.new"}
        assert self.contexts(stand) == {"fleet-hosts.x86", "fleet-hosts.new"}

    def test_a_node_of_somebody_elses_stays(self, stand: Stand, api: Api) -> None:
        stand.put_out(api.outputs)
        assert stand.aws_docker("buildx", "remote").status == 0
        assert stand.aws_docker("context", "mine").status == 0
        added = stand.run("bash", "-c", "docker buildx create --append --name remote --node own mine")
        assert added.status == 0, added.err
        assert stand.aws_docker("buildx", "remote").status == 0
        assert self.nodes(stand, "remote") == {"host": "remote-host", "own": "mine"}

    def test_a_name_that_a_context_has_is_refused(self, stand: Stand, api: Api) -> None:
        stand.put_out(api.outputs)
        assert stand.aws_docker("context", "build").status == 0
        line = refused(stand.aws_docker("buildx", "build"))
        assert (
            "'build' is a context, and so a builder of its own, on that host alone; choose another name"
            in line
        )

    def test_a_host_that_does_not_answer_is_said(self, stand: Stand, api: Api) -> None:
        stand.put_out({**api.outputs, "endpoint": "tcp://127.0.0.1:1"})
        assert "docker buildx create: " in refused(stand.aws_docker("buildx", "remote"))
