# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker for test-bindings.py, which says by an argument what it shall do."""
import sys

import gi

gi.require_version("Muster", "1")
from gi.repository import GLib, Muster  # noqa: E402

FIELDS = {
    "text": GLib.Variant("s", "é"),
    "integer": GLib.Variant("i", -1),
    "natural": GLib.Variant("t", 2**63),
    "number": GLib.Variant("d", 0.5),
    "flag": GLib.Variant("b", True),
    "data": GLib.Variant("ay", b"\x00\x01\xff"),
}


class Worker(Muster.Worker):
    def do_start(self):
        if sys.argv[1] == "error":
            raise GLib.GError("no port", "muster-test", 1)
        self.say()
        self.measure()
        GLib.timeout_add(500, self.quit, 0)
        return True

    def say(self):
        logger = self.get_logger().new_child("child")
        logger.set_default("always", GLib.Variant("s", "there"))
        logger.log(Muster.Level.INFO, "with fields", GLib.Variant("a{sv}", FIELDS))
        logger.remove_default("always")
        logger.log(Muster.Level.INFO, "without", None)
        if logger.is_enabled(Muster.Level.WARNING):
            logger.log_literal(Muster.Level.WARNING, __file__, 1, None, "this is a warning".encode())

    def measure(self):
        metrics = self.get_metrics()
        metrics.set(["m"], "set", 7)
        metrics.set_text(["m"], "text", "seven")
        metrics.sample(["m"], "sample", 3)
        metrics.timed_sample(["m"], "timed", 1500000)
        metrics.inc(None, "no path", 1)

    def do_stop(self):
        self.get_logger().log(
            Muster.Level.INFO, f"stopped: connected {self.is_connected()}, id {self.get_id()}", None
        )


worker = Worker()
if sys.argv[1] == "exception":
    worker.connect()
    worker.get_logger().log(Muster.Level.INFO, "before the exception", None)
    raise ValueError("last words")
sys.exit(worker.run([]))
