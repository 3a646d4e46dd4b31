#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/protocol.md, by a worker that follows it and nothing else (protocol_worker.py) under a real primary."""
import os
import subprocess
import sys

from primary import Primary, run_tests, skip_all

for module, package in (("zmq", "python3-zmq"), ("google.protobuf", "python3-protobuf")):
    try:
        __import__(module)
    except ImportError:
        skip_all(f"{package} is not installed")
if "MUSTER_PROTO_DIR" not in os.environ:
    skip_all("protoc (protobuf-compiler) is not installed")

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "protocol_worker.py")


def primary_for(behaviour):
    return Primary(
        f"[worker w]\nexec={sys.executable} {WORKER} {behaviour}\nrestart=no\nenvironment=PROTO_DIR={os.environ['MUSTER_PROTO_DIR']}\n"
        "[transport all]\ntype=file\npath=${DIR}/all.pb\nformat=protobuf\n"
    )


def said(primary):
    """What the worker's own stream holds, checked for holes; the messages without the record of its end."""
    own = [line for line in primary.lines() if line.get("worker") == "w-1" and line.get("domain") not in ("stdout", "stderr")]
    streams = {line["stream"] for line in own}
    assert len(streams) == 1, streams
    numbers = []
    for line in own:
        numbers.extend(range(line["seq"], line["seq"] + line.get("gap", {}).get("count", 1)))
    assert numbers == list(range(1, len(numbers) + 1)), numbers
    assert own[-1]["fields"]["event"] == "exit" and own[-1]["fields"]["status"] == 0, own[-1]
    audit = [os.environ["MUSTER_COMMAND"], "audit", "--complete", os.path.join(primary.directory, "all.pb")]
    done = subprocess.run(audit, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.get("message") or line["gap"] for line in own[:-1]]


def records_arrive_once_and_in_order():
    with primary_for("say") as primary:
        primary.wait_for_record("w-1", "three")
        primary.stop()
        assert said(primary) == ["one", "two", "three", "bye"]
        one, two = primary.records("w-1")[:2]
        assert one["level"] == "info" and one["domain"] == "python", one
        assert one["fields"] == {"where": "Python", "count": -3, "yes": True}, one
        assert one["cluster"] == "interop" and two["level"] == "warning"


def what_comes_twice_is_taken_once():
    with primary_for("repeat") as primary:
        primary.wait_for_record("w-1", "three")
        primary.stop()
        assert said(primary) == ["one", "two", "three", "bye"]


def a_hole_is_refused_and_filled():
    with primary_for("leap") as primary:
        primary.wait_for_record("w-1", "two")
        primary.stop()
        assert said(primary) == ["one", "two", "bye"]


def what_a_worker_cannot_send_is_a_gap():
    with primary_for("leave_out") as primary:
        primary.wait_for_record("w-1", "six")
        primary.stop()
        assert said(primary) == [{"count": 5, "reason": "unknown"}, "six", "bye"]


def a_stranger_is_reset():
    with primary_for("lie") as primary:
        primary.wait_for_record("w-1", "it was me")
        primary.stop()
        assert said(primary) == ["it was me", "bye"]


def who_babbles_is_refused():
    with primary_for("babble") as primary:
        primary.wait_for_record("w-1", "refused: a batch is not what its header says")
        primary.stop()
        assert said(primary) == ["one"]


def another_primary_is_found():
    with primary_for("go_on") as primary:
        primary.wait_for_record("w-1", "number 10")
        primary.kill()
        primary.start()
        last = primary.records("w-1")[-1]["seq"]
        primary.wait_for_record("w-1", f"number {last + 10}")
        primary.stop()
        own = [record for record in primary.records("w-1") if record.get("domain") == "python"]
        assert len({record["stream"] for record in own}) == 1, own  # it was not started again
        numbers = [record["seq"] for record in own]
        assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1)), numbers


def metrics_arrive():
    with primary_for("measure") as primary:
        tree = primary.wait_for_metric("w-1")
        primary.stop()
        assert tree["a"]["b"]["counted"]["value"]["val"] == 20 / 200, tree
        assert tree["said"]["value"]["val"] == "hello", tree
        sampled = tree["sampled"]["value"]
        assert (sampled["min"], sampled["max"], sampled["average"]) == (1, 3, 2), tree


run_tests([
    records_arrive_once_and_in_order,
    what_comes_twice_is_taken_once,
    a_hole_is_refused_and_filled,
    what_a_worker_cannot_send_is_a_gap,
    a_stranger_is_reset,
    who_babbles_is_refused,
    another_primary_is_found,
    metrics_arrive,
])
