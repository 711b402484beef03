"""``crossfoot emulator ...`` speaks to emulators on https, by a certificate of the user's own making."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from crossfoot.cli.emulator import app
from crossfoot.emulators.host import Host, HostSettings


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Emulators on this machine")])
    start, serial = datetime.now(UTC) - timedelta(days=1), x509.random_serial_number()
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), serial, start, start + timedelta(days=8))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate_file, key_file


def test_a_certificate_is_trusted_where_ssl_cert_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    env_file = tmp_path / "https.env"
    host = Host(HostSettings(scenario="empty", env_file=env_file, certificate=certificate, key=key))
    host.start()
    try:
        words = ["fault", "list", "--env-file", str(env_file)]
        monkeypatch.delenv(ssl.get_default_verify_paths().openssl_cafile_env, raising=False)
        refused = CliRunner().invoke(app, words)
        assert (refused.exit_code, "CERTIFICATE_VERIFY_FAILED" in refused.stderr) == (1, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert CliRunner().invoke(app, words).output == "No fault is switched on.\n"
    finally:
        host.stop()
