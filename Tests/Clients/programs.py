"""Client programs: each is tried natively and in a run, and must say the same."""

import hashlib
import json
import os
import re
import subprocess

import processes
import servers as places

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts")


class Result:
    """What a client said, in a form that is the same each time, and how fast it was."""

    def __init__(self, text, rate=None, unit=""):
        self.text, self.rate, self.unit = text, rate, unit


def start(command, log, data=None, seconds=60, environment=None):
    """The status and the output of a command."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(data, timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return "no end", b""
    finally:
        processes.end(process)


def digest(data):
    return f"{len(data)} bytes {hashlib.sha1(data).hexdigest()[:10]}"


def page(servers):
    return f"http://127.0.0.1:{servers.web}/page"


def curl(prefix, servers, log):
    command = [places.tool("curl"), "-s", "-S", "-w", " %{http_code}", page(servers), page(servers)]
    status, output = start(prefix + command, log)
    return Result(f"{status} {digest(output)}")


def curl_refused(prefix, servers, log):
    status, output = start(prefix + [places.tool("curl"), "-s", f"http://127.0.0.1:{places.free_port()}/"], log)
    return Result(f"{status} {digest(output)}")


def curl_name(prefix, servers, log):
    status, output = start(prefix + [places.tool("curl"), "-s", f"http://localhost:{servers.web}/small"], log)
    return Result(f"{status} {digest(output)}")


def wget(prefix, servers, log):
    status, output = start(prefix + [places.tool("wget"), "-q", "-O", "-", page(servers)], log)
    return Result(f"{status} {digest(output)}")


def git(prefix, servers, log):
    target = servers.path("clone")
    url = f"http://127.0.0.1:{servers.git}/sources.git"
    status, _ = start(prefix + [places.tool("git"), "clone", "-q", url, target], log)
    read = [places.tool("git"), "-C", target, "log", "--format=%T %s"]
    _, output = start(read, log)
    subprocess.run(["rm", "-rf", target], check=False)
    return Result(f"{status} {digest(output)}")


def ssh(prefix, servers, log):
    command = [places.tool("ssh"), "-F", "none", "-i", servers.path("key"), "-p", str(servers.ssh), "-o", "BatchMode=yes"]
    command += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    command += ["127.0.0.1", "cat; echo done; exit 7"]
    status, output = start(prefix + command, log, data=places.PAGE)
    return Result(f"{status} {digest(output)}")


def node(prefix, servers, log):
    command = [places.tool("node"), os.path.join(SCRIPTS, "fetch.js"), str(servers.web), str(servers.echo)]
    status, output = start(prefix + command, log)
    return Result(f"{status} {output.decode().strip()}")


def asyncio(prefix, servers, log):
    command = ["python3", os.path.join(SCRIPTS, "fetch.py"), str(servers.echo)]
    status, output = start(prefix + command, log)
    return Result(f"{status} {output.decode().strip()}")


def go(prefix, servers, log):
    """A program with a resolver of its own, and one without any libc."""
    found = []
    for name, flags in (("go", {}), ("go-static", {"CGO_ENABLED": "0"})):
        program = servers.path(name)
        if not os.path.exists(program):
            command = [places.tool("go"), "build", "-o", program, os.path.join(SCRIPTS, "fetch.go")]
            where = {"GOCACHE": servers.path("go-cache"), "GOPATH": servers.path("go-path"), "GO111MODULE": "off"}
            built, _ = start(command, log, seconds=300, environment={**os.environ, **flags, **where})
            if built != 0:
                raise RuntimeError("go build failed")
        status, output = start(prefix + [program, str(servers.web), str(places.free_port())], log)
        found.append(f"{status} {output.decode().strip()}")
    return Result("; ".join(found))


def redis(prefix, servers, log):
    command = [places.tool("redis-benchmark"), "-h", "127.0.0.1", "-p", str(servers.redis), "-n", "20000", "-c", "50"]
    status, output = start(prefix + command + ["-t", "set,get,lrange_100", "--csv"], log)
    rows = [line.replace('"', "").split(",") for line in output.decode().splitlines()[1:]]
    rate = next((float(row[1]) for row in rows if row[0] == "GET"), None)
    return Result(f"{status} {' '.join(row[0] for row in rows)}", rate, "get/s")


def pgbench(prefix, servers, log):
    command = [places.tool("pgbench"), "-S", "-c", "8", "-t", "500", "-h", "127.0.0.1", "-p", str(servers.postgres)]
    status, output = start(prefix + command + ["-U", "tester", "postgres"], log)
    text = output.decode()
    done = re.search(r"actually processed: (\S+)", text)
    rate = re.search(r"tps = ([0-9.]+)", text)
    return Result(f"{status} {done and done[1]}", rate and float(rate[1]), "transactions/s")


def wrk(prefix, servers, log):
    url = f"http://127.0.0.1:{servers.web}/small"
    status, output = start(prefix + [places.tool("wrk"), "-t", "1", "-c", "20", "-d", "2s", url], log)
    text = output.decode()
    faults = "".join(re.findall(r"(Socket errors.*|Non-2xx.*)", text))
    rate = re.search(r"Requests/sec: +([0-9.]+)", text)
    return Result(f"{status} {faults or 'no errors'}", rate and float(rate[1]), "requests/s")


def socat(prefix, servers, log):
    command = [places.tool("socat"), "-t", "10", "-", f"TCP:127.0.0.1:{servers.echo}"]
    status, output = start(prefix + command, log, data=places.PAGE)
    return Result(f"{status} {digest(output)}")


def iperf(*options):
    def client(prefix, servers, log):
        command = [places.tool("iperf3"), "-c", "127.0.0.1", "-p", str(servers.iperf), "-J", "-n", "400M"]
        status, output = start(prefix + command + list(options), log)
        try:
            end = json.loads(output)["end"]
        except (ValueError, KeyError):
            return Result(f"{status} {output[:200]!r}")
        sent, received = end["sum_sent"]["bytes"], end["sum_received"]["bytes"]
        # The server counts until it is told of the end, on another connection, which passes what is under way.
        is_whole = sent >= 400 << 20 and sent - received <= 64 << 20
        return Result(f"{status} {'whole' if is_whole else (sent, received)}", end["sum_received"]["bits_per_second"] / 1e9, "Gbit/s")

    return client


def nginx(prefix, servers, log):
    """A reverse proxy: its own connections, to the servers behind it, are carried."""
    port, name = places.free_port(), f"proxy-{len(servers.started)}"
    locations = (
        f"location / {{ proxy_pass http://127.0.0.1:{servers.web}; proxy_read_timeout 5s; }}"
        f" location /none {{ proxy_pass http://127.0.0.1:{places.free_port()}; }}"
    )
    process = servers.start(prefix + servers.nginx(name, port, locations), port)
    try:
        urls = [f"http://127.0.0.1:{port}/{path}" for path in ["page", "small", "none/x", "page"]]
        status, output = start([places.tool("curl"), "-s", "-w", " %{http_code} ", *urls], log)
        codes = re.findall(rb" (\d\d\d) ", output)
        text = f"{status} {digest(output)} {b' '.join(codes).decode()}"
        command = [places.tool("wrk"), "-t", "1", "-c", "20", "-d", "2s", f"http://127.0.0.1:{port}/small"]
        _, output = start(command, log)
        faults = "".join(re.findall(r"(Socket errors.*|Non-2xx.*)", output.decode()))
        rate = re.search(r"Requests/sec: +([0-9.]+)", output.decode())
        return Result(f"{text} {faults or 'no errors'}", rate and float(rate[1]), "requests/s")
    finally:
        processes.end(process)
        servers.started.remove(process)


CLIENTS = {
    "curl": curl,
    "curl, refused": curl_refused,
    "curl, by name": curl_name,
    "wget": wget,
    "git over http": git,
    "ssh": ssh,
    "node": node,
    "Python asyncio": asyncio,
    "Go, with libc and without": go,
    "redis-benchmark": redis,
    "pgbench": pgbench,
    "wrk": wrk,
    "socat": socat,
    "iperf3": iperf(),
    "iperf3 -R": iperf("-R"),
    "iperf3 -P 4": iperf("-P", "4"),
    "nginx as reverse proxy": nginx,
}
QUICK = ["curl", "curl, refused", "git over http", "node", "Python asyncio", "socat", "redis-benchmark", "nginx as reverse proxy"]
