"""A network of namespaces with emulated links, for tests and benches in Python.

    with Netlab(["a", "b"]) as lab:
        lab.link("a", "b", delay="50ms", rate="20mbit")
        server = subprocess.Popen(lab.command("b", ["program", "--at", lab.address("b") + ":7"]))
        lab.partition("a", "b")
        print(lab.counters()["a", "b"]["cut"])

Needs root, /dev/net/tun and the program brigade-netlab (tests/emulator, which says what links can
do); why_not() says what is missing. When the block ends, so do all programs in the namespaces.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    """brigade-netlab: named by the environment, beside the programs under test, or the build's."""
    named = os.environ.get("BRIGADE_NETLAB")
    if named:
        return pathlib.Path(named)
    beside = os.environ.get("BRIGADE_BIN", str(ROOT / "build/release/bin"))
    return pathlib.Path(beside).resolve() / "brigade-netlab"


def why_not():
    """One line that says what is missing, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun is not there"
    if shutil.which("nsenter") is None:
        return "nsenter (util-linux) is not there"
    if not program().exists():
        return f"{program()} is not there: build brigade-netlab"
    return None


class NetlabError(Exception):
    """What brigade-netlab answered."""


class Netlab:
    def __init__(self, nodes, script="", seed=1, mtu=1500):
        self.nodes = list(nodes)
        self._paths = {}
        self._addresses = {}
        with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
            file.write(f'nodes = "{" ".join(self.nodes)}"\nseed = {seed}\nmtu = {mtu}\n'
                       f"script = '''\n{script}\n'''\n")
        try:
            # A session of its own: a Ctrl-C is the caller's to see first.
            self._process = subprocess.Popen([str(program()), file.name, "--quiet"],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             text=True, start_new_session=True)
            while (line := self._process.stdout.readline().strip()) != "ready":
                if not line:
                    raise NetlabError(f"brigade-netlab exited with {self._process.wait()}")
                _, name, address, path = line.split()
                self._addresses[name] = address
                self._paths[name] = path
        finally:
            os.unlink(file.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every program in the namespaces; they are gone afterwards."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()

    def pid(self):
        return self._process.pid

    def address(self, node):
        return self._addresses[node]

    def command(self, node, arguments):
        """`arguments`, to be run inside a node."""
        return ["nsenter", f"--net={self._paths[node]}", "--", *map(str, arguments)]

    def ask(self, line):
        """One command; the lines that it answers."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = []
        while (said := self._process.stdout.readline().rstrip("\n")) != "ok":
            if not said:
                raise NetlabError("brigade-netlab has ended")
            if said.startswith("error: "):
                raise NetlabError(f"{line}: {said.removeprefix('error: ')}")
            answer.append(said)
        return answer

    def link(self, a, b, **settings):
        """Both directions; `a>b` as one name with b = "" is one direction."""
        words = " ".join(f"{key} {value}" for key, value in settings.items())
        self.ask(f"link {a} {b} {words}")

    def partition(self, a, b):
        self.ask(f"partition {a} {b}")

    def heal(self, a, b):
        self.ask(f"heal {a} {b}")

    def counters(self):
        """By (from, to): what command.hpp's `counters` says, as numbers."""
        found = {}
        for line in self.ask("counters"):
            words = line.split()
            if words[0] != "pair":
                continue
            ends = tuple(words[1].split(">"))
            found[ends] = {key: float(value) if "." in value else int(value)
                           for key, value in zip(words[2::2], words[3::2])}
        return found
