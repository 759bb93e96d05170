#!/usr/bin/env python3
"""Pulls the plug of the card in its virtual board at random moments, again and again, while traffic comes and alerts are raised:
`power_cuts.py IMAGE [TIMES] [SEED]`. After each cut the file systems are checked as they lie there, the card boots, and every
alert, note and acknowledgement that the page had confirmed is still there; exits 1 when one is lost or a boot fails.

A cut here is the end of QEMU without a word to the guest: what the guest had not yet written is gone, a write under way may be
half done. The caches of a real card's controller are not in it."""

import http.client
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import frames  # noqa: E402
from card import Card, clean_up  # noqa: E402

PASSWORD = "a long enough password"


class Witness:
    """What the page has confirmed: alerts that a viewer was shown, acknowledgements and notes that were answered with success."""

    def __init__(self):
        self.alerts, self.acknowledged = {}, {}

    def heard(self, card, stop):
        """Follows the event stream until the power goes."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", card.port, timeout=300)
            connection.request("GET", "/api/events", headers={"cookie": card.cookie})
            event = ""
            for line in connection.getresponse():
                line = line.decode().rstrip("\n")
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:") and event == "alert":
                    alert = json.loads(line[5:])
                    self.alerts[alert["id"]] = alert["kind"]
                if stop.is_set():
                    return
        except (OSError, http.client.HTTPException, ValueError):
            pass

    def acknowledges(self, card, stop, cut):
        """Acknowledges each alert it hears of, with a note of its own."""
        while not stop.wait(0.5):
            for alert in sorted(set(self.alerts) - set(self.acknowledged)):
                note = f"seen before cut {cut}, alert {alert}"
                try:
                    status, _ = card.request("POST", f"/api/alerts/{alert}/ack", {"note": note})
                except (OSError, http.client.HTTPException, ValueError):
                    return
                if status in (200, 204):
                    self.acknowledged[alert] = note

    def lost(self, card):
        """What was confirmed and is not there any more."""
        for alert, kind in self.alerts.items():
            status, found = card.request("GET", f"/api/alerts/{alert}")
            if status != 200 or found["kind"] != kind:
                yield f"alert {alert} ({kind}): {status} {found}"
            elif alert in self.acknowledged and self.acknowledged[alert] not in json.dumps(found):
                yield f"the acknowledgement of alert {alert}: {found}"


def log_in(card):
    card.cookie = None
    status, answer = card.request("POST", "/api/session", {"password": PASSWORD})
    assert status in (200, 201, 204), answer


def attack(card, stop, chance):
    """A port scan from a new host each second, and the traffic of the rest."""
    while not stop.is_set():
        for frame in frames.scan(chance.randrange(2, 250), chance.randrange(2, 250), 60):
            card.injector.sendto(frame, ("127.0.0.1", card.frames))
        stop.wait(chance.uniform(0.2, 1.5))


def file_systems(card):
    """What is wrong with the file systems as the cut left them; the journal of the data partition is played back first, as a
    mount does."""
    wrong = []
    data = card.part(4)
    if subprocess.run(["e2fsck", "-p", data], capture_output=True).returncode >= 4:
        wrong.append("ext4 needs a person")
    checked = subprocess.run(["e2fsck", "-f", "-n", data], capture_output=True, text=True)
    if checked.returncode != 0:
        wrong.append(f"ext4: {checked.stdout}")
    boot = subprocess.run(["fsck.fat", "-n", card.part(1)], capture_output=True, text=True)
    if boot.returncode != 0:
        wrong.append(f"FAT: {boot.stdout}")
    return wrong


def main():
    image, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    witness, failures = Witness(), 0
    with tempfile.TemporaryDirectory(prefix="power-cuts-", dir=pathlib.Path(image).parent) as folder:
        card = Card(image, folder)
        try:
            for cut in range(times + 1):
                card.start(mirror=True)
                if cut and chance.random() < 0.2:
                    # In the middle of booting.
                    time.sleep(chance.uniform(1, 30))
                    card.pull_the_plug()
                    wrong = file_systems(card)
                    failures += bool(wrong)
                    print(f"cut {cut}: while booting; {wrong or 'clean'}", flush=True)
                    continue
                seconds = card.wait_for_page()
                if cut == 0:
                    code = card.shown(r"Claim code:\s+([A-Z0-9]{4}-[A-Z0-9]{4})")
                    card.request("POST", "/api/claim", {"code": code, "password": PASSWORD})
                log_in(card)
                lost = list(witness.lost(card))
                stop, jobs = threading.Event(), []
                if cut < times:
                    for work, words in ((witness.heard, (card, stop)), (attack, (card, stop, random.Random(seed + cut))),
                                        (witness.acknowledges, (card, stop, cut))):
                        jobs.append(threading.Thread(target=work, args=words, daemon=True))
                        jobs[-1].start()
                    time.sleep(chance.uniform(2, 25))
                card.pull_the_plug()
                stop.set()
                for job in jobs:
                    job.join(60)
                wrong = file_systems(card)
                failures += bool(lost) + bool(wrong)
                print(f"cut {cut}: page after {seconds:.0f} s, {len(witness.alerts)} alerts and {len(witness.acknowledged)} "
                      f"acknowledgements confirmed so far; {lost or 'nothing lost'}; {wrong or 'clean'}", flush=True)
        except AssertionError as error:
            failures += 1
            print(error)
        finally:
            clean_up(card)
    print(f"{times} cuts, {failures} failures")
    sys.exit(failures != 0)


main()
