"""A card in a virtual board: the image, booted by QEMU with what its own boot partition holds, used over the network."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

MIB = 1 << 20

for need, package in (("qemu-system-aarch64", "qemu-system-arm"), ("mcopy", "mtools"), ("ssh", "openssh-client"), ("e2fsck", "e2fsprogs")):
    if not shutil.which(need, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        raise SystemExit(f"please install {package}")
os.environ["PATH"] += ":/usr/sbin:/sbin"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def partitions(image):
    """Start and length in bytes of the four primary partitions."""
    with open(image, "rb") as file:
        file.seek(446)
        table = file.read(64)
    entries = [struct.unpack_from("<II", table, 16 * n + 8) for n in range(4)]
    return [(start * 512, length * 512) for start, length in entries]


class Card:
    """One flashed card of `mib` MiB, and the board it is plugged into."""

    def __init__(self, image, folder, name="card", mib=1024):
        self.folder = pathlib.Path(folder)
        self.image = self.folder / f"{name}.img"
        subprocess.run(["cp", "--sparse=always", image, self.image], check=True)
        os.truncate(self.image, mib * MIB)
        self.key = self.folder / f"{name}.key"
        if not self.key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.process = None
        self.console = ""

    # The boot partition, as a computer with a card reader sees it.

    def _boot(self):
        return f"{self.image}@@{partitions(self.image)[0][0]}"

    def put(self, name, text):
        file = self.folder / "put"
        file.write_text(text)
        self._mtools("mcopy", "-o", "-i", self._boot(), str(file), f"::netmonitor/{name}")

    def get(self, name):
        """The bytes of a file on the boot partition; None when it is not there."""
        done = subprocess.run(["mtype", "-i", self._boot(), f"::{name}"], capture_output=True, env=self._env())
        return done.stdout if done.returncode == 0 else None

    def _env(self):
        return {**os.environ, "MTOOLS_SKIP_CHECK": "1"}

    def _mtools(self, *words):
        subprocess.run(words, check=True, env=self._env())

    def slot(self, trial=False):
        """The folder of the slot that the firmware would start (`trial`: asked to try another one, by what `tryboot.txt` says),
        and its kernel, initramfs and command line."""
        config = self.get("tryboot.txt" if trial else "config.txt").decode()
        prefix = re.search(r"^os_prefix=(.*)$", config, re.M).group(1)
        kernel, initramfs = self.folder / "vmlinuz", self.folder / "initramfs"
        kernel.write_bytes(self.get(prefix + "vmlinuz"))
        initramfs.write_bytes(self.get(prefix + "initramfs"))
        return prefix, kernel, initramfs, self.get(prefix + "cmdline.txt").decode().strip()

    # Power.

    def start(self, network=True, mirror=False, memory=512, more="", trial=False):
        """Power on. `network`: user-mode network with the page and SSH forwarded; `mirror`: a second network card, into
        which `inject` puts frames. A restart ends QEMU: the firmware that would choose the slot is played by `slot`."""
        _, kernel, initramfs, cmdline = self.slot(trial)
        self.port, self.ssh_port = free_port(), free_port()
        words = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", str(memory), "-nographic", "-no-reboot",
                 "-kernel", kernel, "-initrd", initramfs, "-append", f"{cmdline} console=ttyAMA0 net.ifnames=0 {more}",
                 "-drive", f"if=none,id=card,file={self.image},format=raw,cache=writeback",
                 "-device", "virtio-blk-device,drive=card", "-device", "virtio-rng-device", "-monitor", "none", "-serial", "stdio"]
        # The last device on the command line is the first on the board: eth0 is the network, eth1 the mirror port.
        if mirror:
            self.frames = free_port(socket.SOCK_DGRAM)
            self.injector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.injector.bind(("127.0.0.1", 0))
            words += ["-netdev", f"dgram,id=mirror,local.type=inet,local.host=127.0.0.1,local.port={self.frames},remote.type=inet,"
                                 f"remote.host=127.0.0.1,remote.port={self.injector.getsockname()[1]}",
                      "-device", "virtio-net-device,netdev=mirror,mac=52:54:00:00:00:02"]
        forward = f"hostfwd=tcp:127.0.0.1:{self.port}-:8080,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        net = f"user,id=lan,{forward}" if network else "hubport,id=lan,hubid=0"
        words += ["-netdev", net, "-device", "virtio-net-device,netdev=lan,mac=52:54:00:00:00:01"]
        self.console = ""
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process):
        with open(self.folder / "console.log", "ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                self.console += line.decode("utf-8", "replace").replace("\r", "")

    def pull_the_plug(self):
        """No shutdown, no flush of the guest: what it has not told the disk to keep is gone."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ends(self, seconds):
        """Waits until the board restarts or is off by its own doing."""
        self.process.wait(seconds)
        self.process = None

    def wait(self, what, seconds, told):
        """Waits until `what()` is true; returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU ended while waiting for {told}:\n{self.console[-3000:]}")
            with contextlib.suppress(OSError, http.client.HTTPException, subprocess.SubprocessError, ValueError, AssertionError):
                found = what()
                if found:
                    return found
            time.sleep(0.3)
        raise AssertionError(f"{told}: not after {seconds} s; the console says:\n{self.console[-3000:]}")

    def wait_for_page(self, seconds=600):
        """Seconds from power on until the page answers."""
        self.wait(lambda: self.request("GET", "/healthz")[0] in (200, 503), seconds, "the page")
        return time.monotonic() - self.started

    def shown(self, pattern, seconds=120):
        """The last match of `pattern` on the console."""
        def look():
            found = re.findall(pattern, self.console)
            return found[-1] if found else None
        return self.wait(look, seconds, f"the console to show {pattern}")

    # The page and the shell.

    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {**(headers or {}), **({"cookie": self.cookie} if getattr(self, "cookie", None) else {})}
            if body is not None:
                headers["content-type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            cookie = answer.headers.get("set-cookie")
            if cookie:
                self.cookie = cookie.split(";")[0]
            return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text
        finally:
            connection.close()

    def run(self, command, seconds=120, check=True):
        """Runs a command on the board over SSH; what it prints."""
        done = subprocess.run(["ssh", "-q", "-i", self.key, "-p", str(self.ssh_port), "-o", "StrictHostKeyChecking=no", "-o",
                               "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "root@127.0.0.1", command],
                              capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def send(self, file, path, seconds=600):
        """Copies a file of this machine to the board."""
        with open(file, "rb") as data:
            subprocess.run(["ssh", "-q", "-i", self.key, "-p", str(self.ssh_port), "-o", "StrictHostKeyChecking=no", "-o",
                            "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "root@127.0.0.1", f"cat >{path}"],
                           stdin=data, check=True, timeout=seconds)

    def open_ssh(self):
        self.put("authorized_keys", (self.folder / (self.key.name + ".pub")).read_text())

    def inject(self, capture, speed=1.0):
        """Sends the frames of a pcap file into the mirror port, in their own rhythm times `speed`."""
        data = pathlib.Path(capture).read_bytes()
        at, first, begun = 24, None, time.monotonic()
        while at + 16 <= len(data):
            seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
            moment = seconds + micros / 1e6
            first = moment if first is None else first
            pause = begun + (moment - first) / speed - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.injector.sendto(data[at + 16:at + 16 + length], ("127.0.0.1", self.frames))
            at += 16 + length

    # The file systems, as they lie there.

    def part(self, number):
        start, length = partitions(self.image)[number - 1]
        file = self.folder / f"part{number}"
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
        subprocess.run(["dd", f"if={self.image}", f"of={file}", "bs=1M", f"skip={start // MIB}", f"count={-(-length // MIB)}",
                        "conv=sparse", "status=none"], check=True)
        return file


def clean_up(*cards):
    for card in cards:
        card.pull_the_plug()
