"""Machines on a network of their own: public ones, and homes behind routers that translate.

    lab = NatLab(public=2, homes=3)
    lab.run(lab.machines[0], ["ip", "address"])

Every machine is a network namespace. A home's router passes what its home has begun and the answers
to it, and nothing else, as a consumer's router does. Needs root, ip and iptables.
"""

import os
import shutil
import subprocess

PUBLIC_NET = "203.0.113"


def can_run():
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "iptables")))


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


class NatLab:
    def __init__(self, public, homes):
        self.prefix = f"bg{os.getpid()}"
        self.spaces = []
        self.machines = []  # (name, address)
        self.ports = []     # of the public ones, at the switch
        try:
            self._build(public, homes)
        except Exception:
            self.close()
            raise

    def _space(self, name):
        space = f"{self.prefix}{name}"
        _run("ip", "netns", "add", space)
        self.spaces.append(space)
        self._in(space, "ip", "link", "set", "lo", "up")
        return space

    @staticmethod
    def _in(space, *words):
        _run("ip", "netns", "exec", space, *words)

    def _cable(self, one, two, name):
        """A cable between two namespaces: its ends are called `name` in the first, "up" there."""
        ends = (f"v{self.prefix[2:]}{len(self.spaces)}a", f"v{self.prefix[2:]}{len(self.spaces)}b")
        _run("ip", "link", "add", ends[0], "netns", one, "type", "veth", "peer", "name", ends[1],
             "netns", two)
        self._in(one, "ip", "link", "set", ends[0], "name", name)
        return ends[1]

    def _plug(self, space, name):
        """Into the public network's switch."""
        end = self._cable(space, self.switch, name)
        self._in(self.switch, "ip", "link", "set", end, "master", "br0", "up")
        return end

    def _address(self, space, device, address):
        self._in(space, "ip", "address", "add", f"{address}/24", "dev", device)
        self._in(space, "ip", "link", "set", device, "up")

    def _build(self, public, homes):
        self.switch = self._space("s")
        for bridge in ("br0", "br1"):
            self._in(self.switch, "ip", "link", "add", bridge, "type", "bridge")
            self._in(self.switch, "ip", "link", "set", bridge, "up")
        for i in range(public):
            space = self._space(f"p{i}")
            self.ports.append(self._plug(space, "eth0"))
            self._address(space, "eth0", f"{PUBLIC_NET}.{i + 1}")
            self.machines.append((space, f"{PUBLIC_NET}.{i + 1}"))
        for i in range(homes):
            self._home(i)

    def _home(self, i):
        router = self._space(f"r{i}")
        self._plug(router, "wan")
        self._address(router, "wan", f"{PUBLIC_NET}.{i + 101}")
        home = self._space(f"h{i}")
        far = self._cable(home, router, "eth0")
        self._in(router, "ip", "link", "set", far, "name", "lan")
        self._address(router, "lan", "192.168.1.1")
        self._address(home, "eth0", "192.168.1.2")
        self._in(home, "ip", "route", "add", "default", "via", "192.168.1.1")
        self._in(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for rule in ("-t nat -A POSTROUTING -o wan -j MASQUERADE",
                     "-P FORWARD DROP", "-P INPUT DROP",
                     "-A INPUT -i lan -j ACCEPT",
                     "-A FORWARD -i lan -o wan -j ACCEPT",
                     "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"):
            self._in(router, "iptables", *rule.split())
        self.machines.append((home, "192.168.1.2"))

    def cable(self, i, up):
        """Plugs the cable of machine `i` in, or pulls it."""
        self._in(self.machines[i][0], "ip", "link", "set", "eth0", "up" if up else "down")

    def split(self, apart):
        """These public machines reach each other, and nobody else; with none of them all is one."""
        for i, port in enumerate(self.ports):
            self._in(self.switch, "ip", "link", "set", port, "master",
                     "br1" if i in apart else "br0")

    def command(self, machine, words):
        return ["ip", "netns", "exec", machine[0], *map(str, words)]

    def close(self):
        for space in self.spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)
        self.spaces = []
