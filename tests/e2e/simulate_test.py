#!/usr/bin/env python3
"""brigade simulate: a plan in, figures and a picture out, and what a plan may get wrong."""

import json
import pathlib
import re
import signal
import subprocess
import unittest
import xml.etree.ElementTree

import harness

PLAN = """
stages = 2
minutes = 10
[[machines]]
name = "laptops <old>"
count = 6
per_minute = 30
[[events]]
at_s = 300
what = "kill"
count = 2
lasts_s = 60
"""
SWARM = """
stages = 2
[model]
context = 64
width = 64
blocks = 2
heads = 2
[data]
train = "train.bin"
[run]
batch = 8
context = 64
codec = "bf16"
"""


class Simulate(harness.EndToEndTest):
    def plan(self, text):
        (self.folder / "plan.toml").write_text(text)

    def test_a_plan_gives_a_table_a_picture_and_one_object(self):
        self.plan(PLAN)
        run = self.brigade("simulate", "plan.toml", "--picture", "plan.svg")
        self.assert_ended(run, 0)
        self.assertIn("3 laptops <old>", run.out)
        self.assertIn("written off", run.out)
        self.assertIn("5:00  kill 2 laptops", run.out)
        xml.etree.ElementTree.parse(self.folder / "plan.svg")
        run = self.brigade("simulate", "plan.toml", "--json")
        self.assert_ended(run, 0)
        found = json.loads(run.out)
        self.assertEqual([stage["machines"] for stage in found["stages"]], [3, 3])
        self.assertGreater(found["microbatches_per_s"], 0.8 * found["possible_per_s"])
        self.assertEqual(len(found["events"][0]["machines"]), 2)
        again = json.loads(self.brigade("simulate", "plan.toml", "--json").out)
        self.assertEqual(found, again)
        other = json.loads(self.brigade("simulate", "plan.toml", "--json", "--seed", "2").out)
        self.assertNotEqual(found, other)

    def test_sizes_come_from_a_swarm(self):
        (self.folder / "swarm.toml").write_text(SWARM)
        self.plan('swarm = "swarm.toml"\nminutes = 5\n'
                  "[[machines]]\ncount = 2\nper_minute = 60\n")
        run = self.brigade("simulate", "plan.toml", "--json")
        self.assert_ended(run, 0)
        found = json.loads(run.out)
        self.assertAlmostEqual(found["tokens_per_s"], 512 * found["microbatches_per_s"])

    def test_a_stage_that_the_swarm_lacks_is_refused(self):
        (self.folder / "swarm.toml").write_text(SWARM)
        self.plan('swarm = "swarm.toml"\n[[machines]]\ncount = 2\nper_minute = 60\nstage = 2\n')
        run = self.brigade("simulate", "plan.toml")
        self.assert_ended(run, 1)
        self.assertIn("machines[0].stage", run.err)

    def test_what_is_wrong_is_one_line(self):
        self.plan("stages = 3\n[[machines]]\ncount = 2\nper_minute = 1\n")
        for words, what in ((["plan.toml"], "stage 2 has no machine"),
                            (["none.toml"], "none.toml"),
                            ([], "PLAN")):
            run = self.brigade("simulate", *words)
            self.assertNotEqual(run.code, 0)
            self.assertIn(what, run.err)
            self.assertEqual(run.err.count("\n"), 1, run.err)
        self.plan(PLAN)
        run = self.brigade("simulate", "plan.toml", "--picture", "none/plan.svg")
        self.assert_ended(run, 1)
        self.assertIn("none/plan.svg", run.err)

    def test_ctrl_c_ends_it(self):
        self.plan(PLAN.replace("minutes = 10", "minutes = 10000").replace("at_s = 300",
                                                                          "at_s = 0"))
        process = subprocess.Popen([str(harness.BRIGADE), "simulate", "plan.toml"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL)
        self.started.append(process)
        status = pathlib.Path(f"/proc/{process.pid}/status")
        harness.wait_until(
            lambda: int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16)
            & 1 << signal.SIGINT - 1, 10, "Ctrl-C is looked for")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=10), 130)


if __name__ == "__main__":
    harness.main()
