#!/usr/bin/env python3
"""Members are found when every address that is known of them is dead: real daemons on loopback."""

import socket
import subprocess
import sys

import harness
from machines import Machine, SwarmTest, free_port

DHT_NODE = harness.BIN / "dht_node"


def free_udp_port():
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Discovery(SwarmTest):
    def setUp(self):
        super().setUp()
        self.owner, self.first, self.second = (Machine(self, name) for name in "oab")

    def join(self, machine, invite, *flags):
        """At a port that it never had before."""
        address = f"127.0.0.1:{free_port()}"
        if machine is self.owner:  # the first one has nobody to ask
            flags = ("--announce", address, *flags)
        machine.join(invite, *flags, listen=address)
        return address

    def invite(self):
        """Names the owner's node, and nobody else."""
        run = self.owner.brigade("invite", "--swarm", "mine", "--uses", "any")
        self.assert_ended(run, 0)
        return run.out.strip()

    def members_known(self, machine, count, seconds=60):
        machine.wait_for(lambda s: len(s["members"]) == count, seconds, f"{count} members known")

    def left_word(self, machine):
        machine.wait_for(lambda s: "left there 0 times" not in s["discovery"], 40,
                         "its record in the DHT")

    def test_an_invite_whose_addresses_are_all_dead_is_good_enough(self):
        self.join(self.owner, "mine")
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        line = self.invite()
        at = self.join(self.first, line)  # its DHT is where it listens
        self.first.wait_for(lambda s: sum(m["can_be_dialled"] for m in s["members"]) == 2, 40,
                            "two members that can be dialled")
        self.left_word(self.first)
        self.assertEqual(self.owner.stop(), 0)
        self.join(self.second, line, "--bootstrap", at)
        self.second.wait_for(lambda s: len(s["members"]) >= 2, 60, "the member that is left")
        log = self.second.log.read_text()
        self.assertIn("looking for members in the DHT", log)
        self.assertIn("members found in the DHT: 1", log)
        self.assertIn("entered swarm=tiny-swarm", log)

    def test_members_that_have_all_moved_find_each_other(self):
        at = f"127.0.0.1:{free_udp_port()}"
        node = subprocess.Popen([str(DHT_NODE), at], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.started.append(node)
        self.addCleanup(node.stdin.close)
        self.addCleanup(node.stdout.close)
        self.assertIn(b"ready\n", iter(node.stdout.readline, b""))
        by = ("--bootstrap", at)
        self.join(self.owner, "mine", *by)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        line = self.invite()
        everybody = (self.owner, self.first, self.second)
        for machine in everybody[1:]:
            self.join(machine, line, *by)
        for machine in everybody:
            machine.wait_for_training()
            self.members_known(machine, 3)
        self.owner.wait_for(lambda s: sum(m["can_be_dialled"] for m in s["members"]) == 3, 40,
                            "all members reached by others")
        for machine in everybody:
            self.left_word(machine)
            machine.kill()
        # Each has the others in its book, where nobody is any more.
        for machine in everybody:
            self.join(machine, "mine" if machine is self.owner else line)
        for machine in everybody:
            self.members_known(machine, 3, 90)
            machine.wait_for_training(0, 90)
        self.assertIn("dht looks for members", self.owner.log.read_text())


if __name__ == "__main__":
    if not DHT_NODE.exists():
        print(f"SKIPPED: needs {DHT_NODE}: built without OpenDHT", file=sys.stderr)
        sys.exit(77)
    harness.main()
