"""A certificate authority for one run, and the emulator behind TLS under Salesforce's own host names (SF 10.1)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

HOST_NAMES = ("*.salesforce.com", "*.my.salesforce.com", "*.sandbox.my.salesforce.com", "localhost")


@dataclass(frozen=True, slots=True)
class Signer:
    """A name with its key: an authority, a server, or an app."""

    name: x509.Name
    key: rsa.RSAPrivateKey

    @classmethod
    def new(cls, name: str) -> Signer:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        return cls(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)

    @property
    def key_pem(self) -> str:
        """The private key, unencrypted."""
        kind = serialization.PrivateFormat.TraditionalOpenSSL
        return self.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()

    def certify(self, subject: Signer, *, host_names: tuple[str, ...] = (), authority: bool = False) -> str:
        """A certificate of the subject, signed by this name, as PEM."""
        start = datetime.now(UTC) - timedelta(days=1)
        serial, public = x509.random_serial_number(), subject.key.public_key()
        builder = x509.CertificateBuilder(self.name, subject.name, public, serial, start, start + timedelta(days=8))
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in host_names])
        mine = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        usage = x509.KeyUsage(True, False, False, False, False, authority, authority, False, False)
        for extension, critical in (
            (x509.BasicConstraints(ca=authority, path_length=None), True),
            (usage, True),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (mine, False),
            *(((names, False),) if host_names else ()),
        ):
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """Writes the files that a server and its clients read."""

    def __init__(self, folder: Path) -> None:
        root, server = Signer.new("Emulator test authority"), Signer.new("Emulator under test")
        self.bundle = folder / "authority.pem"
        self.bundle.write_text(root.certify(root, authority=True))
        self._server = folder / "server.pem"
        self._server.write_text(server.key_pem + root.certify(server, host_names=HOST_NAMES))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context
