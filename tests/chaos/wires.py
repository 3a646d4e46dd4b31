# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of their own for a collector, and the wires to them: good ones (veth), and bad ones."""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time


class Namespace:
    """A network of its own, with a wire to it. It is bad as tc-netem(8) makes it, where the kernel has that."""

    count = 0

    def __init__(self):
        Namespace.count += 1
        number = os.getpid() * 16 + Namespace.count % 16
        self.name = f"muster-{number}"
        self.wire = f"mu{number % 10 ** 9}"
        self.inner = "wire"
        self.net = f"10.{200 + number % 50}.{number // 50 % 250}"
        self.far_address = f"{self.net}.2"
        self.command = ("ip", "netns", "exec", self.name)  # what is put before a command that runs there

    def _ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True, stderr=subprocess.PIPE)

    def set_wire(self, up):
        self._ip("link", "set", self.wire, "up" if up else "down")

    def disturb(self, loss=0.0, delay=0.0, overtaking=0.0):
        """On both sides, from now on. Shares of the packets (0 to 1), and seconds; who overtakes does not wait."""
        settings = ["loss", f"{100 * loss:g}%", "delay", f"{1000 * delay:g}ms"]
        if overtaking:
            settings += ["reorder", f"{100 * overtaking:g}%"]
        for prefix, device in (((), self.wire), (self.command, self.inner)):
            subprocess.run([*prefix, "tc", "qdisc", "replace", "dev", device, "root", "netem", *settings], check=True,
                           stderr=subprocess.PIPE)

    def seen(self):
        """What it did to the packets, for the table."""
        return "by tc-netem(8)"

    def _make_wire(self):
        self._ip("link", "add", self.wire, "type", "veth", "peer", "name", self.inner, "netns", self.name)

    def _remove_wire(self):
        subprocess.run(["ip", "link", "del", self.wire], check=False, stderr=subprocess.DEVNULL)

    def __enter__(self):
        self._ip("netns", "add", self.name)
        try:
            self._make_wire()
            self._ip("addr", "add", f"{self.net}.1/24", "dev", self.wire)
            self._ip("-n", self.name, "addr", "add", f"{self.far_address}/24", "dev", self.inner)
            self._ip("-n", self.name, "link", "set", "lo", "up")
            self._ip("-n", self.name, "link", "set", self.inner, "up")
            self.set_wire(True)
        except (OSError, subprocess.CalledProcessError):
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self._remove_wire()
        subprocess.run(["ip", "netns", "del", self.name], check=False, stderr=subprocess.DEVNULL)


# linux/if_tun.h: packets of IP, without a header before them
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

# Packets on their way at once; what comes on top of that is lost, as at any router.
QUEUE_MAX = 4096


def open_tun(name):
    """Makes a device that ends with its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Wire(threading.Thread):
    """Carries packets between two descriptors: loses some, delays them, and lets some overtake others."""

    def __init__(self, ends, seed):
        super().__init__(daemon=True)
        self.ends = ends
        self.random = random.Random(seed)
        self.loss = self.delay = self.overtaking = 0.0
        self.way = []  # heap of (when, number, where to, packet)
        self.taken = self.lost = self.overtaken = self.latest = 0
        self.carried = {end: 0 for end in ends}  # the highest number that has arrived
        self.waker, self.sleeper = os.pipe()[::-1]

    def _take(self, source):
        """All that waits at one end."""
        target = self.ends[1 - self.ends.index(source)]
        while True:
            try:
                packet = os.read(source, 65536)
            except OSError:
                return
            self.taken += 1
            if self.random.random() < self.loss or len(self.way) >= QUEUE_MAX:
                self.lost += 1
                continue
            delay = 0.0 if self.random.random() < self.overtaking else self.delay
            heapq.heappush(self.way, (time.monotonic() + delay, self.taken, target, packet))

    def _give(self):
        """All whose time has come; returns how long the next one has."""
        while self.way:
            when, number, target, packet = self.way[0]
            left = when - time.monotonic()
            if left > 0:
                return left
            heapq.heappop(self.way)
            self.overtaken += number < self.carried[target]
            self.carried[target] = max(self.carried[target], number)
            try:
                os.write(target, packet)
            except OSError:  # that end is down
                self.lost += 1
        return None

    def run(self):
        left = None
        while True:
            ready, _, _ = select.select([*self.ends, self.sleeper], [], [], left)
            if self.sleeper in ready:
                return
            for source in ready:
                self._take(source)
            left = self._give()

    def end(self):
        """Whether it has begun or not."""
        os.write(self.waker, b"e")
        if self.is_alive():
            self.join()
        for descriptor in (*self.ends, self.waker, self.sleeper):
            os.close(descriptor)


class WiredNamespace(Namespace):
    """One whose wire is a thread of ours between two TUN devices: bad by the seed, whatever the kernel has."""

    def __init__(self, seed=0):
        super().__init__()
        self.seed = seed
        self.inner = self.wire + "i"
        self.thread = None

    def disturb(self, loss=0.0, delay=0.0, overtaking=0.0):
        self.thread.loss, self.thread.delay, self.thread.overtaking = loss, delay, overtaking

    def seen(self):
        wire = self.thread
        return f"{wire.taken:,} packets, {wire.lost:,} lost, {wire.overtaken:,} overtaken"

    def _make_wire(self):
        ends = [open_tun(self.wire)]
        try:
            ends.append(open_tun(self.inner))
        except OSError:
            os.close(ends[0])
            raise
        self.thread = Wire(ends, self.seed)
        self._ip("link", "set", self.inner, "netns", self.name)
        self.thread.start()

    def _remove_wire(self):
        if self.thread is not None:
            self.thread.end()
        self.thread = None


def can_make(namespace, *, disturbed=False):
    """Whether this machine lets us."""
    try:
        with namespace:
            if disturbed:
                namespace.disturb(delay=0.001)
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def make_disturbable(seed):
    """By netem where the kernel has it, else by a wire of ours."""
    return Namespace() if can_make(Namespace(), disturbed=True) else WiredNamespace(seed)


def cannot_make_networks(_build):
    return None if can_make(Namespace()) else "needs the right to make network namespaces, and ip(8)"


def cannot_disturb(_build):
    if can_make(Namespace(), disturbed=True) or can_make(WiredNamespace(), disturbed=True):
        return None
    return "needs the right to make network namespaces, ip(8), and tc-netem(8) in the kernel or /dev/net/tun"
