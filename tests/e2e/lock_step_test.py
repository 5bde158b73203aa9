#!/usr/bin/env python3
"""In lock-step, daemons compute what one process computes: every loss is the same number."""

import csv
import json

import harness

LINE = harness.BIN / "brigade-line"
STEPS = 48


class LockStep(harness.EndToEndTest):
    def alone(self, out):
        """The same swarm.toml, its stages in one process."""
        losses = self.folder / f"{out}.csv"
        run = self.brigade(self.folder / out / "swarm.toml", "--losses", losses, program=LINE)
        self.assert_ended(run, 0)
        with open(losses, encoding="utf-8") as file:
            return [float(row["loss"]) for row in csv.DictReader(file)], json.loads(run.out)

    def check(self, name, *flags):
        run = self.brigade(*self.small_run(name, "--stages", 4, "--steps", STEPS, "--lr", "3e-3",
                                           "--codec", "fp32", "--eval-every", 20, *flags))
        self.assert_ended(run, 0)
        through = [event["loss"] for event in self.events(name, "step")]
        losses, alone = self.alone(name)
        self.assertEqual(len(through), STEPS)
        self.assertEqual(through, losses)
        self.assertAlmostEqual(self.events(name, "done")[0]["val_loss"], alone["val_loss"],
                               delta=1e-9)
        return max(event["weight_versions"] for event in self.events(name, "node"))

    def test_every_method_through_daemons_equals_itself_in_one_process(self):
        for method, versions in (("nesterov", 1), ("nesterov-muon", 1), ("nesterov-stash", 4),
                                 ("paci", 1), ("2bw", 2)):
            with self.subTest(method=method):
                self.assertEqual(self.check(method, "--method", method, "--lock-step"), versions)

    def test_synchronous_methods_need_no_lock_step(self):
        for method in ("gpipe", "1f1b"):
            with self.subTest(method=method):
                self.assertEqual(self.check(method, "--method", method), 1)

    def test_recompute(self):
        self.check("recompute", "--lock-step", "--recompute", "on")


if __name__ == "__main__":
    harness.main()
