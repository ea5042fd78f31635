"""The servers that clients are tried against: real ones, on loopback, outside of any run, each started once."""

import glob
import os
import shutil
import socket
import subprocess
import threading
import time

import processes

PAGE = b"".join(b"line %07d of the page\n" % number for number in range(40000))


class Missing(Exception):
    """A program that isn't installed; says which Debian package has it."""


PACKAGES = {
    "nginx": "nginx-light",
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "pgbench": "postgresql-15",
    "node": "nodejs",
    "microsocks": "dante-server or microsocks",
}


def tool(name):
    """The path of a program."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    places += "".join(":" + path for path in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))
    found = shutil.which(name, path=places)
    if found is None:
        raise Missing(f"{name} (Debian package {PACKAGES.get(name, name)})")
    return found


def free_port():
    """A port of 127.0.0.1 that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process=None, seconds=20):
    """Waits until somebody listens at a port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no server came up at port {port}")


class Servers:
    """Starts servers when they are first asked for, and ends them together."""

    def __init__(self, directory, log):
        self.directory = directory
        self.log = log
        self.started = []
        self.ports = {}
        self.made = []
        os.chmod(directory, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            processes.end(process)
        for path in self.made:
            os.rmdir(path)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def start(self, command, port, directory=None):
        """Starts a server and waits until it listens."""
        process = subprocess.Popen(
            command,
            cwd=directory or self.directory,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.started.append(process)
        wait_for(port, process)
        return process

    def __getattr__(self, name):
        """The port of a server: `servers.web`, `servers.redis`, …"""
        starter = getattr(type(self), "start_" + name, None)
        if starter is None:
            raise AttributeError(name)
        if name not in self.ports:
            self.ports[name] = starter(self)
        return self.ports[name]

    def nginx(self, name, port, locations):
        """The command of an nginx with these locations; it runs in the foreground."""
        place = self.path(name)
        os.makedirs(place, exist_ok=True)
        os.chmod(place, 0o755)
        configuration = os.path.join(place, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                f"daemon off; worker_processes 2; pid {place}/pid; error_log {place}/error.log;\n"
                "events { worker_connections 512; }\n"
                f"http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p;\n"
                f"fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n"
                f"server {{ listen 127.0.0.1:{port}; {locations} }} }}\n"
            )
        return [tool("nginx"), "-p", place, "-e", os.path.join(place, "error.log"), "-c", configuration]

    def start_web(self):
        """Static pages: `/page`, `/small`, and a git repository at `/sources.git`."""
        root = self.path("web")
        os.makedirs(root)
        with open(os.path.join(root, "page"), "wb") as file:
            file.write(PAGE)
        with open(os.path.join(root, "small"), "wb") as file:
            file.write(PAGE[:100])
        port = free_port()
        self.start(self.nginx("nginx", port, f"root {root};"), port)
        return port

    def start_git(self):
        """The port of a web server that has a git repository at `/sources.git`."""
        port = self.web
        git = [tool("git"), "-c", "user.name=Nobody", "-c", "user.email=nobody@localhost", "-c", "init.defaultBranch=main"]
        source = self.path("sources")
        subprocess.run(git + ["init", "-q", source], check=True)
        for number in range(20):
            with open(os.path.join(source, f"file{number}"), "wb") as file:
                file.write(PAGE[number * 50000 : (number + 1) * 50000])
        subprocess.run(git + ["-C", source, "add", "."], check=True)
        subprocess.run(git + ["-C", source, "commit", "-q", "-m", "files"], check=True)
        bare = self.path("web", "sources.git")
        subprocess.run(git + ["clone", "-q", "--bare", source, bare], check=True)
        subprocess.run(git + ["-C", bare, "update-server-info"], check=True)
        return port

    def start_echo(self):
        """Sends back what it gets."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)

        def serve(connection):
            with connection:
                try:
                    while data := connection.recv(65536):
                        connection.sendall(data)
                except OSError:
                    pass

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def start_redis(self):
        port = free_port()
        command = [tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.start(command + ["--dir", self.directory], port)
        return port

    def start_iperf(self):
        port = free_port()
        self.start([tool("iperf3"), "-s", "-B", "127.0.0.1", "-p", str(port)], port)
        return port

    def start_ssh(self):
        key, host = self.path("key"), self.path("host")
        for path in (key, host):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd", 0o755)
            self.made.append("/run/sshd")
        port = free_port()
        options = [
            f"ListenAddress=127.0.0.1:{port}",
            f"AuthorizedKeysFile={key}.pub",
            f"HostKey={host}",
            f"PidFile={self.path('sshd.pid')}",
            "UsePAM=no",
            "StrictModes=no",
        ]
        command = [tool("sshd"), "-D", "-e", "-f", "/dev/null"]
        for option in options:
            command += ["-o", option]
        self.start(command, port)
        return port

    def start_postgres(self):
        """A database `postgres` that pgbench has filled."""
        port, data = free_port(), self.path("database")
        os.mkdir(data, 0o700)
        wrap = []
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
            wrap = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(
            wrap + [tool("initdb"), "-D", data, "-A", "trust", "-U", "tester", "-N"],
            check=True,
            cwd="/",
            stdout=self.log,
            stderr=self.log,
        )
        command = wrap + [tool("postgres"), "-D", data, "-p", str(port), "-h", "127.0.0.1", "-F"]
        self.start(command + ["-k", data, "-c", "max_connections=100"], port, directory="/")
        fill = [tool("pgbench"), "-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "postgres"]
        end = time.monotonic() + 20
        while subprocess.run(fill, stdout=self.log, stderr=self.log).returncode != 0:
            if time.monotonic() > end:
                raise RuntimeError("pgbench could not fill the database")
            time.sleep(0.2)
        return port

    def start_socks(self):
        """A SOCKS server: dante, else microsocks, which ends both directions when one does."""
        port = free_port()
        try:
            server = tool("danted")
        except Missing:
            self.start([tool("microsocks"), "-i", "127.0.0.1", "-p", str(port)], port)
            return port
        configuration = self.path("danted.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                f"logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\nexternal: ::1\n"
                "socksmethod: none\nclientmethod: none\n"
                "client pass { from: 0/0 to: 0/0 }\nsocks pass { from: 0/0 to: 0/0 }\n"
                "socks pass { from: 0/0 to: ::/0 }\n"
            )
        self.start([server, "-f", configuration, "-p", self.path("danted.pid")], port)
        return port
