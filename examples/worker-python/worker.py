#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
import gi
gi.require_version("Muster", "1")
from gi.repository import GLib, Muster


class Ticker(Muster.Worker):
    def do_start(self):
        GLib.timeout_add_seconds(1, self.tick)
        return True

    def tick(self):
        fields = GLib.Variant("a{sv}", {"where": GLib.Variant("s", "Python")})
        self.get_logger().log(Muster.Level.INFO, "tick", fields)
        self.get_metrics().inc(["clock"], "ticks", 1)
        return GLib.SOURCE_CONTINUE


raise SystemExit(Ticker().run([]))
