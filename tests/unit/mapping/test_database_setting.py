"""Where the workspace's state is kept: the setting takes an address, never a password, and is read without the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossfoot.mapping.settings import DATABASE_ADDRESS, database_address
from crossfoot.store.database import address_without_secret


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://crossfoot@db.example.com/books",
        "postgresql://db.example.com:5433/books?sslmode=require",
        "postgresql://crossfoot@/books?host=/run/postgresql",
    ],
)
def test_an_address_without_a_password_is_taken_and_read_alone(tmp_path: Path, address: str) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(f"crossfoot: 1\nbroken: [\ndatabase: {address}   # the server\n", encoding="utf-8")
    assert DATABASE_ADDRESS.fullmatch(address)
    assert database_address(path) == address


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://crossfoot:secret@db.example.com/books",
        "postgresql://crossfoot:@db.example.com/books",
        "postgresql://crossfoot@db.example.com/books?password=secret",
        "mysql://db.example.com/books",
        "books.db",
    ],
)
def test_a_password_or_another_server_is_refused(address: str) -> None:
    assert not DATABASE_ADDRESS.fullmatch(address)


def test_no_file_and_no_setting_mean_a_file_in_the_workspace(tmp_path: Path) -> None:
    assert database_address(tmp_path / "none.yaml") == ""
    (tmp_path / "crossfoot.yaml").write_text("crossfoot: 1\n# database: postgresql://u@h/n\n", encoding="utf-8")
    assert database_address(tmp_path / "crossfoot.yaml") == ""


def test_what_init_writes_down_has_no_password() -> None:
    assert address_without_secret("postgresql://u:secret@h:5433/n?sslmode=require") == (
        "postgresql://u@h:5433/n?sslmode=require"
    )
