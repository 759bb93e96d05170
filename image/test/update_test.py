#!/usr/bin/env python3
"""Updates a card in its virtual board, from one slot to the other: `update_test.py IMAGE WORK`. WORK is the folder that `image/build`
left beside the image. A good update is kept; one whose program does not capture is given up after two minutes, one whose program
cannot even say so after six (`--long`); the slot before it comes back with its data. QEMU has no boot firmware of the Pi:
which of `config.txt` and `tryboot.txt` counts is played here, as the firmware would choose."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import frames  # noqa: E402
from card import Card, clean_up  # noqa: E402
from promises import claim, end, figure, log_in, promise, within  # noqa: E402

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
# Capture never comes about; `update --confirm` works.
BLIND = '#!/bin/sh\n[ "$1" != run ] || exit 1\nexec /usr/bin/netmonitor.real "$@"\n'
# Nothing of the program works.
DEAD = "#!/bin/sh\nexit 1\n"


class Releases:
    """Makes updates of the image that is there, and signs them."""

    def __init__(self, work, folder):
        self.work, self.folder = pathlib.Path(work), pathlib.Path(folder)
        self.key, self.public = self.folder / "update.key", self.folder / "update.pub"
        subprocess.run(["minisign", "-G", "-W", "-f", "-s", self.key, "-p", self.public], check=True, stdout=subprocess.DEVNULL)

    def root(self, program):
        """A root like the image's, with another program in it."""
        tree, root = self.folder / "tree", self.folder / "root.erofs"
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["cp", "-al", self.work / "root", tree], check=True)
        binary = tree / "usr/bin/netmonitor"
        binary.rename(tree / "usr/bin/netmonitor.real")
        binary.write_text(program)
        binary.chmod(0o755)
        subprocess.run(["mkfs.erofs", "-zlz4", "--all-root", root, tree], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
        return root

    def make(self, release, root):
        made = self.folder / f"update-{release}"
        subprocess.run([PACKAGING / "make-update", "--release", release, "--root", root, "--boot", self.work / "boot/a", "--key",
                        self.key, made], check=True, stderr=subprocess.DEVNULL)
        return made


def slot_of(card):
    """The slot that runs, and the one that starts next."""
    running = card.run("tr ' ' '\\n' </proc/cmdline | grep ^root=").strip()[-1]
    return {"2": "a", "3": "b"}[running], card.get("config.txt").decode().split("os_prefix=")[1][0]


def install(card, releases, made):
    """Installs it and restarts; what the command said."""
    for file, name in ((releases.public, "pub"), (made, "u"), (f"{made}.minisig", "u.minisig")):
        card.send(file, f"/var/{name}")
    began = time.monotonic()
    said = card.run("netmonitor update /var/u --key /var/pub --reboot 2>&1", 900, check=False)
    card.ends(120)
    figure("update, from the command to the restart", f"{time.monotonic() - began:.0f} s")
    return said


def page_and_data(card):
    promise("the password is still the same", log_in(card) in (200, 201, 204))
    alerts = card.request("GET", "/api/alerts?limit=500")[1]["alerts"]
    promise("the alert is still there", any(alert["kind"] == "port_scan" for alert in alerts), alerts)


def ready(card):
    card.wait_for_page()
    card.wait(lambda: card.run("true") is not None, 120, "SSH")


def broken_update(card, releases, release, program, patience, by):
    """One that does not work: it is given up by itself."""
    install(card, releases, releases.make(release, releases.root(program)))
    card.start(mirror=True, trial=True)
    card.ends(patience)
    figure(f"a broken update, from power on until it was given up {by}", f"{time.monotonic() - card.started:.0f} s")
    card.start(mirror=True)
    ready(card)
    promise(f"a broken update is given up {by}", slot_of(card) == ("b", "b"), slot_of(card))
    page_and_data(card)
    within(card, 60, "what became of it is told", lambda: release in card.run("netmonitor update --status"))


def main():
    image, work = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="card-update-", dir=pathlib.Path(image).parent) as folder:
        releases, card = Releases(work, folder), Card(image, folder)
        try:
            card.open_ssh()
            card.start(mirror=True)
            ready(card)
            claim(card)
            log_in(card)
            within(card, 60, "the mirror port is captured on", lambda: "eth1" in str(card.request("GET", "/api/dashboard")[1]["capture"]))
            for frame in frames.scan(66, 10):
                card.injector.sendto(frame, ("127.0.0.1", card.frames))
            within(card, 60, "a scan is an alert", lambda: "port_scan" in str(card.request("GET", "/api/alerts?limit=500")[1]))
            good = releases.make("99.0.0", releases.work / "root.erofs")
            other = releases.folder / "other"
            other.write_bytes(good.read_bytes()[:-1] + b"!")
            shutil.copy(f"{good}.minisig", f"{other}.minisig")
            for file, name in ((releases.public, "pub"), (other, "u"), (f"{good}.minisig", "u.minisig")):
                card.send(file, f"/var/{name}")
            said = card.run("netmonitor update /var/u --key /var/pub --reboot 2>&1 && echo installed", check=False)
            promise("an update that was changed on the way is refused", "installed" not in said and "nothing was changed" in said, said)
            said = card.run("netmonitor update /var/u --reboot 2>&1 && echo installed", check=False)
            promise("an update by another key than the card's is refused", "installed" not in said, said)
            install(card, releases, good)
            promise("until it has proved itself the old slot is the one that starts", card.get("config.txt").find(b"os_prefix=a/") >= 0)
            card.start(mirror=True, trial=True)
            ready(card)
            within(card, 180, "a good update is kept", lambda: slot_of(card) == ("b", "b"))
            page_and_data(card)
            promise("nothing is on trial any more", card.get("tryboot.txt") is None)
            said = card.run("netmonitor update --status")
            promise("what became of it is told", "99.0.0" in said, said)
            broken_update(card, releases, "99.0.1", BLIND, 420, "after two minutes")
            if "--long" in sys.argv:
                broken_update(card, releases, "99.0.2", DEAD, 900, "by the card itself")
        except Exception:
            traceback.print_exc()
            promise("the test came to its end", False)
        finally:
            clean_up(card)
            keep = pathlib.Path(image).parent / "update-test-console.log"
            if (card.folder / "console.log").exists():
                shutil.copy(card.folder / "console.log", keep)
    end()


os.environ["PATH"] += ":/usr/sbin:/sbin"
main()
