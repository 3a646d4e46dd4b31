# SPDX-License-Identifier: LGPL-2.1-or-later
"""A way to a collector that is slow, or breaks: connections are carried by us, and cut when a case says so."""

import queue
import socket
import struct
import threading
import time


class Proxy:
    """A way to the collector that is slow, or breaks."""

    def __init__(self, delay=0.0):
        self.delay = delay
        self.target = None  # address and port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
                there = socket.create_connection(self.target, timeout=5)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue
            there.settimeout(None)
            self.sockets += [here, there]
            for one, other in ((here, there), (there, here)):
                pieces = queue.Queue(256)
                threading.Thread(target=self._read, args=(one, pieces), daemon=True).start()
                threading.Thread(target=self._write, args=(pieces, other), daemon=True).start()

    @staticmethod
    def _read(source, pieces):
        data = b"begin"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            pieces.put((time.monotonic(), data))

    def _write(self, pieces, target):
        while True:
            came, data = pieces.get()
            time.sleep(max(0.0, came + self.delay - time.monotonic()))
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                data = b""

    def reset(self):
        """All connections end by RST, whatever is on its way."""
        sockets, self.sockets = self.sockets, []
        for one in sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
                one.close()
            except OSError:
                pass
        return len(sockets) // 2

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()
        self.reset()
