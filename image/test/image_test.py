#!/usr/bin/env python3
"""Boots the image in a virtual board and holds it to its promises: `image_test.py IMAGE`. Prints one line per promise, and the
times and sizes measured; exits 1 when one is broken."""

import json
import pathlib
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import frames  # noqa: E402
from card import Card, clean_up  # noqa: E402
from promises import claim, end, figure, log_in, promise, within  # noqa: E402


class Events(threading.Thread):
    """What /api/events tells, as it comes."""

    def __init__(self, card):
        super().__init__(daemon=True)
        self.card, self.alerts, self.snapshots = card, [], 0

    def run(self):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.card.port, timeout=600)
        connection.request("GET", "/api/events", headers={"cookie": self.card.cookie})
        stream, event = connection.getresponse(), ""
        for line in stream:
            line = line.decode().rstrip("\n")
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and event == "alert":
                self.alerts.append(json.loads(line[5:]))
            elif line.startswith("data:") and event == "snapshot":
                self.snapshots += 1


def kinds(card):
    return {alert["kind"] for alert in card.request("GET", "/api/alerts?limit=500")[1]["alerts"]}


def send(card, made):
    for number, frame in enumerate(made):
        card.injector.sendto(frame, ("127.0.0.1", card.frames))
        if number % 10 == 0:
            time.sleep(0.01)


def identity(card):
    return {"machine-id": card.run("cat /etc/machine-id").strip(), "host name": card.run("hostname").strip(),
            "SSH host key": card.run("dropbearkey -y -f /var/lib/card/ssh-host-key | grep ^ssh-").strip()}


def first_boot(card):
    card.open_ssh()
    card.put("config.toml", '[log]\nlevel = "info"\n')
    card.start(mirror=True)
    figure("power on to page, first boot", f"{card.wait_for_page():.0f} s")
    promise("the claim page answers", card.request("GET", "/login")[0] == 200)
    code, status, answer = claim(card)
    promise("the code on the console claims the page", status in (200, 201, 204), answer)
    promise("the password logs in", log_in(card) in (200, 201, 204))
    card.wait(lambda: card.run("true") is not None, 120, "SSH")
    card.wait(lambda: card.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), 120, "the boot to end")
    bad = card.run("systemctl --failed --no-legend --plain")
    promise("no unit has failed", not bad.strip(), bad + card.run("journalctl -b -p err --no-pager | tail -30"))
    promise("the root cannot be written", "ro" in card.run("grep ' / erofs' /proc/mounts").split()[3].split(","))
    size = int(card.run("df -m /var | awk 'NR == 2 { print $2 }'"))
    promise("the data partition has grown to the card's end", size > 450, size)
    promise("the journal is in memory", "/run/log/journal" in card.run("ls -d /run/log/journal/*"))
    promise("compressed memory is on", "zram" in card.run("cat /proc/swaps"))
    within(card, 60, "netmonitor.local is announced",
           lambda: "Host name is netmonitor.local" in card.run("journalctl -b -u card-mdns --no-pager"))
    promise("SSH takes no password", "publickey" in ssh_methods(card), ssh_methods(card))
    within(card, 60, "the mirror port is captured on, without being told",
           lambda: "eth1" in json.dumps(card.request("GET", "/api/dashboard")[1]["capture"]["interfaces"]))
    return code


def ssh_methods(card):
    import subprocess
    done = subprocess.run(["ssh", "-p", str(card.ssh_port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                           "-o", "PreferredAuthentications=none", "-o", "BatchMode=yes", "root@127.0.0.1"],
                          capture_output=True, text=True, timeout=60)
    return done.stderr.strip().splitlines()[-1].rsplit("(", 1)[-1]


def traffic(card):
    events = Events(card)
    events.start()
    card.wait(lambda: events.snapshots > 1, 60, "snapshots")
    began = time.monotonic()
    send(card, frames.scan(66, 10))
    card.wait(lambda: any(alert["kind"] == "port_scan" for alert in events.alerts), 60, "the scan's alert over SSE")
    figure("first frame of a scan to its alert in the browser's stream", f"{time.monotonic() - began:.1f} s")
    promise("a port scan is an alert over SSE", True)
    devices = json.dumps(card.request("GET", "/api/devices")[1])
    promise("the hosts of the mirrored network are devices", "192.168.7.66" in devices and "192.168.7.10" in devices, devices)
    within(card, 60, "the LED's state and the screen tell of the alert",
           lambda: card.run("cat /run/netmonitor/state").strip() == "alert" and card.shown("THERE ARE ALERTS"))
    # Rest: what is used then is what it needs.
    time.sleep(20)
    memory = dict(line.split(":") for line in card.run("cat /proc/meminfo").splitlines())
    kib = {name: int(value.split()[0]) for name, value in memory.items()}
    figure("memory used in all (as free says)",
           f"{(kib['MemTotal'] - kib['MemFree'] - kib['Buffers'] - kib['Cached'] - kib['SReclaimable']) / 1024:.1f} MB")
    figure("memory not available", f"{(kib['MemTotal'] - kib['MemAvailable']) / 1024:.1f} MB")
    rss = card.run("for p in $(pidof netmonitor); do grep -E 'VmRSS|RssAnon' /proc/$p/status; done")
    figure("netmonitor", " ".join(rss.split()))


def second_boot(card, before):
    """After an orderly end: everything is still there. The files of the boot partition act."""
    card.run("sync; systemctl poweroff", check=False)
    card.process.wait(120)
    card.put("wifi.txt", "\ufeffname = Home & \"garden\" #1\r\npassword = se\"cret#pass word\r\ncountry = nl\r\n")
    card.put("config.toml", "[capture]\nno_such_key = 1\n")
    card.start(mirror=True)
    figure("power on to page, second boot", f"{card.wait_for_page():.0f} s")
    promise("the password is still the same", log_in(card) in (200, 201, 204))
    promise("the alert is still there", "port_scan" in kinds(card), kinds(card))
    promise("the devices are still there", "192.168.7.66" in json.dumps(card.request("GET", "/api/devices")[1]))
    promise("the card is still the same", identity(card) == before, identity(card))
    promise("a config.toml that cannot be read is told on the screen", bool(card.shown(r"! config.toml is not used: .*no_such_key")))
    conf = card.run("cat /var/lib/card/wifi.conf")
    ssid = 'Home & "garden" #1'.encode().hex()
    promise("wifi.txt is understood", f"ssid={ssid}" in conf and 'psk="se"cret#pass word"' in conf and "country=NL" in conf, conf)
    promise("wifi.txt is taken off the card", card.run("ls /boot/firmware/netmonitor").find("wifi") < 0)
    card.run("mount -o remount,rw /boot/firmware && touch /boot/firmware/netmonitor/reset-password && sync && mount -o remount,ro /boot/firmware")
    code = card.shown(r"Claim code:\s+([A-Z0-9]{4}-[A-Z0-9]{4})", 150)
    promise("reset-password brings a new claim code", bool(code))
    within(card, 150, "reset-password is taken off the card", lambda: "reset-password" not in card.run("ls /boot/firmware/netmonitor"))
    promise("the old password is gone", log_in(card) not in (200, 201, 204))
    promise("the new code claims the page", claim(card)[1] in (200, 201, 204))
    return conf


def offline_boot(card):
    """No network at all: it captures, and says on the screen that it has no address."""
    card.pull_the_plug()
    card.start(network=False)
    within(card, 400, "without a network the screen says so", lambda: "No address yet" in card.console)
    within(card, 200, "without a network it watches all the same", lambda: "Watching the network" in card.console)


def factory_reset(card):
    card.pull_the_plug()
    card.put("factory-reset", "")
    card.put("config.toml", "")
    card._mtools("mdel", "-i", card._boot(), "::netmonitor/authorized_keys")
    card.start()
    card.wait_for_page()
    code, status, answer = claim(card)
    promise("after a factory reset the page is claimed anew", status in (200, 201, 204), answer)
    promise("after a factory reset nothing is kept", kinds(card) == set(), kinds(card))
    promise("without authorized_keys there is no SSH", card.run("true", check=False) == "" and not open_port(card), "open")
    name = card.shown(r"netmonitor   (netmonitor-[0-9a-f]{4})")
    card.pull_the_plug()
    promise("factory-reset is taken off the card", card.get("netmonitor/factory-reset") is None)
    return name


def open_port(card):
    """Whether someone who speaks SSH is behind the forwarded port: QEMU itself accepts every connection."""
    import socket
    with socket.create_connection(("127.0.0.1", card.ssh_port), 10) as connection:
        connection.settimeout(10)
        try:
            return connection.recv(64).startswith(b"SSH-")
        except OSError:
            return False


def main():
    image = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="card-test-", dir=pathlib.Path(image).parent) as folder:
        one, other = Card(image, folder, "one"), Card(image, folder, "other")
        try:
            code = first_boot(one)
            traffic(one)
            mine = identity(one)
            second_boot(one, mine)
            offline_boot(one)
            factory_reset(one)
            other.open_ssh()
            other.start()
            other.wait_for_page()
            other_code = other.shown(r"Claim code:\s+([A-Z0-9]{4}-[A-Z0-9]{4})")
            other.wait(lambda: other.run("true") is not None, 120, "SSH")
            theirs = identity(other)
            for name in mine:
                promise(f"two cards of one image differ in their {name}", mine[name] != theirs[name], mine[name])
            promise("two cards of one image differ in their claim code", code != other_code)
        except Exception:
            traceback.print_exc()
            promise("the test came to its end", False)
        finally:
            clean_up(one, other)
            keep = pathlib.Path(image).parent / "image-test-console.log"
            log = pathlib.Path(folder) / "console.log"
            if log.exists():
                keep.write_bytes(log.read_bytes())
    end()


main()
