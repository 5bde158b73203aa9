#!/usr/bin/env python3
"""Strangers join a swarm with one line of text: real daemons on loopback, each with its own home.

What each knows of the others it learned from them: no file is shared but the token data.
"""

import re
import sys
import time

import harness
from machines import Machine, SwarmTest, free_port


class Join(SwarmTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.owner = Machine(self, "o")

    def owner_joins(self, *flags):
        address = f"127.0.0.1:{self.port}"
        self.owner.join("mine", "--announce", address, *flags, listen=address)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")

    def invite(self, *flags):
        run = self.owner.brigade("invite", "--swarm", "mine", *flags)
        self.assert_ended(run, 0)
        return run.out.strip()

    def members(self, machine):
        return sorted((m["stage"], m["standing"]) for m in machine.status()["members"])

    def account(self, machine):
        """What every node keeps true, whatever happens to the others."""
        self.assertEqual(machine.account()["replicas"]["written_off"], 0)

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
        shown = guests[0].brigade("status").out
        self.assertIn("this node", shown)
        self.assertIn("account: ", shown)

        killed = guests[1]
        before = killed.wait_for_training(60)  # it has stored a checkpoint
        killed.kill()
        self.owner.wait_for(lambda s: len(s["members"]) == 2, 40, "the dead member gone")
        reached = self.owner.status()["position"]
        killed.join(line)
        after = killed.wait_for_training(before["position"])
        self.assertEqual(after["node"], before["node"])
        self.assertEqual(after["stage"], before["stage"])
        self.owner.wait_for_training(reached + 50)
        for machine in everybody:
            machine.wait_for(lambda s: len(s["members"]) == 3, 20, "all members known again")
            self.account(machine)

        # Who leaves finishes what it holds, and ends nothing.
        self.assertEqual(guests[0].stop(), 0)
        self.owner.wait_for(lambda s: len(s["members"]) == 2, 20, "the member that left gone")
        reached = self.owner.status()["position"]
        guests[0].join(line)
        self.owner.wait_for_training(reached + 50)

    def test_replicas_share_a_stage_and_one_outlives_the_other(self):
        self.owner_joins()
        line = self.invite("--uses", "any")
        first, tail, second = (Machine(self, name) for name in "abc")
        first.join(line, "--stage", 1)
        tail.join(line, "--stage", 2)
        self.owner.wait_for_training(60)
        second.join(line, "--stage", 1)
        second.wait_for_training()
        copied = second.log.read_text().split("phase=restoring")[-1].split("\n")[0]
        self.assertNotIn("from=0 ", copied)  # it began with what the first has trained
        for machine in (first, second):
            machine.wait_for(lambda s: s["replicas"]["averaged"] > 5, 30, "weights averaged")
            start = machine.status()["applied"]
            machine.wait_for(lambda s: s["applied"] > start + 20, 30, "a share of the work")
        first.kill()
        reached = self.owner.status()["position"]
        self.owner.wait_for_training(reached + 100, 20)
        for machine in (self.owner, tail, second):
            self.account(machine)

    def test_a_stage_without_anybody_comes_back_from_its_keepers(self):
        """All nodes of a stage die for good; one of the fullest stage takes it over."""
        self.owner_joins("--stage", 0)
        line = self.invite("--uses", "any")
        dead = [Machine(self, name) for name in "ab"]
        tails = [Machine(self, name) for name in "cd"]
        for machine in dead:
            machine.join(line, "--stage", 1)
        self.owner.wait_for(lambda s: len(s["members"]) == 3, 30, "stage 1 hosted twice")
        for machine in tails:  # the swarm sends them to stages 2 and 0, and may move them
            machine.join(line)
        self.owner.wait_for_training(120)
        harness.wait_until(lambda: self.kept(1), 30, "a copy of stage 1 at a keeper")
        for machine in dead:
            machine.kill()
        killed_at = time.monotonic()
        reached = self.owner.status()["position"]
        moved = harness.wait_until(
            lambda: next((m for m in tails if (m.status() or {}).get("stage") == 1), None), 60,
            "a node that moves to stage 1")
        moved.wait_for_training(0)
        self.owner.wait_for_training(reached + 30)
        seconds = time.monotonic() - killed_at
        print(f"training again {seconds:.1f} s after the kill", file=sys.stderr)
        began = re.findall(r"phase=restoring epoch=1 from=(\d+)", moved.log.read_text())[-1]
        self.assertGreater(int(began), 0)
        # What it began with is what the dead had stored, to the last bit.
        name = f"step-{int(began):012}-e1.safetensors"
        def files_of(machine):
            return [file for file in self.folder.glob(f"{machine.home.name}/**/{name}")
                    if not re.search("stage-[02]", str(file))]  # where it was before

        copies = [file for machine in dead for file in files_of(machine)]
        kept = files_of(moved)
        if copies and kept:  # checkpoints of long ago are removed
            self.assertIn(kept[0].read_bytes(), [file.read_bytes() for file in copies])
        self.account(self.owner)

    def test_a_stranger_becomes_a_head_and_outlives_the_first(self):
        """The tokens lie on the owner's machine alone: another head copies them, and so do those
        that keep the first stage."""
        self.owner_joins()
        line = self.invite("--uses", "any")
        middle, tail, head = (Machine(self, name) for name in "abc")
        middle.join(line, "--stage", 1)
        tail.join(line, "--stage", 2)
        self.owner.wait_for_training(60)
        head.join(line)
        head.wait_for_training()
        self.assertEqual(head.status()["stage"], 0)
        tokens = (self.folder / "data/train.bin").read_bytes()
        for machine in (head, middle):
            copies = harness.wait_until(
                lambda m=machine: list(m.home.glob("**/data/train.bin")), 30, "a copy of the data")
            self.assertFalse(copies[0].is_symlink())
            self.assertEqual(copies[0].read_bytes(), tokens)
        self.assertEqual(list(tail.home.glob("**/data/train.bin")), [])
        head.wait_for(lambda s: s["drawn"] > 20, 30, "micro-batches that it drew")
        self.owner.kill()
        reached = head.status()["position"]
        head.wait_for_training(reached + 100, 30)
        for machine in (middle, tail, head):
            self.account(machine)

    def kept(self, stage):
        return list(self.folder.glob(f"*/**/keeps/stage-{stage}/*.safetensors"))

    def test_a_synchronous_method_is_refused_at_once(self):
        text = (self.folder / "swarm.toml").read_text()
        (self.folder / "sync.toml").write_text(text + '[method]\nname = "gpipe"\n')
        run = self.brigade("swarm", "create", "sync.toml", "--out", "other")
        self.assert_ended(run, 1)
        self.assertIn("flush", run.err)

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
        first, tail, head, late = (Machine(self, name) for name in "abcd")
        for machine, stage in ((first, 1), (tail, 2), (head, 0)):
            machine.join(line, "--stage", stage)
        for machine in (first, tail, head):
            machine.wait_for_training(20)
        self.owner.wait_for(lambda s: sum(m["can_be_dialled"] for m in s["members"]) >= 3, 40,
                            "members that others reach")
        old = self.invite("--uses", "any")  # names them too
        self.assertEqual(self.owner.stop(), 0)
        reached = head.status()["position"]
        head.wait_for_training(reached + 100, 20)
        late.join(old)
        late.wait_for_training(reached, 40)
        late.wait_for(lambda s: len(s["members"]) == 4, 30, "four members without the owner")
        for machine in (first, tail, head):
            self.account(machine)


if __name__ == "__main__":
    harness.main()
