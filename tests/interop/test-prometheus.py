#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a real primary's workers measure, in a real Prometheus; and what others say of the text that it reads."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from primary import DEADLINE_S, Primary, Skip, run_tests, skip_all

if "MUSTER_MEASURING_WORKER" not in os.environ:
    skip_all("built without libsoup 3")

SOURCE = os.environ["MUSTER_SOURCE_DIR"]
WORKER = os.environ["MUSTER_MEASURING_WORKER"]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def get(url, accept=""):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return answer.read().decode()


class Numbers(Primary):
    """Two workers and where their numbers are."""

    def __init__(self, extra=""):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/metrics"
        super().__init__(
            f"[worker shop]\nexec={WORKER}\ninstances=2\nrestart=always\nrestart-delay=10ms\n"
            f"[transport numbers]\ntype=prometheus\nbind=127.0.0.1:{self.port}\nstale-after=1000\n{extra}"
        )

    def scrape(self, accept=""):
        try:
            return get(self.url, accept)
        except urllib.error.URLError:
            return ""

    def total(self, name):
        """Over all workers."""
        return sum(float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", self.scrape(), re.M))

    def wait_for_total(self, name, total):
        self.wait_for(f"{total} of {name}", lambda: self.total(name) >= total)
        assert self.total(name) == total, self.total(name)


class Server:
    """A Prometheus of its own, which scrapes one URL."""

    def __init__(self, port):
        if shutil.which("prometheus") is None:
            raise Skip("prometheus is not installed")
        self.directory = tempfile.mkdtemp(prefix="muster-")
        self.url = f"http://127.0.0.1:{free_port()}"
        config = os.path.join(self.directory, "prometheus.yml")
        with open(config, "w") as out:
            out.write("global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
                      f"scrape_configs: [{{job_name: muster, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n")
        with open(os.path.join(self.directory, "log"), "w") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
                 f"--web.listen-address={self.url[7:]}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            with open(os.path.join(self.directory, "log")) as log:
                print("".join(f"# prometheus: {line}" for line in log.readlines()[-20:]), flush=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def query(self, text):
        """The values of an instant query, by their labels."""
        try:
            answer = json.loads(get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"))
        except urllib.error.URLError:
            return []
        assert answer["status"] == "success", answer
        return [(sample["metric"], float(sample["value"][1])) for sample in answer["data"]["result"]]

    def wait_for(self, text, value):
        self.wait_until(text, value, lambda result: result == [({}, value)])

    def wait_for_near(self, text, value):
        """Within 1 %, and the sample beside."""
        self.wait_until(text, value, lambda result: result and abs(result[0][1] - value) <= 0.01 * value + 1)

    def wait_until(self, text, value, good):
        deadline = time.monotonic() + DEADLINE_S
        while not good(self.query(text)):
            assert time.monotonic() < deadline, f"{text}: {self.query(text)} and not {value}"
            assert self.process.poll() is None, "prometheus has ended"
            time.sleep(0.1)


def prometheus_has_our_numbers():
    with Numbers() as primary, Server(primary.port) as server:
        server.wait_for("sum(muster_jobs_total)", 2000)
        server.wait_for("sum(muster_size_sum)", 2 * 500500)
        server.wait_for("sum(muster_size_count)", 2000)
        server.wait_for("sum(muster_time_seconds_sum)", 4)
        server.wait_for("sum(muster_level)", 85)
        labels, value = server.query('muster_jobs_total{worker="shop-2"}')[0]
        assert value == 1000, value
        assert labels["group"] == "shop" and labels["path"] == "shop/desk" and labels["cluster"] == "interop", labels
        assert labels["host"] == socket.gethostname(), labels
        labels, value = server.query('muster_level__name__info{worker="shop-1"}')[0]
        assert value == 1 and labels["value"] == 'a "text"\nof two lines \\ é', labels
        assert labels["id"] == 'level "name"', labels
        for quantile, expected in ("0", 1), ("0.5", 500), ("0.9", 900), ("0.99", 990), ("0.999", 999), ("1", 1000):
            server.wait_for_near(f'muster_spread{{worker="shop-2",quantile="{quantile}"}}', expected)
        assert server.query('up{job="muster"}')[0][1] == 1
        # Killed in the middle of an interval, and started again: what it has counted stays, and the new one's is added.
        start = next(r for r in primary.records("master")
                     if r["fields"].get("event") == "start" and r["fields"]["worker"] == "shop-1")
        os.kill(start["fields"]["pid"], signal.SIGKILL)
        server.wait_for("sum(muster_jobs_total)", 3000)
        server.wait_for("sum(resets(muster_jobs_total[1m]))", 0)
        # Another primary begins anew, and Prometheus knows that.
        primary.stop()
        primary.start()
        server.wait_for("sum(muster_jobs_total)", 2000)
        server.wait_for("sum(resets(muster_jobs_total[1m]))", 1)
        primary.stop()


def promtool_finds_nothing_wrong():
    if shutil.which("promtool") is None:
        raise Skip("prometheus is not installed")
    with Numbers() as primary:
        primary.wait_for_total("muster_jobs_total", 2000)
        text = primary.scrape("text/plain")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        assert done.returncode == 0 and done.stdout + done.stderr == "", done.stdout + done.stderr + text
        primary.stop()


def the_reference_parser_reads_it():
    try:
        from prometheus_client.openmetrics import parser as openmetrics
        from prometheus_client import parser as plain
    except ImportError:
        raise Skip("python3-prometheus-client is not installed")
    with Numbers() as primary:
        primary.wait_for_total("muster_jobs_total", 2000)
        families = {f.name: f for f in openmetrics.text_string_to_metric_families(primary.scrape(OPENMETRICS))}
        assert families["muster_jobs"].type == "counter", families["muster_jobs"]
        assert families["muster_jobs_set"].type == "gauge", families["muster_jobs_set"]
        assert families["muster_time_seconds"].unit == "seconds", families["muster_time_seconds"]
        assert families["muster_level__name_"].type == "info", families["muster_level__name_"]
        assert len(list(plain.text_string_to_metric_families(primary.scrape()))) >= len(families)
        primary.stop()


def the_sample_keyfile_works():
    if "MUSTER_EXAMPLES" not in os.environ:
        raise Skip("built without the examples")
    port = free_port()
    environment = {**os.environ, "MUSTER_BIND": f"127.0.0.1:{port}"}
    with tempfile.TemporaryDirectory(prefix="muster-") as directory:
        environment["XDG_RUNTIME_DIR"] = environment["STATE_DIRECTORY"] = directory
        process = subprocess.Popen(
            [os.environ["MUSTER_COMMAND"], "run", os.path.join(SOURCE, "data", "prometheus.conf")],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        try:
            deadline = time.monotonic() + DEADLINE_S
            text = ""
            while 'worker="host-1"' not in text:
                assert time.monotonic() < deadline and process.poll() is None, text
                time.sleep(0.2)
                try:
                    text = get(f"http://127.0.0.1:{port}/metrics")
                except urllib.error.URLError:
                    pass
        finally:
            process.terminate()
            output = process.communicate(timeout=DEADLINE_S)[0]
        assert process.returncode == 0, output


run_tests(
    [
        prometheus_has_our_numbers,
        promtool_finds_nothing_wrong,
        the_reference_parser_reads_it,
        the_sample_keyfile_works,
    ]
)
