"""A client's key on disk: nobody else reads it, not even while it is written, and nothing of others is overwritten."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aws_docker.cli import keyfiles
from aws_docker.cli.connection import Connection
from aws_docker.cli.errors import CommandError
from aws_docker.cli.keyfiles import default_folder, write_bundle, write_new

ALICE = Connection("tcp://10.0.5.10:2376", "alice", "ca\n", "certificate\n", "key\n")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.pem")}


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    assert tmp_path.is_dir()  # made before, and not under this umask
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "certs"
    write_bundle(ALICE, folder)
    assert written(folder) == {"ca.pem": "ca\n", "cert.pem": "certificate\n", "key.pem": "key\n"}
    files = (keyfiles.MARK, "ca.pem", "cert.pem", "key.pem")
    assert {path.name: oct(mode(path)) for path in folder.iterdir()} == dict.fromkeys(files, "0o600")
    assert mode(folder) == 0o700
    assert mode(folder.parent) == 0o700


def test_no_moment_at_which_others_could_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    rename = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.extend([mode(self), mode(self.parent)])
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    before = os.umask(0)
    try:
        write_bundle(ALICE, tmp_path / "certs")
    finally:
        os.umask(before)
    assert seen == [0o600, 0o700] * 4


def test_a_renewed_certificate_replaces_the_old_one(tmp_path: Path) -> None:
    write_bundle(ALICE, tmp_path)
    write_bundle(replace(ALICE, certificate="renewed\n"), tmp_path)
    assert written(tmp_path)["cert.pem"] == "renewed\n"


def test_an_own_folder_that_was_opened_up_is_closed_again(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    write_bundle(ALICE, folder)
    folder.chmod(0o755)
    write_bundle(ALICE, folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("name", ["key.pem", "config.json"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o755)
    (folder / name).write_text("mine")
    with pytest.raises(
        CommandError, match="holds files that aws-docker did not write; choose a new or empty"
    ):
        write_bundle(ALICE, folder)
    assert (folder / name).read_text() == "mine"
    assert mode(folder) == 0o755
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize(
    "other", [replace(ALICE, client="bob"), replace(ALICE, endpoint="tcp://10.0.5.11:2376")]
)
def test_a_bundle_of_another_client_or_host_is_left_alone(tmp_path: Path, other: Connection) -> None:
    write_bundle(ALICE, tmp_path)
    with pytest.raises(CommandError, match=r"another client or host: .*alice"):
        write_bundle(replace(other, key="other\n"), tmp_path)
    assert written(tmp_path)["key.pem"] == "key\n"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "certs", tmp_path / "elsewhere"
    write_bundle(ALICE, folder)
    elsewhere.write_text("mine")
    (folder / "key.pem").unlink()
    (folder / "key.pem").symlink_to(elsewhere)
    write_bundle(ALICE, folder)
    assert elsewhere.read_text() == "mine"
    assert not (folder / "key.pem").is_symlink()


@pytest.mark.requires("root")
@pytest.mark.parametrize("link", [False, True])
def test_a_folder_of_another_user_is_refused(tmp_path: Path, link: bool) -> None:
    folder = tmp_path / "certs"
    if link:
        (tmp_path / "mine").mkdir()
        folder.symlink_to(tmp_path / "mine")
    else:
        folder.mkdir()
    os.chown(folder, 65534, 65534, follow_symlinks=False)
    with pytest.raises(CommandError, match="belongs to another user; choose a folder of your own"):
        write_bundle(ALICE, folder)
    assert list(folder.iterdir()) == []


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "certs").write_text("mine")
    with pytest.raises(CommandError, match="certs is a file; name a folder"):
        write_bundle(ALICE, tmp_path / "certs")


def test_an_interrupted_run_leaves_no_half_file_and_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "cert.pem":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(ALICE, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {keyfiles.MARK, "ca.pem"}
    monkeypatch.undo()
    write_bundle(ALICE, tmp_path)
    assert written(tmp_path) == {"ca.pem": "ca\n", "cert.pem": "certificate\n", "key.pem": "key\n"}


@pytest.mark.usefixtures("umask")
def test_a_new_file_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_first: list[int] = []
    chmod = Path.chmod

    def watched(self: Path, wanted: int) -> None:
        at_first.append(mode(self))
        chmod(self, wanted)

    monkeypatch.setattr(Path, "chmod", watched)
    write_new(tmp_path / "context.tar", b"archive")
    assert [bits & 0o177 for bits in at_first] == [0]
    assert mode(tmp_path / "context.tar") == 0o600


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "context.tar"
    file.write_bytes(b"mine")
    with pytest.raises(CommandError, match="exists; remove it, or choose another name"):
        write_new(file, b"archive")
    assert file.read_bytes() == b"mine"


def test_each_host_and_client_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    others = [
        replace(ALICE, client="bob"),
        replace(ALICE, endpoint="tcp://10.0.5.11:2376"),
        replace(ALICE, ca="of another host with the same address"),
    ]
    folders = {default_folder(connection) for connection in (ALICE, *others)}
    assert len(folders) == 4
    assert default_folder(replace(ALICE, certificate="renewed\n")) in folders
    assert all(folder.is_relative_to(tmp_path / "aws-docker") for folder in folders)


@pytest.mark.parametrize("client", ["../../../etc", "..", "a/b", "", "."])
def test_a_clients_name_never_leads_out_of_the_folder(
    tmp_path: Path, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    folder = default_folder(replace(ALICE, client=client))
    assert folder.resolve().parent.parent == tmp_path / "aws-docker"
