"""Byte streams as IMUs send them, written independently of the decoders."""

import struct
from functools import reduce


def packet(kind: int, *raw: int) -> bytes:
    """One WitMotion packet of four numbers (int16)."""
    body = bytes([0x55, kind]) + struct.pack("<4h", *raw, *[0] * (4 - len(raw)))
    return body + bytes([sum(body) % 256])


def line(*columns: float, checksum: bool = True) -> bytes:
    """One line of numbers."""
    body = ",".join(f"{column:.6g}" for column in columns).encode()
    if not checksum:
        return body + b"\r\n"
    return b"$%s*%02X\r\n" % (body, reduce(lambda a, b: a ^ b, body))
