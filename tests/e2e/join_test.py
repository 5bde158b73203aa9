#!/usr/bin/env python3
"""Strangers join a swarm with one line of text: real daemons on loopback, each with its own home.

What each knows of the others it learned from them: no file is shared but the token data.
"""

import harness
from machines import Machine, SwarmTest, free_port


class Join(SwarmTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.owner = Machine(self, "o")

    def owner_joins(self):
        address = f"127.0.0.1:{self.port}"
        self.owner.join("mine", "--announce", address, listen=address)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")

    def invite(self, *flags):
        run = self.owner.brigade("invite", "--swarm", "mine", *flags)
        self.assert_ended(run, 0)
        return run.out.strip()

    def members(self, machine):
        return sorted((m["stage"], m["standing"]) for m in machine.status()["members"])

    def test_three_join_and_train_and_one_is_killed_and_comes_back(self):
        self.owner_joins()
        line = self.invite("--uses", 5)
        guests = [Machine(self, "a"), Machine(self, "b")]
        for guest in guests:
            guest.join(line)
        everybody = [self.owner, *guests]
        for machine in everybody:
            machine.wait_for_training()
        for machine in everybody:
            machine.wait_for(lambda s: len(s["members"]) == 3, 20, "all members known")
            self.assertEqual(self.members(machine),
                             [(0, "alive"), (1, "alive"), (2, "alive")])
        self.assertIn("this node", guests[0].brigade("status").out)

        killed = guests[1]
        before = killed.status()
        killed.kill()
        self.owner.wait_for(lambda s: len(s["members"]) == 2, 40, "the dead member gone")
        killed.join(line)
        after = killed.wait_for_training()
        self.assertEqual(after["node"], before["node"])
        self.assertEqual(after["stage"], before["stage"])
        self.assertGreater(after["epoch"], before["epoch"])
        for machine in everybody:
            machine.wait_for(lambda s: len(s["members"]) == 3, 20, "all members known again")

        # Who leaves ends nothing: the line goes on when it is back.
        left = guests[0].status()
        self.assertEqual(guests[0].stop(), 0)
        self.owner.wait_for(lambda s: len(s["members"]) == 2, 20, "the member that left gone")
        guests[0].join(line)
        guests[0].wait_for_training(left["committed_position"])

    def test_a_stage_outlives_its_node(self):
        """A second node at a stage copies its checkpoints, and goes on when the first is killed."""
        self.owner_joins()
        line = self.invite("--uses", "any")
        worker, tail, second = (Machine(self, name) for name in "abc")
        worker.join(line, "--stage", 1)
        tail.join(line, "--stage", 2)
        self.owner.wait_for_training(20)
        second.join(line, "--stage", 1)
        second.wait_for(lambda s: s["members"][0]["doing"] == "serving", 40, "a copy of the stage")
        before = self.owner.status()
        worker.kill()
        after = second.wait_for_training(0)
        self.assertGreater(after["epoch"], before["epoch"])
        self.owner.wait_for_training(before["committed_position"])
        resumed = self.owner.log.read_text().split("phase=restoring")[-1]
        self.assertNotIn("from=0 ", resumed.split("\n")[0])

        # The first one comes back, and stands by.
        worker.join(line, "--stage", 1)
        worker.wait_for(lambda s: len(s["members"]) == 4, 30, "all four known")
        position = self.owner.status()["position"]
        self.owner.wait_for_training(position + 20)
        self.assertEqual([m["works"] for m in worker.status()["members"] if m["is_self"]], [False])

    def test_who_may_not_come_in_is_told_why(self):
        self.owner_joins()
        used_up = self.invite("--uses", 1)
        first, second = Machine(self, "a"), Machine(self, "b")
        first.join(used_up)
        first.wait_for(lambda s: len(s["members"]) == 2, 30, "the first guest")
        second.join(used_up)
        self.assertEqual(second.process.wait(timeout=30), 1)
        self.assertIn("used up", second.log.read_text())

    def test_the_first_node_may_leave(self):
        self.owner_joins()
        line = self.invite("--uses", "any")
        first, second = Machine(self, "a"), Machine(self, "b")
        first.join(line)
        first.wait_for(lambda s: len(s["members"]) == 2 and s["members"][0]["can_be_dialled"], 40,
                       "a member that others reach")
        old = self.invite("--uses", "any")  # names the first guest too
        self.assertEqual(self.owner.stop(), 0)
        first.wait_for(lambda s: len(s["members"]) == 1, 30, "the owner gone")
        second.join(old)
        second.wait_for(lambda s: len(s["members"]) == 2, 30, "two members without the owner")


if __name__ == "__main__":
    harness.main()
