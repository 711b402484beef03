"""Key files: the master key of a workspace, in a file of its own that only its owner can read, outside the workspace.

A copy of the database or of the workspace is useless without it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from crossfoot.core.errors import NeedsPerson
from crossfoot.vault.envelope import KEY_BYTES, KEY_ID_BYTES, RandomBytes, VaultKey

KEY_FILE_VARIABLE = "CROSSFOOT_KEY_FILE"
_LABEL = "crossfoot-vault-key-1"
_FILE_BYTES_MAX = 1_000


class KeyFileProblem(NeedsPerson):
    """The key file is missing, exposed, damaged or in the wrong place; the message says what to run."""


def key_path(workspace_id: str, environ: Mapping[str, str]) -> Path:
    """Where the key of a workspace is: CROSSFOOT_KEY_FILE, else the user's configuration directory."""
    named = environ.get(KEY_FILE_VARIABLE)
    if named:
        return Path(named).expanduser()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", workspace_id):
        raise KeyFileProblem(f"`{workspace_id}` cannot name a key file; a workspace id has letters, digits, - and _.")
    configured = Path(environ.get("XDG_CONFIG_HOME", ""))  # the XDG rules: a relative path counts as none
    base = configured if configured.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return base / "crossfoot" / "keys" / f"{workspace_id}.key"


def create_key_file(path: Path, *, workspace: Path, random_bytes: RandomBytes = secrets.token_bytes) -> VaultKey:
    """Make a new key at ``path`` (0600, new directories 0700); never overwrites, never inside ``workspace``."""
    if path.resolve().is_relative_to(workspace.resolve()):
        raise KeyFileProblem(
            f"{path} is inside the workspace {workspace}: whoever copies the workspace would copy the key. "
            f"Choose another place with {KEY_FILE_VARIABLE}."
        )
    key = VaultKey(id=random_bytes(KEY_ID_BYTES).hex(), secret=random_bytes(KEY_BYTES))
    try:
        _make_private_directories(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileProblem(f"{path} exists and is not overwritten: what it sealed would be lost.") from None
    except OSError as error:
        raise KeyFileProblem(f"The key file {path} cannot be made: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b":".join((_LABEL.encode(), key.id.encode(), base64.b64encode(key.secret))) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink()  # half of a key opens nothing, and would never be overwritten
        if isinstance(error, OSError):
            raise KeyFileProblem(f"The key file {path} cannot be made: {error.strerror}.") from None
        raise
    _make_durable(path.parent)
    return key


def load_key(path: Path) -> VaultKey:
    """Read a key file; refuses one that anybody else could read, or change."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileProblem(
                    f"The key file {path} can be read or changed by others. Run: chmod 600 {shlex.quote(str(path))}"
                )
            return _parse(path, file.read(_FILE_BYTES_MAX))
    except FileNotFoundError:
        raise KeyFileProblem(
            f"There is no key file at {path}. Restore it from your backup, or name its place in {KEY_FILE_VARIABLE}; "
            "without it, `crossfoot init` makes a new key and `crossfoot connect` connects again."
        ) from None
    except OSError as error:
        raise KeyFileProblem(f"The key file {path} cannot be read: {error.strerror}.") from None


def _parse(path: Path, content: bytes) -> VaultKey:
    label, _, rest = content.strip().partition(b":")
    key_id, _, encoded = rest.partition(b":")
    try:
        if label == _LABEL.encode():
            return VaultKey(id=key_id.decode("ascii"), secret=base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error):
        pass
    raise KeyFileProblem(f"{path} is not a Crossfoot key file, or is damaged. Restore it from your backup.")


def _make_private_directories(directory: Path) -> None:
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _make_durable(directory: Path) -> None:
    """Flush the directory's entry: a key must outlive a power cut that the first sealed token outlives."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
