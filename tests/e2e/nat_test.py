#!/usr/bin/env python3
"""Nodes behind real NAT are full peers; two of them that are neighbours meet through a third."""

import sys
import unittest

import harness
import nat_lab
from machines import Machine, SwarmTest

PORT = 7070


class Nat(SwarmTest):
    def setUp(self):
        super().setUp()
        self.lab = nat_lab.NatLab(public=2, homes=3)
        self.addCleanup(self.lab.close)
        self.machines = [
            Machine(self, f"m{i}", lambda words, machine=machine: self.lab.command(machine, words))
            for i, machine in enumerate(self.lab.machines)]

    def tearDown(self):
        for machine in self.machines:
            if machine.process is not None and machine.process.poll() is None:
                machine.kill()
        super().tearDown()

    def test_a_line_of_three_with_two_neighbours_behind_routers(self):
        """Head and middle at home, the tail public; two more double the middle and the tail."""
        owner = self.machines[0]
        address = f"{self.lab.machines[0][1]}:{PORT}"
        owner.join("mine", "--stage", 2, "--announce", address, listen=f"0.0.0.0:{PORT}")
        owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        run = owner.brigade("invite", "--swarm", "mine", "--uses", 4)
        self.assert_ended(run, 0)
        line = run.out.strip()
        for machine, stage in zip(self.machines[2:4], (0, 1)):
            machine.join(line, "--stage", stage, listen=f"0.0.0.0:{PORT}")
        head, middle = self.machines[2], self.machines[3]
        for machine in (head, middle, owner):
            machine.wait_for_training()
        for machine in (self.machines[1], self.machines[4]):
            machine.join(line, listen=f"0.0.0.0:{PORT}")
        for machine in self.machines:
            machine.wait_for(lambda s: len(s["members"]) == 5, 30, "all five known")
            machine.wait_for_training()
        seen = head.status()
        way = next(m for m in seen["members"] if m["node"] == middle.status()["node"])
        self.assertTrue(way["is_linked"], seen)
        self.assertFalse(way["can_be_dialled"], seen)
        through = way["relay"] or next(
            m["relay"] for m in middle.status()["members"] if m["node"] == seen["node"])
        relay = next(m for m in self.machines[:2] if m.status()["node"] == through)
        before = relay.status()["bytes_relayed"]
        position = head.status()["position"]
        head.wait_for_training(position + 50)
        self.assertGreater(relay.status()["bytes_relayed"] - before, 50 * 4 * 32 * 32 * 4)

        # Who relays dies: the neighbours meet through another.
        if relay is not owner:
            relay.kill()
            head.wait_for_training(head.status()["position"] + 20, 60)


if __name__ == "__main__":
    if not nat_lab.can_run():
        print("SKIPPED: needs root, ip and iptables", file=sys.stderr)
        sys.exit(77)
    harness.main()
