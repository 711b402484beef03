"""The vault: sealing of secrets, the keys that seal them, and the type that keeps them out of sight."""

from crossfoot.vault.envelope import CannotOpen, VaultKey, associated_data, open_sealed, seal, sealed_key_id
from crossfoot.vault.keys import KEY_FILE_VARIABLE, KeyFileProblem, create_key_file, key_path, load_key
from crossfoot.vault.secret import Secret

__all__ = [
    "KEY_FILE_VARIABLE",
    "CannotOpen",
    "KeyFileProblem",
    "Secret",
    "VaultKey",
    "associated_data",
    "create_key_file",
    "key_path",
    "load_key",
    "open_sealed",
    "seal",
    "sealed_key_id",
]
