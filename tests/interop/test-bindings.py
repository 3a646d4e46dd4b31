#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers in Python and Vala under a real primary: their records, fields and metrics arrive; so does an exception."""
import os
import sys

from primary import Primary, Skip, run_tests, skip_all

if "MUSTER_TYPELIB_DIR" not in os.environ:
    skip_all("built without introspection")
try:
    import gi  # noqa: F401
except ImportError:
    skip_all("python3-gi is not installed")

LIBRARY_DIR = os.environ["MUSTER_LIBRARY_DIR"]
ENVIRONMENT = f"GI_TYPELIB_PATH={os.environ['MUSTER_TYPELIB_DIR']};LD_LIBRARY_PATH={LIBRARY_DIR}"
EXAMPLE = os.path.join(os.environ["MUSTER_SOURCE_DIR"], "examples", "worker-python", "worker.py")
ALL_OF_IT = os.path.join(os.environ["MUSTER_SOURCE_DIR"], "tests", "interop", "python-worker.py")


def group(name, command):
    return f"[worker {name}]\nexec={command}\nenvironment={ENVIRONMENT}\n"


def the_python_example_ticks():
    with Primary(group("py", f"{sys.executable} {EXAMPLE}")) as primary:
        record = primary.wait_for_record("py-1", "tick")
        assert record["level"] == "info" and record["fields"] == {"where": "Python"}, record
        assert primary.wait_for_metric("py-1", "clock", "ticks")["type"] == "inc"
        primary.stop()
        end = primary.records("py-1")[-1]
        assert end["fields"]["event"] == "exit" and end["fields"]["status"] == 0, end


def the_vala_example_ticks():
    worker = os.environ.get("MUSTER_WORKER_VALA")
    if worker is None:
        raise Skip("valac is not installed")
    with Primary(group("vala", worker)) as primary:
        assert primary.wait_for_record("vala-1", "tick")["level"] == "info"
        assert primary.wait_for_metric("vala-1", "clock", "ticks")["type"] == "inc"
        primary.stop()
        end = primary.records("vala-1")[-1]
        assert end["fields"]["event"] == "exit" and end["fields"]["status"] == 0, end


def everything_that_a_worker_has_works_from_python():
    with Primary(group("py", f"{sys.executable} {ALL_OF_IT} everything")) as primary:
        record = primary.wait_for_record("py-1", "with fields")
        assert record["domain"] == "child", record
        assert record["fields"] == {
            "always": "there", "text": "é", "integer": -1, "natural": 2**63, "number": 0.5, "flag": True,
            "data": {"$data": "AAH/"},
        }, record
        assert "always" not in primary.wait_for_record("py-1", "without").get("fields", {})
        assert primary.wait_for_record("py-1", "is a warning")["level"] == "warning"
        assert primary.wait_for_record("py-1", "stopped: connected True, id py-1")
        tree = primary.wait_for_metric("py-1", "m")
        assert tree["set"]["value"]["val"] == 7 and tree["text"]["value"]["val"] == "seven", tree
        assert tree["sample"]["value"]["max"] == 3 and tree["timed"]["value"]["count"] == 1, tree
        assert primary.wait_for_metric("py-1", "no path")["type"] == "inc"


def an_exception_is_told():
    with Primary(group("py", f"{sys.executable} {ALL_OF_IT} exception") + "restart=no\n") as primary:
        end = primary.wait_for_record("py-1", "ended with status 1")
        assert end["level"] == "error" and end["fields"]["stderr"].endswith("ValueError: last words"), end
        # Printed lines are in the primary's own stream: nothing says which of the two comes first.
        primary.wait_for("its last line", lambda: "ValueError: last words" in [r["message"] for r in primary.records("py-1")])
        lines = [r["message"] for r in primary.records("py-1") if r.get("domain") == "stderr"]
        assert lines[0].startswith("Traceback") and lines[-1] == "ValueError: last words", lines
        assert primary.wait_for_record("py-1", "before the exception")


def an_error_in_start_ends_the_worker():
    with Primary(group("py", f"{sys.executable} {ALL_OF_IT} error") + "restart=no\n") as primary:
        assert primary.wait_for_record("py-1", "cannot start: no port")["level"] == "critical"
        assert primary.wait_for_record("py-1", "ended with status 1")


run_tests([
    the_python_example_ticks,
    the_vala_example_ticks,
    everything_that_a_worker_has_works_from_python,
    an_exception_is_told,
    an_error_in_start_ends_the_worker,
])
