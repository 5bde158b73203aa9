#!/usr/bin/env python3
"""Nodes rest and leave: real daemons on loopback, and what becomes of what they had."""

import datetime
import json
import os
import re
import socket
import subprocess
import time

import harness
from machines import Machine, SwarmTest, free_port


class Leave(SwarmTest):
    """The owner at stage 0, and others where they are told to be."""

    def setUp(self):
        super().setUp()
        self.owner = Machine(self, "o")
        self.address = f"127.0.0.1:{free_port()}"
        self.owner.join("mine", "--announce", self.address, "--stage", 0, listen=self.address)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        run = self.owner.brigade("invite", "--swarm", "mine", "--uses", "any")
        self.assert_ended(run, 0)
        self.line = run.out.strip()

    def join(self, name, *flags):
        machine = Machine(self, name)
        machine.join(self.line, *flags)
        return machine

    def ask(self, machine, command, *flags):
        """A wish that is granted; its lines."""
        run = machine.brigade(command, *flags)
        self.assert_ended(run, 0)
        return run

    def leave(self, machine, *flags):
        """What `brigade leave` says; the daemon's exit code is 0."""
        run = self.ask(machine, "leave", *flags)
        self.assertEqual(machine.process.wait(timeout=10), 0, machine.log.read_text()[-2000:])
        return run

    def member(self, seen_by, node):
        return next((m for m in seen_by.answer()["members"] if m["node"] == node), None)

    def assert_holds_nothing(self, machine):
        status = machine.account()
        self.assertEqual(status["phase"], "drained")
        self.assertIn("brigade resume", status["waiting_for"])
        self.assertEqual((status["in_flight"], status["kept_gradients"]), (0, 0))
        return status

    def account(self, *machines):
        for machine in machines:
            self.assertEqual(machine.account()["replicas"]["written_off"], 0)

    def time_of(self, machine, pattern):
        """When it logged such a line first."""
        found = re.search(rf"^(\S+)Z .*{pattern}", machine.log.read_text(), re.M)
        self.assertIsNotNone(found, machine.log.read_text()[-2000:])
        return datetime.datetime.fromisoformat(found[1])

    def began_with(self, machine):
        """Position of the checkpoint that its newest start restored."""
        log = machine.log.read_text()
        return int(re.findall(r"phase=restoring epoch=1 from=(\d+)", log)[-1])

    def newest(self, machine, where="checkpoints"):
        """Position of its newest checkpoint there."""
        names = [file.name for file in machine.home.glob(f"**/{where}/step-*.safetensors")]
        return max((int(name.split("-")[1]) for name in names), default=None)

    def test_one_of_two_drains_and_resumes(self):
        first, second, tail = (self.join(n, "--stage", s) for n, s in zip("abc", (1, 1, 2)))
        for machine in (first, second, tail):
            machine.wait_for_training()
        told = self.ask(second, "drain", "--json")
        self.assertNotIn("warning", told.err)
        self.assertEqual(json.loads(told.out.strip().split("\n")[-1]),
                         {"phase": "drained", "in_flight": 0, "kept_gradients": 0})
        drained = self.assert_holds_nothing(second)
        self.owner.wait_for_training(self.owner.answer()["position"] + 50)
        self.assertEqual(self.member(self.owner, drained["node"])["doing"], "drained")
        self.assertEqual(self.assert_holds_nothing(second)["applied"], drained["applied"])
        self.assertIn("drained by its owner", second.brigade("status").out)
        self.assertEqual(self.ask(second, "drain").out.split("\n")[0],
                         "drained: in flight 0, gradients kept 0")

        second.stop()
        second.join(self.line)
        second.wait_for(lambda s: s["phase"] == "drained", 20, "drained after a restart")
        self.owner.wait_for(lambda s: self.member(self.owner, drained["node"]), 20, "it is back")
        self.owner.wait_for_training(self.owner.answer()["position"] + 50)
        self.assertEqual(self.assert_holds_nothing(second)["replicas"]["taken"], 0)

        self.ask(second, "resume")
        resumed = second.wait_for_training(drained["position"], 40)
        self.assertGreater(resumed["position"], drained["position"])
        second.wait_for(lambda s: s["applied"] > 10, 30, "a share of the work again")
        self.assertEqual(self.member(self.owner, drained["node"])["doing"], "serving")
        self.account(self.owner, first, second, tail)

    def test_one_of_two_leaves_and_comes_back(self):
        first, second, tail = (self.join(n, "--stage", s) for n, s in zip("abc", (1, 1, 2)))
        for machine in (first, second, tail):
            machine.wait_for_training()
        node = second.answer()["node"]
        told = self.leave(second)
        left_at = self.time_of(second, "leaves: says goodbye")
        self.assertRegex(told.out, "stage 1 goes on at node")
        self.assertNotIn("warning", told.err)
        for machine in (self.owner, first, tail):
            harness.wait_until(lambda m=machine: self.member(m, node) is None, 10, "it is gone")
            known_at = self.time_of(machine, f"member node={node[:8]}.* change=\"?gone")
            self.assertLess((known_at - left_at).total_seconds(), 10)
            self.assertNotRegex(machine.log.read_text(),
                                f"member node={node[:8]}.* change=\"?(suspected|dead)")
        self.owner.wait_for_training(self.owner.answer()["position"] + 50)
        self.account(self.owner, first, tail)
        self.assertNotIn("given to others", told.out)

        # It does not come back by itself, but as a member when it joins.
        folder = next(second.home.glob("s/brigade/*/node.toml"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(self.folder / "notify"))
            again = subprocess.run([str(harness.BRIGADED), "--config", str(folder)], check=False,
                                   env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")},
                                   timeout=20, capture_output=True, text=True)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertIn("has left its swarm", again.stdout + again.stderr)
            systemd.settimeout(5)
            self.assertIn(b"READY=1", systemd.recv(1000))  # else it would be started again
        second.join(self.line)
        back = second.wait_for_training(0, 40)
        self.assertEqual((back["node"], back["stage"]), (node, 1))

    def test_a_stage_goes_on_where_its_only_node_left(self):
        only, tail = self.join("a", "--stage", 1), self.join("b", "--stage", 2)
        for machine in (self.owner, only, tail):
            machine.wait_for_training()
        told = self.leave(only)
        self.assertIn("warning: nobody else trains stage 1", told.err)
        self.assertRegex(told.out, "node .* has a copy of it")
        position = int(re.search(r"checkpoint is at position (\d+)", told.out)[1])
        self.assertEqual(self.newest(only), position)
        self.assertIn(position, [self.newest(m, "keeps/stage-1") for m in (self.owner, tail)])
        heir = self.join("c")
        heir.wait_for_training(position, 40)
        self.assertEqual((heir.answer()["stage"], self.began_with(heir)), (1, position))
        self.account(self.owner, tail, heir)

    def test_one_of_the_fullest_stage_moves_to_where_all_rest(self):
        resting = [self.join(name, "--stage", 1) for name in "ab"]
        self.owner.wait_for(lambda s: len(s["members"]) == 3, 30, "stage 1 hosted twice")
        movable = [self.join(name) for name in "cd"]  # the swarm chooses: stages 0 and 2
        for machine in (self.owner, *resting):
            machine.wait_for_training()
        for machine in resting:
            self.assertEqual(self.ask(machine, "drain", "--no-wait").out, "")
        for machine in resting:
            machine.wait_for(lambda s: s["phase"] == "drained", 20, "drained")
        position = max(map(self.newest, resting))
        moved = harness.wait_until(
            lambda: next((m for m in movable if (m.status() or {}).get("stage") == 1), None), 60,
            "a node that moves to stage 1")
        moved.wait_for_training(position, 40)
        self.assertEqual(self.began_with(moved), position)
        self.account(self.owner, *resting, *movable)

    def test_the_only_head_rests(self):
        others = [self.join(name, "--stage", stage) for name, stage in zip("ab", (1, 2))]
        self.owner.wait_for_training()
        before = self.owner.status()
        told = self.ask(self.owner, "drain", "--wait")
        self.assertIn("warning: nobody else trains stage 0", told.err)
        rested = self.assert_holds_nothing(self.owner)
        for machine in others:
            machine.wait_for(lambda s: s["in_flight"] == s["kept_gradients"] == 0, 20, "all done")
        self.assertEqual(self.assert_holds_nothing(self.owner)["drawn"], rested["drawn"])
        self.ask(self.owner, "resume")
        after = self.owner.wait_for_training(rested["position"] + 50, 40)
        self.assertEqual((after["node"], after["listen"]), (before["node"], before["listen"]))
        self.account(self.owner, *others)

    def test_now(self):
        only, tail = self.join("a", "--stage", 1), self.join("b", "--stage", 2)
        for machine in (self.owner, only, tail):
            machine.wait_for_training()
        node = only.answer()["node"]
        began = time.monotonic()
        told = self.leave(only, "--now", "--json")
        self.assertLess(time.monotonic() - began, 30)  # not the patience of the others
        steps = [json.loads(line) for line in told.out.strip().split("\n")]
        self.assertEqual(steps[-1]["phase"], "left")
        self.assertIn("waits for nobody", steps[0]["step"])
        harness.wait_until(lambda: self.member(self.owner, node) is None, 5, "it is gone")

    def test_who_can_not_finish_drains_on_without_a_display_and_may_still_leave(self):
        stuck, tail = self.join("a", "--stage", 1), self.join("b", "--stage", 2)
        stuck.wait_for_training()
        tail.kill()
        stuck.wait_for(lambda s: s["in_flight"] > 0, 20, "what nobody takes from it")
        display = subprocess.Popen([str(harness.BRIGADE), "drain"], env=stuck.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(display)
        self.assertRegex(display.stdout.readline(), "(training|draining): in flight [1-9]")
        stuck.wait_for(lambda s: s["phase"] == "draining", 10, "the drain")
        harness.interrupt(display)
        run = self.finish(display, 20)
        self.assertEqual(run.code, 130, str(run))
        self.assertIn("drains on without this display", run.err)
        self.assertEqual(stuck.account()["phase"], "draining")
        node = stuck.answer()["node"]
        self.owner.wait_for(lambda s: self.member(self.owner, node)["doing"] == "leaving", 20,
                            "word of the drain")
        told = self.leave(stuck, "--patience", "2")
        self.assertRegex(told.out, "the time was up: [1-9][0-9]* micro-batches are given to others")

    def test_what_can_not_be(self):
        self.assert_one_line(self.owner.brigade("resume"), 1, "not drained")
        stranger = Machine(self, "x")
        self.assert_one_line(stranger.brigade("drain"), 1, "no node found", "--state DIR")
        self.assert_one_line(stranger.brigade("leave", "--state", "nowhere"), 1, "no such socket")
        self.assertEqual(stranger.brigade("leave", "--patience", "0").code, 2)
        folder = next(self.owner.home.glob("s/brigade/*"))
        (folder.parent / "dead").mkdir()
        (folder.parent / "dead/control.sock").touch()  # of a node that runs no more: passed over
        self.assert_one_line(self.owner.brigade("resume"), 1, "not drained")
        (folder.parent / "other").symlink_to(folder)
        self.assert_one_line(self.owner.brigade("leave"), 1, "2 nodes run here", "--state DIR")
        self.assert_one_line(self.owner.brigade("resume", "--state", folder), 1, "not drained")
        run = self.start(*self.small_run("out", "--stages", "2", "--steps", "100000"))
        self.wait_for_step("out", 3, run)
        for command in ("drain", "leave", "resume"):
            said = self.brigade(command, "--out", self.folder / "out")
            self.assert_one_line(said, 1, "fixed list of peers", "Ctrl-C")
        harness.interrupt(run)
        self.finish(run)

    def test_who_is_alone_says_what_is_lost(self):
        others = self.join("a", "--stage", 1), self.join("b", "--stage", 2)
        self.owner.wait_for_training(60)
        for machine in others:
            machine.kill()
        told = self.leave(self.owner, "--patience", "1")
        self.assertIn("nobody has a copy: unless this node comes back, stage 0 is lost", told.out)

    def test_another_takes_over_while_the_only_node_rests(self):
        only, tail = self.join("a", "--stage", 1), self.join("b", "--stage", 2)
        for machine in (self.owner, only, tail):
            machine.wait_for_training()
        self.assertIn("warning: nobody else trains stage 1", self.ask(only, "drain").err)
        position = self.newest(only)
        self.assertEqual(position, self.assert_holds_nothing(only)["position"])
        heir = self.join("c")
        heir.wait_for_training(position, 40)
        self.assertEqual((heir.answer()["stage"], self.began_with(heir)), (1, position))
        self.assert_holds_nothing(only)
        self.account(self.owner, tail, heir)


if __name__ == "__main__":
    harness.main()
