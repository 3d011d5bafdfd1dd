"""Small files with true headers, made where they are needed."""

import base64
import struct
import zlib


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(100)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)


def jpeg(width: int, height: int, thumbnail: int = 0) -> bytes:
    """`thumbnail` bytes stand before the size, as cameras write them."""
    before = b"\xff\xe1" + struct.pack(">H", 2 + thumbnail) + bytes(thumbnail)
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + (before if thumbnail else b"") + frame + bytes(50)


def webp(kind: bytes, width: int, height: int) -> bytes:
    if kind == b"VP8X":
        size = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        size = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(8)
    else:
        size = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF\x40\x00\x00\x00WEBP" + kind + b"\x40\x00\x00\x00" + size + bytes(20)


def wav(seconds: float, rate: int = 16_000, *, claimed: int | None = None) -> bytes:
    """Mono with 16 bits; `told` is what the header says of its length, in bytes."""
    sound = bytes(int(seconds * rate) * 2)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    data = struct.pack("<4sI", b"data", len(sound) if claimed is None else claimed) + sound
    return b"RIFF" + struct.pack("<I", 4 + len(form) + len(data)) + b"WAVE" + form + data


def pdf(pages: int, *, hidden: bool = False, padding: int = 0, filtered: bool = False) -> bytes:
    """`hidden`: the page objects stand in a compressed stream; `filtered`: in one that cannot be
    read here."""
    page = b"<</Type /Page /Parent 2 0 R>>\n"
    tree = b"2 0 obj<</Type/Pages/Count %d/Kids[]>>endobj\n" % pages
    objects = page * pages
    if hidden or filtered:
        held = zlib.compress(tree + objects) if not filtered else b"\x00" + bytes(50)
        body = b"9 0 obj<</Type/ObjStm/N %d/Filter/FlateDecode>>stream\r\n" % pages
        body += held + b"\nendstream endobj\n"
    else:
        body = objects + tree
    return b"%PDF-1.7\n" + b"%" + b"x" * padding + b"\n" + body + b"trailer<<>>%%EOF"
