# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real primary for tests in Python, and their results as TAP. Standard library only.

The environment says what was built: MUSTER_COMMAND, MUSTER_PLUGIN_PATH and the like; see meson.build.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

DEADLINE_S = 20


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


class Skip(Exception):
    """Leaves one test out; says why."""


def run_tests(tests, clean_up=lambda: None):
    """Runs functions in order and prints TAP."""
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    clean_up()
    sys.exit(1 if failed else 0)


class Primary:
    """`muster run` on a keyfile, in a directory of its own; what it delivers is read from a json file.

    KEYFILE may use ${DIR}, the directory. [muster] and the json transport are added.
    """

    def __init__(self, keyfile, interval="200ms", environment=None):
        self.directory = tempfile.mkdtemp(prefix="muster-")
        self.output = os.path.join(self.directory, "out.jsonl")
        self.stderr_path = os.path.join(self.directory, "stderr")
        self.keyfile = os.path.join(self.directory, "test.conf")
        self.environment = {**(environment or os.environ), "DIR": self.directory}
        self.process = None
        with open(self.keyfile, "w") as out:
            out.write(f"[muster]\nname=interop\ninterval={interval}\nruntime-dir={self.directory}/run\n"
                      f"state-dir={self.directory}/state\n")
            out.write(f"[transport json]\ntype=file\npath={self.output}\nformat=json\n")
            out.write(keyfile)

    def __enter__(self):
        self.start()
        return self

    def start(self):
        with open(self.stderr_path, "a") as stderr:
            self.process = subprocess.Popen(
                [self.environment.get("MUSTER_COMMAND", "muster"), "run", self.keyfile],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=self.environment,
            )

    def kill(self):
        """As if it had crashed: its workers go on."""
        self.process.kill()
        self.process.wait()

    def __exit__(self, kind, value, trace):
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if kind is not None:
                self.explain()
            shutil.rmtree(self.directory, ignore_errors=True)

    def explain(self):
        for path in (self.stderr_path, self.output):
            if os.path.exists(path):
                with open(path, errors="replace") as text:
                    lines = [line for line in text.read().splitlines() if not line.startswith('{"dataset"')]
                    for line in lines[:50]:
                        print(f"# {os.path.basename(path)}: {line}", flush=True)

    def stop(self):
        """Ends it in good order; all that was said is in the file afterwards."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DEADLINE_S)
        assert status == 0, f"the primary ended with status {status}"

    def lines(self):
        try:
            with open(self.output) as text:
                whole = text.read().rpartition("\n")[0]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in whole.splitlines()]

    def records(self, worker=None):
        return [line for line in self.lines() if "message" in line and worker in (None, line["worker"])]

    def datasets(self):
        return [line["dataset"] for line in self.lines() if "dataset" in line]

    def wait_for(self, what, found):
        """Until FOUND () is true; its value."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            value = found()
            if value:
                return value
            if self.process.poll() is not None:
                raise AssertionError(f"the primary ended with status {self.process.returncode} before {what}")
            time.sleep(0.02)
        raise AssertionError(f"no {what} within {DEADLINE_S} s")

    def wait_for_record(self, worker, message):
        def find():
            return next((r for r in self.records(worker) if message in r["message"]), None)

        return self.wait_for(f"record {message!r} of {worker}", find)

    def wait_for_metric(self, worker, *path):
        """The value of a worker's metric in the first dataset that has it."""

        def find():
            for dataset in self.datasets():
                node = dataset["data"].get("workers", {}).get(worker, {})
                for key in path:
                    node = node.get(key, {})
                if node:
                    return node
            return None

        return self.wait_for(f"metric {'/'.join(path)} of {worker}", find)
