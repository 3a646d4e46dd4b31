#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The syslog transport and source against what others have made: rsyslog, syslog-ng, logger(1) and loggen, on loopback.

Each test is left out, with the reason, where its program is not installed. The daemons run with configurations, ports and
directories of their own; those of the system are left alone. MUSTER_TEST_RECORDS says how many records are sent (20,000).
"""
import itertools
import json
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from primary import DEADLINE_S, Primary, Skip, run_tests

RECORDS = int(os.environ.get("MUSTER_TEST_RECORDS", "2000" if "MUSTER_SANITIZED" in os.environ else "20000"))
TLS = os.path.join(os.environ["G_TEST_SRCDIR"], "transports", "tls")
WORKER = os.environ["MUSTER_SYSLOG_WORKER"]
VALUES = ["plain", '"quoted"', "[x] ]", "back\\slash\\", "two\nlines", "ü€"]
# LeakSanitizer (clang 14) crashes where threads have used a TLS backend.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "").replace("detect_leaks=1", "detect_leaks=0")
PORT = itertools.count(23000 + os.getpid() % 20000)


def need(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Skip(f"{program} is not installed")
    return path


def free_port():
    while True:
        port = next(PORT)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, what, seconds=DEADLINE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- out: to rsyslog and syslog-ng ------------------------------------------------------------------

def expected_record(i):
    return {
        "message": f'record {i}: {VALUES[(i + 1) % 6]} "]\\ ä',
        "severity": 4 if i % 3 == 0 else 6,
        "user": f"{VALUES[i % 6]} {i}",
        "number": str(i),
        "odd": "true" if i % 2 == 1 else "false",
    }


def unescape(value):
    return re.sub(r'\\(["\\\]])', r"\1", value)


def parse_data(text):
    """Structured data as dictionaries by SD-ID: RFC 5424, section 6.3."""
    elements, at = {}, 0
    while at < len(text):
        name = re.compile(r"\[([^ \]=\"]+)").match(text, at)
        params = elements.setdefault(name.group(1), {})
        at = name.end()
        while text[at] == " ":
            param = re.compile(r' ([^ =\]"]+)="((?:[^"\\\]]|\\.)*)"', re.S).match(text, at)
            params[param.group(1)] = unescape(param.group(2))
            at = param.end()
        assert text[at] == "]", text[at:]
        at += 1
    return elements


def read_rsyslog(line):
    got = json.loads(line)
    return {"message": got["msg"], "severity": int(got["severity"]), "app": got["app"], "msgid": got["msgid"],
            "facility": got["facility"], **parse_data(got["data"])["muster@32473"]}


def read_syslog_ng(line):
    got = json.loads(line)
    return {"message": got["message"], "severity": int(got["severity"]), "app": got["app"], "msgid": got["msgid"],
            "facility": got["facility"], "user": got["user"], "number": got["number"], "odd": got["odd"]}


class Daemon:
    """A syslog daemon of our own, which writes a line of JSON for each message."""

    def __init__(self, command, config, directory, output, read):
        self.command, self.config, self.directory, self.output, self.read = command, config, directory, output, read

    def __enter__(self):
        path = os.path.join(self.directory, "daemon.conf")
        with open(path, "w") as out:
            out.write(self.config)
        self.log = open(os.path.join(self.directory, "daemon.log"), "w")
        self.process = subprocess.Popen(self.command + [path], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.log.close()
        if exception[0] is not None:
            print(open(self.log.name).read()[:2000].replace("\n", "\n# "), flush=True)

    def lines(self):
        try:
            with open(self.output, encoding="utf-8") as text:
                return text.read().splitlines()
        except FileNotFoundError:
            return []

    def count(self):
        try:
            with open(self.output, "rb") as data:
                return data.read().count(b"record ")
        except FileNotFoundError:
            return 0


def rsyslog(kind, port, directory):
    daemon = need("rsyslogd")
    modules = "/usr/lib/x86_64-linux-gnu/rsyslog"
    if kind == "tls" and not os.path.exists(f"{modules}/lmnsd_gtls.so"):
        raise Skip("rsyslog-gnutls is not installed")
    tls = f"""
global(defaultNetstreamDriverCAFile="{TLS}/ca.pem" defaultNetstreamDriverCertFile="{TLS}/server.pem"
       defaultNetstreamDriverKeyFile="{TLS}/server.pem" defaultNetstreamDriver="gtls")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")"""
    inputs = {
        "udp": f'module(load="imudp")\ninput(type="imudp" port="{port}" address="127.0.0.1" ruleset="all" rcvbufSize="8m")',
        "tcp": f'module(load="imtcp")\ninput(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")',
        "tls": tls,
    }
    output = os.path.join(directory, "rsyslog.jsonl")
    config = f"""
global(workDirectory="{directory}" parser.escapeControlCharactersOnReceive="off" maxMessageSize="64k")
template(name="line" type="list" option.jsonf="on") {{
  property(outname="msg" name="msg" format="jsonf")
  property(outname="severity" name="syslogseverity" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
}}
ruleset(name="all" queue.type="LinkedList" queue.size="500000") {{
  action(type="omfile" file="{output}" template="line")
}}
{inputs[kind]}
"""
    return Daemon([daemon, "-n", "-i", f"{directory}/rsyslog.pid", "-f"], config, directory, output, read_rsyslog)


def syslog_ng(kind, port, directory):
    daemon = need("syslog-ng")
    transport = {
        "udp": f'transport("udp") so-rcvbuf(8388608)',
        "tcp": 'transport("tcp")',
        "tls": f'transport("tls") tls(key-file("{TLS}/server.pem") cert-file("{TLS}/server.pem") ca-file("{TLS}/ca.pem") '
               "peer-verify(required-trusted))",
    }
    output = os.path.join(directory, "syslog-ng.jsonl")
    json_template = (
        "$(format-json message=$MESSAGE severity=$LEVEL_NUM facility=$FACILITY app=$PROGRAM msgid=$MSGID "
        "user=${.SDATA.muster@32473.user} number=${.SDATA.muster@32473.number} odd=${.SDATA.muster@32473.odd})\\n"
    )
    config = f"""@version: 3.35
options {{ log-msg-size(65536); keep-hostname(yes); stats-level(0); }};
source s {{ syslog(ip("127.0.0.1") port({port}) {transport[kind]} log-iw-size(10000)); }};
destination d {{ file("{output}" template("{json_template}") log-fifo-size(500000)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
    command = [daemon, "-F", "--no-caps", "-R", f"{directory}/persist", "-c", f"{directory}/control", "-p", f"{directory}/pid", "-f"]
    return Daemon(command, config, directory, output, read_syslog_ng)


def check_daemon(make, kind):
    port = free_port()
    keyfile = (
        f"[worker w]\nexec={WORKER} {RECORDS}\nrestart=no\njournal-size=8MiB\nblock-timeout=60s\n"
        f"[transport away]\ntype=syslog\nendpoint={kind}://127.0.0.1:{port}\nfacility=local5\nmax-size=8KiB\n"
        f"ca-file={TLS}/ca.pem\ncertificate-file={TLS}/client.pem\nworkers=w-*\n"
    )
    with tempfile.TemporaryDirectory(prefix="muster-") as directory, make(kind, port, directory) as daemon:
        wait_until((lambda: not udp_is_free(port)) if kind == "udp" else (lambda: accepts(port)), "the daemon's port")
        with Primary(keyfile) as primary:
            if kind == "udp":
                wait_until(lambda: has_ended(primary), "the worker's end", 60)
                primary.stop()
                wait_quiet(daemon)
            else:
                wait_until(lambda: daemon.count() >= RECORDS, "the records", 60)
                primary.stop()
        check_records([daemon.read(line) for line in daemon.lines()], f"{make.__name__}, {kind}", kind != "udp")


def has_ended(primary):
    return any(record["fields"].get("event") == "exit" for record in primary.records("w-1")[-1:])


def check_records(got, name, lossless):
    mine = [record for record in got if record["message"].startswith("record ")]
    for record in mine:
        i = int(record["message"][len("record "):].partition(":")[0])
        for key, value in expected_record(i).items():
            assert record[key] == value, (i, key, record[key], value)
        assert record["app"] == "w-1" and record["msgid"] == "interop" and record["facility"] == "local5", record
    numbers = [int(record["number"]) for record in mine]
    if lossless:
        assert numbers == list(range(RECORDS)), f"{len(numbers)} came, {len(set(numbers))} different"
    assert len(numbers) == len(set(numbers)) and len(numbers) > 0
    print(f"# {name}: {len(numbers)} of {RECORDS} came, every field equal", flush=True)


def udp_is_free(port):
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            udp.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def wait_quiet(daemon):
    """UDP may lose: nothing more comes."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 1:
        now = daemon.count()
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.1)


def rsyslog_over_udp():
    check_daemon(rsyslog, "udp")


def rsyslog_over_tcp():
    check_daemon(rsyslog, "tcp")


def rsyslog_over_tls():
    check_daemon(rsyslog, "tls")


def syslog_ng_over_udp():
    check_daemon(syslog_ng, "udp")


def syslog_ng_over_tcp():
    check_daemon(syslog_ng, "tcp")


def syslog_ng_over_tls():
    check_daemon(syslog_ng, "tls")


# -- in: from logger and loggen ---------------------------------------------------------------------

def source(port, more=""):
    return (f"[source devices]\ntype=syslog\nbind=udp://127.0.0.1:{port};tcp://127.0.0.1:{port};unix:${{DIR}}/log;"
            f"unix-stream:${{DIR}}/stream\n{more}[transport all]\ntype=file\npath=${{DIR}}/all.pb\nformat=protobuf\n")


def audit(primary):
    done = subprocess.run([os.environ["MUSTER_COMMAND"], "audit", "--complete", os.path.join(primary.directory, "all.pb")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def logger_combinations():
    """Every combination that logger takes: --sd-id is of RFC 5424 alone."""
    for protocol, network, count, data in itertools.product(
            (None, "--rfc3164", "--rfc5424"), ("--udp", "--tcp"), (None, "--octet-count"), (False, True)):
        if data and protocol != "--rfc5424":
            continue
        yield protocol, network, count, data


def logger():
    program = need("logger")
    port = free_port()
    with Primary(source(port)) as primary:
        wait_until(lambda: accepts(port), "the source")
        cases = list(logger_combinations())
        for i, (protocol, network, count, data) in enumerate(cases):
            options = [option for option in (protocol, network, count) if option is not None]
            if data:
                options += ["--sd-id", "zoo@123", "--sd-param", f'tiger="hungry {i}"', "--sd-param", 'a="\\"\\]x"']
            subprocess.run([program, "-n", "127.0.0.1", "-P", str(port), "-t", f"tag{i}", "--id=77", "-p", "local3.err",
                            *options, f'number {i} "quoted" [x] ü'], check=True)
        for local in ("log", "stream"):
            subprocess.run([program, "-u", f"{primary.directory}/{local}", "-t", local, "-p", "mail.debug", f"by {local}"], check=True)
        wait_until(lambda: len(primary.records("devices")) >= len(cases) + 2, "all messages")
        primary.stop()
        audit(primary)
        got = {record.get("domain"): record for record in primary.records("devices")}
        host = socket.gethostname().split(".")[0]
        for i, (protocol, network, count, data) in enumerate(cases):
            record = got[f"tag{i}"]
            fields = record["fields"]
            assert record["message"] == f'number {i} "quoted" [x] ü', record
            assert record["level"] == "error" and fields["facility"] == "local3", record
            assert record["pid"] == 77 and record["host"].split(".")[0] == host and fields["peer"] == "127.0.0.1", record
            assert "malformed" not in fields, record
            if data:
                assert fields["zoo@123.tiger"] == f"hungry {i}" and fields["zoo@123.a"] == '"]x', record
        for local in ("log", "stream"):
            assert got[local]["message"] == f"by {local}" and got[local]["level"] == "debug", got[local]
            assert got[local]["fields"]["facility"] == "mail", got[local]
        print(f"# {len(cases)} combinations, and two local sockets", flush=True)


def check_loggen(options, port_kind, lossless=True):
    program = need("loggen")
    port = free_port()
    with Primary(source(port), interval="1s") as primary:
        wait_until(lambda: accepts(port), "the source")
        rate = 100000 if RECORDS >= 100000 else RECORDS
        done = subprocess.run([program, "--inet", *options, "--rate", str(rate), "--number", str(RECORDS), "--size", "256",
                               "--interval", "30", "--quiet", "127.0.0.1", str(port)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        if lossless:
            wait_until(lambda: count_in(primary, b'"seq: ') >= RECORDS, "all messages")
        primary.stop()
        audit(primary)
        records = [record for record in primary.records("devices") if record.get("domain") == "prg00000"]
        numbers = [int(re.match(r"seq: (\d+), thread: 0000, runid: \d+ *, stamp: \S+ PAD+", record["message"]).group(1))
                   for record in records]
        for record in records:
            assert record["host"] == "localhost" and record["pid"] == 1234, record
            assert record["level"] == "info" and record["fields"]["facility"] == "auth", record
            assert "malformed" not in record["fields"], record
        assert len(set(numbers)) == len(numbers)
        if lossless:
            assert numbers == list(range(RECORDS)), (len(numbers), numbers[:3], numbers[-3:])
        print(f"# loggen {' '.join(options)}: {len(numbers)} of {RECORDS} came: {done.stderr.strip()[-120:]}", flush=True)


def count_in(primary, text):
    try:
        with open(primary.output, "rb") as data:
            return data.read().count(text)
    except FileNotFoundError:
        return 0


def loggen_lines_over_tcp():
    check_loggen(["--stream"], "tcp")


def loggen_rfc5424_counted_over_tcp():
    check_loggen(["--stream", "--syslog-proto"], "tcp")


def loggen_rfc5424_lines_over_tcp():
    check_loggen(["--stream", "--syslog-proto", "--no-framing"], "tcp")


def loggen_over_udp():
    check_loggen(["--dgram"], "udp", lossless=False)


def a_killed_primary_keeps_what_it_took():
    """What the source had taken is in its journal: the next primary delivers it, once."""
    port = free_port()
    with Primary(source(port)) as primary:
        wait_until(lambda: accepts(port), "the source")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for i in range(200):
                connection.sendall("".join(f"<13>app: number {i * 100 + k}\n" for k in range(100)).encode())
                if i == 100:
                    wait_until(lambda: len(primary.records("devices")) > 100, "some of it")
            # All of it has been read when the kernel holds nothing more of it.
            wait_until(lambda: unread(connection) == 0, "the source to read", 5)
            time.sleep(0.1)  # what it has read it appends at once; what it has not was not promised
            primary.kill()
        primary.start()
        wait_until(lambda: accepts(port), "the next source")
        wait_until(lambda: count_in(primary, b'"number ') >= 20000, "what it had taken")
        primary.stop()
        audit(primary)
        said = [record["message"] for record in primary.records("devices")]
        assert said[:20000] == [f"number {i}" for i in range(20000)], len(said)
        ends = [record["message"] for record in primary.records("devices") if record["fields"].get("event") == "exit"]
        assert ends == ["the primary of this source ended without a word", "the source stopped"], ends


def send_until_it_breaks(port, number, seconds):
    """Lines "NUMBER i" for so long, or until the other side is gone."""
    i = 0
    deadline = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            while time.monotonic() < deadline:
                connection.sendall("".join(f"<13>app: {number} {i + k}\n" for k in range(100)).encode())
                i += 100
                time.sleep(0.001)
        except OSError:
            pass


def primaries_killed_again_and_again():
    """Of each connection a beginning arrives, without a hole, each record once, in order, whenever the primary dies."""
    rounds = int(os.environ.get("MUSTER_TEST_KILLS", "6"))
    port = free_port()
    with Primary(source(port, "journal-size=1MiB\n")) as primary:
        for number in range(rounds):
            wait_until(lambda: accepts(port), "the source")
            sender = threading.Thread(target=send_until_it_breaks, args=(port, number, 10))
            sender.start()
            time.sleep(random.uniform(0.05, 0.5))
            primary.kill()
            sender.join()
            primary.start()
        wait_until(lambda: accepts(port), "the source")
        wait_until(lambda: count_in(primary, b'"the primary of this source ended') >= rounds, "what the killed ones left")
        primary.stop()
        audit(primary)
        said = [record["message"].split() for record in primary.records("devices") if record.get("domain") == "app"]
        counts = [0] * rounds
        for number, i in said:
            assert counts[int(number)] == int(i), (number, i, counts)
            counts[int(number)] += 1
        assert sum(counts) > 0
        print(f"# {rounds} kills, {sum(counts)} records, none missing in between, none twice", flush=True)


def samples_work_as_printed():
    data = os.path.join(os.path.dirname(os.environ["G_TEST_SRCDIR"]), "data")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="muster-") as directory:
        environment = {**os.environ, "MUSTER_OUTPUT": directory, "XDG_RUNTIME_DIR": directory, "SYSLOG_PORT": str(port),
                       "SYSLOG_ENDPOINT": f"tcp://127.0.0.1:{port}"}
        environment.pop("RUNTIME_DIRECTORY", None)
        primaries = []
        for sample in ("syslog-collector.conf", "syslog-sender.conf"):
            primaries.append(subprocess.Popen([os.environ["MUSTER_COMMAND"], "run", os.path.join(data, sample)],
                                              env=environment, stdin=subprocess.DEVNULL))
            wait_until(lambda: accepts(port), "the collector")
        path = os.path.join(directory, f"{socket.gethostname()}.log")
        wait_until(lambda: os.path.exists(path) and "clock-1" in open(path).read(), "what the clock says")
        for primary in reversed(primaries):
            primary.terminate()
            assert primary.wait(DEADLINE_S) == 0
        done = subprocess.run([os.environ["MUSTER_COMMAND"], "audit", "--complete", f"{directory}/all.pb"], capture_output=True)
        assert done.returncode == 0, done.stdout


def unread(connection):
    """Bytes that the other side's kernel has not acknowledged."""
    import fcntl
    import struct
    import termios
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, struct.pack("i", 0)))[0]


run_tests([rsyslog_over_udp, rsyslog_over_tcp, rsyslog_over_tls, syslog_ng_over_udp, syslog_ng_over_tcp, syslog_ng_over_tls,
           logger, loggen_lines_over_tcp, loggen_rfc5424_counted_over_tcp, loggen_rfc5424_lines_over_tcp, loggen_over_udp,
           a_killed_primary_keeps_what_it_took, primaries_killed_again_and_again, samples_work_as_printed])
