"""Key files: where they are, who may read them, and what a person is told when something is wrong."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from tests.full_disk import full_disk

from crossfoot.vault import KEY_FILE_VARIABLE, KeyFileProblem, create_key_file, key_path, load_key


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.promise("S1-75")
def test_a_new_key_is_readable_by_its_owner_alone(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "config" / "crossfoot" / "keys" / "acme.key"
    umask = os.umask(0)
    try:
        key = create_key_file(path, workspace=workspace)
    finally:
        os.umask(umask)
    assert mode(path) == 0o600
    assert {mode(parent) for parent in list(path.parents)[:3]} == {0o700}
    assert load_key(path) == key
    assert len(key.secret) == 32


def test_two_keys_differ_and_none_is_overwritten(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "a.key"
    key = create_key_file(path, workspace=workspace)
    assert create_key_file(tmp_path / "b.key", workspace=workspace).secret != key.secret
    with pytest.raises(KeyFileProblem, match="not overwritten"):
        create_key_file(path, workspace=workspace)
    assert load_key(path) == key


def test_a_key_does_not_lie_in_its_workspace(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "alias").symlink_to(workspace)
    for place in (workspace / "a.key", workspace / "x" / "y.key", tmp_path / "alias" / "a.key"):
        with pytest.raises(KeyFileProblem, match="inside the workspace"):
            create_key_file(place, workspace=workspace)
    with pytest.raises(KeyFileProblem, match="inside the workspace"):
        create_key_file(workspace / "a.key", workspace=tmp_path / "alias")
    assert list(workspace.iterdir()) == []


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileProblem, match="cannot be made"):
        create_key_file(tmp_path / "file" / "a.key", workspace=workspace)


def test_a_key_for_which_there_was_no_room_is_made_once_there_is(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "a.key"
    with full_disk(), pytest.raises(KeyFileProblem, match="cannot be made"):
        create_key_file(path, workspace=workspace)
    assert create_key_file(path, workspace=workspace) == load_key(path)


@pytest.mark.parametrize("exposed", [0o640, 0o604, 0o660, 0o620, 0o644])
def test_a_key_that_others_can_reach_is_not_used(tmp_path: Path, workspace: Path, exposed: int) -> None:
    path = tmp_path / "my key.key"
    create_key_file(path, workspace=workspace)
    path.chmod(exposed)
    with pytest.raises(KeyFileProblem) as caught:
        load_key(path)
    assert str(caught.value).endswith(f"chmod 600 '{path}'")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"crossfoot-vault-key-1",
        b"another:0011223344556677:" + base64.b64encode(b"canary-secret-of-thirty-two-byte"),
        b"crossfoot-vault-key-1:00112233445566:" + base64.b64encode(b"canary-secret-of-thirty-two-byte"),
        b"crossfoot-vault-key-1:0011223344556677:" + base64.b64encode(b"canary-secret, short"),
        b"crossfoot-vault-key-1:0011223344556677:canary!",
        b"crossfoot-vault-key-1:\xff:canary",
    ],
)
def test_a_damaged_key_file_is_explained_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileProblem, match="damaged") as caught:
        load_key(path)
    assert "canary" not in str(caught.value)
    assert base64.b64encode(b"canary")[:6].decode() not in str(caught.value)


def test_a_missing_key_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(KeyFileProblem, match=r"no key file at .*a\.key.*CROSSFOOT_KEY_FILE"):
        load_key(tmp_path / "a.key")
    with pytest.raises(KeyFileProblem, match="cannot be read"):
        load_key(tmp_path)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.config/crossfoot/keys/acme.key"),
        ({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/cfg"}, "/cfg/crossfoot/keys/acme.key"),
        ({"HOME": "/home/ada", "XDG_CONFIG_HOME": "cfg"}, "/home/ada/.config/crossfoot/keys/acme.key"),
        ({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/cfg", KEY_FILE_VARIABLE: "/run/key"}, "/run/key"),
        ({"HOME": "/home/ada", KEY_FILE_VARIABLE: ""}, "/home/ada/.config/crossfoot/keys/acme.key"),
    ],
)
def test_where_the_key_is(environ: dict[str, str], expected: str) -> None:
    assert key_path("acme", environ) == Path(expected)


@pytest.mark.parametrize("workspace_id", ["", "../acme", "a/b", ".hidden", "a" * 65])
def test_a_workspace_id_cannot_lead_elsewhere(workspace_id: str) -> None:
    with pytest.raises(KeyFileProblem, match="cannot name a key file"):
        key_path(workspace_id, {"HOME": "/home/ada"})
