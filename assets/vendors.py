#!/usr/bin/env python3
"""Makes assets/vendors.bin, the list that src/addr/vendor.rs reads, from the IEEE's registries of MAC prefixes.

    apt-get install ieee-data && assets/vendors.py /usr/share/ieee-data

The folder holds oui.csv (24 bits, MA-L), mam.csv (28, MA-M), oui36.csv and iab.csv (36, MA-S and its predecessor), as
Debian's package ieee-data ships them and as https://standards-oui.ieee.org offers them. The IEEE asserts no copyright
in the listing and does not restrict its distribution. vendors.bin was last made from ieee-data 20220827.1.

Form of vendors.bin, integers little-endian unless said otherwise:
    "OUI1"; three u32: how many prefixes of 24, 28, 36 bits
    per prefix, sorted: the prefix, big-endian in 3, 4, 5 bytes; u24: where its name begins among the names
    the names, each once: a byte of length, then UTF-8
"""
import csv
import re
import struct
import sys
from pathlib import Path

FILES = {"oui.csv": 24, "mam.csv": 28, "oui36.csv": 36, "iab.csv": 36}
LONGEST = 32

# Holders of blocks that are handed on in smaller pieces, and those who keep their name to themselves.
NOBODY = {"private", "ieee registration authority"}

# How people know the makers of what stands in homes; keys as they come out of shorten().
KNOWN_AS = {
    "AVM Audiovisuelles Marketing und": "AVM",
    "Raspberry Pi Foundation": "Raspberry Pi",
    "Raspberry Pi Trading": "Raspberry Pi",
    "Hon Hai Precision Ind": "Foxconn",
    "Hon Hai Precision Industry": "Foxconn",
    "Intel Corporate": "Intel",
    "Cisco Systems": "Cisco",
    "Xiaomi Communications": "Xiaomi",
    "Guangdong OPPO Mobile": "OPPO",
    "vivo Mobile Communication": "vivo",
    "Motorola Mobility LLC, a Lenovo": "Motorola",
    "Aruba, a Hewlett Packard": "Aruba",
    "Philips Lighting": "Philips Hue",
    "zte": "ZTE",
    "Samsung Electronics": "Samsung",
    "Huawei Technologies": "Huawei",
    "TP-Link Technologies": "TP-Link",
    "Synology Incorporated": "Synology",
    "Hangzhou Hikvision Digital": "Hikvision",
    "Zhejiang Dahua Technology": "Dahua",
    "ASUSTek COMPUTER": "ASUS",
    "ASUSTek Computer": "ASUS",
    "Amazon Technologies": "Amazon",
    "Sony Interactive Entertainment": "Sony PlayStation",
}

LEGAL = (
    r"incorporated|inc|l\.?l\.?c|limited|ltd|ltda|co|company|corporation|corp|gmbh(\s*&\s*co\.?\s*kgaa?)?|kg|ag|s\.?a\.?s?|"
    r"s\.?r\.?l|s\.?p\.?a|b\.?v|n\.?v|a/s|aps|a\.?b|oyj?|pty|pte|plc|p\.?l\.?c|s\.?l\.?u?|sp\.?\s*z\.?\s*o\.?\s*o|"
    r"s\.?r\.?o|spol\.?\s*s\.?\s*r\.?\s*o|d\.?o\.?o|k\.?k|kft|e\.?v|as|pvt|private|bhd|sdn|lp|l\.p|international co"
)
TAIL = re.compile(rf"[\s,.(]+({LEGAL})[.,)\s]*$", re.IGNORECASE)


def shorten(name):
    """The name without its legal form, not shouted, at most LONGEST bytes."""
    name = " ".join(name.replace("\u200b", "").split())
    while True:
        shorter = TAIL.sub("", name).rstrip(" ,&")
        if shorter == name or len(shorter) < 2:
            break
        name = shorter
    if name == name.upper():
        name = re.sub(r"[A-Z]{5,}|(?<=-)LINK", lambda word: word.group().capitalize(), name)
    cut = name.encode()[:LONGEST].decode(errors="ignore")
    if cut != name and " " in cut and cut not in KNOWN_AS:
        whole = name[len(cut)] == " "
        cut = cut if whole else cut.rsplit(" ", 1)[0]
    cut = cut.rstrip(" ,&-(")
    return KNOWN_AS.get(cut, cut)


def read(folder):
    """{bits: {prefix: name}}"""
    prefixes = {24: {}, 28: {}, 36: {}}
    for file, bits in FILES.items():
        with open(folder / file, encoding="utf-8", errors="replace", newline="") as rows:
            for row in csv.DictReader(rows):
                prefix, name = row["Assignment"], row["Organization Name"]
                if len(prefix) * 4 != bits or name.strip().lower() in NOBODY or not name.strip():
                    continue
                # A prefix listed twice keeps its first holder: the order of the registry is stable.
                prefixes[bits].setdefault(int(prefix, 16), shorten(name))
    return prefixes


def pack(prefixes):
    """The bytes of vendors.bin."""
    names = sorted({name for block in prefixes.values() for name in block.values()})
    where, pool = {}, bytearray()
    for name in names:
        where[name] = len(pool)
        text = name.encode()
        pool += bytes([len(text)]) + text
    out = bytearray(b"OUI1" + struct.pack("<III", *(len(prefixes[bits]) for bits in (24, 28, 36))))
    for bits, width in ((24, 3), (28, 4), (36, 5)):
        for prefix, name in sorted(prefixes[bits].items()):
            out += prefix.to_bytes(width, "big") + where[name].to_bytes(3, "little")
    return bytes(out + pool), len(names)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/ieee-data")
    prefixes = read(folder)
    data, names = pack(prefixes)
    Path(__file__).with_name("vendors.bin").write_bytes(data)
    count = sum(map(len, prefixes.values()))
    print(f"{count} prefixes, {names} names, {len(data)} bytes")


if __name__ == "__main__":
    main()
