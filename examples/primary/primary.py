#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
import gi, signal, sys
gi.require_version("Muster", "1")
from gi.repository import GLib, Muster


def stop():
    cluster.stop_async(None, lambda *_: loop.quit())


loop = GLib.MainLoop()
cluster = Muster.Cluster.new_from_file(sys.argv[1])
cluster.connect("delivery", lambda cluster, dataset: print(dataset.to_json(), flush=True))
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, stop)
cluster.start()
loop.run()
