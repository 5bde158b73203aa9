"""A home's router that opens ports when it is asked: miniupnpd, in the router's namespace."""

import shutil
import subprocess

# Port forwarding as miniupnpd writes it, beside the rules of nat_lab.
RULES = """
table inet miniupnpd {
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump pre; }
  chain postrouting { type nat hook postrouting priority 100; policy accept; jump post; }
  chain filter { }
  chain pre { }
  chain post { }
}
"""
CONFIGURATION = """
ext_ifname=wan
listening_ip=lan
enable_natpmp={nat_pmp}
enable_upnp={upnp}
secure_mode=yes
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=filter
upnp_nat_chain=pre
upnp_nat_postrouting_chain=post
uuid=3c2b1a00-0000-4000-8000-00000000000{number}
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


def missing():
    """Programs that are not here."""
    return [name for name in ("miniupnpd", "nft") if shutil.which(name) is None]


class HomeRouter:
    def __init__(self, space, folder, number, nat_pmp, upnp):
        self.space = space
        self.log = folder / f"router-{number}.log"
        self._in("nft", "-f", "-", text=RULES)
        self._in(*"iptables -A FORWARD -i wan -m conntrack --ctstate DNAT -j ACCEPT".split())
        file = folder / f"router-{number}.conf"
        words = {True: "yes", False: "no"}
        file.write_text(
            CONFIGURATION.format(nat_pmp=words[nat_pmp], upnp=words[upnp], number=number))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", space, "miniupnpd", "-d", "-f", str(file), "-P",
                 str(folder / f"router-{number}.pid")], stdout=log, stderr=log)

    def _in(self, *words, text=None):
        done = subprocess.run(["ip", "netns", "exec", self.space, *words], input=text,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def is_ready(self):
        return "starting" in self.log.read_text(errors="replace")

    def forwards(self):
        """What it passes on now, a rule each."""
        rules = self._in("nft", "list", "chain", "inet", "miniupnpd", "pre").split("\n")
        return [rule.strip() for rule in rules if "dnat" in rule]

    def close(self):
        self.process.terminate()
        self.process.wait()
