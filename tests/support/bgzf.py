"""Blocks of bgzip."""

from __future__ import annotations

import struct
import zlib


def bgzf_block(data: bytes) -> bytes:
    """One block, as the SAM specification (section 4.1) lays it out."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    size = len(body) + 25
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\x00BC\x02\x00" + struct.pack("<H", size)
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))
