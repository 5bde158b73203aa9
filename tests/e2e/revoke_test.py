#!/usr/bin/env python3
"""The owner puts nodes and invites out of a swarm: real daemons on loopback, each with its home."""

import json

import harness
from machines import Machine, SwarmTest, free_port

OUT_WITHIN_S = 40  # on a busy machine; else it takes less than one


class Revoke(SwarmTest):
    def setUp(self):
        super().setUp()
        self.address = f"127.0.0.1:{free_port()}"
        self.owner = Machine(self, "o")
        self.owner_joins()

    def owner_joins(self):
        self.owner.join("mine", "--stage", 0, "--announce", self.address, listen=self.address)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")

    def invite(self, *flags):
        run = self.owner.brigade("invite", "--swarm", "mine", "--contact",
                                 f"{self.owner.answer()['node']}@{self.address}", *flags)
        self.assert_ended(run, 0)
        return run.out.strip()

    def revoke(self, *words):
        run = self.owner.brigade("swarm", "revoke", *words, "--swarm", "mine")
        self.assert_ended(run, 0)
        return run

    def assert_put_out(self, machine, *parts):
        self.assertEqual(machine.process.wait(timeout=OUT_WITHIN_S), 1)
        last = machine.log.read_text().strip().split("\n")[-1]
        for part in ("brigaded: the swarm's owner has revoked", *parts):
            self.assertIn(part, last)

    def assert_unknown(self, node, *machines):
        for machine in machines:
            machine.wait_for(lambda s: node not in [m["node"] for m in s["members"]], OUT_WITHIN_S,
                             "one member less")

    def kept(self, machine):
        return list(machine.home.glob("s/brigade/*/revocations"))

    def test_a_node_is_out_everywhere_at_once_and_training_goes_on(self):
        line = self.invite("--uses", "any")
        out, other, tail = (Machine(self, name) for name in "abc")
        for machine, stage in ((out, 1), (other, 1), (tail, 2)):
            machine.join(line, "--stage", stage)
        for machine in (out, other, tail):
            machine.wait_for_training(20)
        node = out.answer()["node"]
        for machine in (self.owner, other, tail):
            machine.wait_for(lambda s: len(s["members"]) == 4, 20, "all members known")
        run = self.revoke(node[:8], "--reason", "sends nonsense – again")
        self.assertIn(f"revoked  node {node}, ", run.out)
        self.assertIn("members by the node of this machine", run.out)
        self.assertIn("an invite that is not used up", run.err)
        self.assertNotIn("training waits", run.err)

        self.assert_put_out(out, f"node {node[:8]}: sends nonsense – again",
                            "this node can take part no more")
        self.assert_unknown(node, self.owner, other, tail)
        for machine in (self.owner, other, tail):
            self.assertIn(f"node {node[:8]} is put out", machine.log.read_text())
        self.owner.wait_for_training(self.owner.answer()["position"] + 50)
        shown = self.owner.brigade("swarm", "show", "mine").out
        self.assertIn(f"revoked   node {node}, ", shown)

        # It knows now, and asks nobody; one that lost its memory is told at the door.
        out.join(line)
        self.assert_put_out(out, "sends nonsense")
        for file in self.kept(out):
            file.unlink()
        asked = out.log.stat().st_size
        out.join(line)
        self.assert_put_out(out, "sends nonsense")
        self.assertNotIn("entered swarm=", out.log.read_text()[asked:])

    def test_an_invite_is_out_with_all_who_came_with_it(self):
        bad, good = self.invite("--uses", "any"), self.invite("--uses", "any")
        guests = [Machine(self, name) for name in "ab"]
        away = Machine(self, "c")
        for machine in guests:
            machine.join(bad)
        away.join(good)
        for machine in (*guests, away):
            machine.wait_for(lambda s: len(s["members"]) == 4, 30, "all members known")
        self.assertEqual(away.stop(), 0)  # it does not hear of it
        run = self.revoke(bad, "--json")
        said = json.loads(run.out)
        invite = said["revoked"][0]["invite"]
        self.assertGreaterEqual(said["told"], 2)
        for machine in guests:
            self.assert_put_out(machine, f"invite {invite}", "join with another one")
        self.owner.wait_for(lambda s: len(s["members"]) == 1, OUT_WITHIN_S, "nobody else")
        stranger = Machine(self, "d")
        stranger.join(bad)
        self.assert_put_out(stranger, f"invite {invite}")

        # Who was away learns it when it is back, and so does who is started anew.
        self.assertEqual(self.kept(away), [])
        away.join(good)
        away.wait_for(lambda s: self.kept(away), 30, "the revocation kept")
        self.assertEqual(self.owner.stop(), 0)
        self.owner_joins()
        late = Machine(self, "e")
        late.join(bad)
        self.assert_put_out(late, f"invite {invite}")
        guests[0].join(good)  # another invite is another chance
        guests[0].wait_for(lambda s: len(s["members"]) == 3, 30, "three members")

    def test_what_is_revoked_while_nobody_runs_is_told_at_the_next_join(self):
        guest = Machine(self, "a")
        guest.join(self.invite())
        node = guest.wait_for(lambda s: len(s["members"]) == 2, 30, "both members")["node"]
        own = self.owner.answer()["node"]
        self.assertEqual(self.owner.stop(), 0)
        run = self.owner.brigade("swarm", "revoke", own, "--swarm", "mine")
        self.assert_one_line(run, 1, "the node of this machine")
        self.assert_one_line(self.owner.brigade("swarm", "revoke", node[:8], "--swarm", "mine"), 1,
                             "all 64 digits")
        for _ in range(2):  # once more is no other
            self.assertIn("run this again, or brigade join mine", self.revoke(node).err)
        shown = json.loads(self.owner.brigade("swarm", "show", "mine", "--json").out)
        self.assertEqual([one["node"] for one in shown["revoked"]], [node])
        self.owner_joins()
        # It runs, alone, and knocks.
        self.assert_put_out(guest, f"node {node[:8]}")
        self.assertEqual(len(self.owner.answer()["members"]), 1)


if __name__ == "__main__":
    harness.main()
