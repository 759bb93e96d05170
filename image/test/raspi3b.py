#!/usr/bin/env python3
"""Boots the card in QEMU's Raspberry Pi 3, from its SD slot, as far as the page: `raspi3b.py IMAGE`. On demand: it takes minutes.

QEMU has no boot firmware of the Pi: kernel, device tree and initramfs are taken out of the card's boot partition by hand."""

import subprocess
import sys
import tempfile
import threading
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from card import Card, clean_up, free_port  # noqa: E402


def main():
    image = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="card-pi3-", dir=pathlib.Path(image).parent) as folder:
        # The slot takes cards of a power of two.
        card = Card(image, folder, mib=1024)
        prefix, kernel, initramfs, cmdline = card.slot()
        # This board's loader does not unpack.
        plain = card.folder / "Image"
        plain.write_bytes(subprocess.run(["gzip", "-dc", kernel], check=True, capture_output=True).stdout)
        tree = card.folder / "board.dtb"
        tree.write_bytes(card.get(prefix + "bcm2837-rpi-3-b.dtb"))
        card.port, card.ssh_port = free_port(), free_port()
        # A USB adapter stands for the Ethernet of the board: an address of a maker, and no better name, make it eth0.
        # Bluetooth has the first serial port; the console is on the second, as the card's command line says.
        # The emulated watchdog resets the board as soon as it is armed.
        words = ["qemu-system-aarch64", "-M", "raspi3b", "-nographic", "-kernel", plain, "-initrd", initramfs, "-dtb", tree, "-append",
                 f"{cmdline} systemd.watchdog_sec=0 net.ifnames=0", "-drive", f"if=sd,format=raw,file={card.image}",
                 "-netdev", f"user,id=lan,hostfwd=tcp:127.0.0.1:{card.port}-:8080", "-device", "usb-net,netdev=lan,mac=00:16:3e:00:00:01",
                 "-monitor", "none", "-serial", "null", "-serial", "stdio"]
        card.started = time.monotonic()
        try:
            card.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)
            threading.Thread(target=card._listen, args=(card.process,), daemon=True).start()
            print(f"figure: power on to page on a Raspberry Pi 3: {card.wait_for_page(1500):.0f} s")
            assert card.request("GET", "/login")[0] == 200, "the claim page"
            print("claim code:", card.shown(r"Claim code:\s+([A-Z0-9]{4}-[A-Z0-9]{4})"))
        finally:
            clean_up(card)


main()
