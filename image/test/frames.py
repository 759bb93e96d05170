"""Frames for the mirror port: a port scan, and a host that says who it is. Addresses are of the test network 192.168.7.0/24."""

import struct


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(number):
    return bytes((0x3C, 0x37, 0x12, 0, 7, number))


def address(number):
    return bytes((192, 168, 7, number))


def tcp(source, target, source_port, port, flags, sequence=1, acknowledged=0):
    """One segment without data from host `source` to host `target`."""
    pseudo = address(source) + address(target) + struct.pack(">BBH", 0, 6, 20)
    segment = struct.pack(">HHIIBBHHH", source_port, port, sequence, acknowledged, 5 << 4, flags, 64240, 0, 0)
    segment = segment[:16] + struct.pack(">H", checksum(pseudo + segment)) + segment[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, port, 0x4000, 64, 6, 0, address(source), address(target))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    frame = mac(target) + mac(source) + b"\x08\x00" + head + segment
    return frame + b"\0" * (60 - len(frame))


def arp(source, target):
    """Who has `target`, tell `source`."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac(source) + address(source) + bytes(6) + address(target)
    return b"\xff" * 6 + mac(source) + b"\x08\x06" + body + bytes(18)


def scan(source, target, ports=120):
    """Host `source` tries many ports of `target`, which refuses them."""
    yield arp(source, target)
    for port in range(1, ports + 1):
        yield tcp(source, target, 40000 + port, port, 0x02)
        yield tcp(target, source, port, 40000 + port, 0x14, 0, 2)
