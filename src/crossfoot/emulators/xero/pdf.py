"""A one-page PDF, written by hand: enough for a client that stores, sends or opens what it downloaded."""

from __future__ import annotations

from collections.abc import Sequence

LINES_MAX = 50
_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>"
)
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def one_page(lines: Sequence[str]) -> bytes:
    """An A4 page with these lines of text; signs outside Windows-1252 show as question marks."""
    text = b"BT /F1 12 Tf 18 TL 56 780 Td " + b" ".join(_shown(line) for line in lines[:LINES_MAX]) + b" ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        _FONT,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
    )
    document, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(document))
    return bytes(document + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer)


def _shown(line: str) -> bytes:
    """One line as a string of the content stream."""
    plain = "".join(sign if sign.isprintable() else " " for sign in line).encode("cp1252", "replace")
    for sign in (b"\\", b"(", b")"):
        plain = plain.replace(sign, b"\\" + sign)
    return b"(%b) Tj T*" % plain
