#!/usr/bin/env python3
"""A local run from text to loss: what it does, what it leaves and what it says."""

import json
import math

import harness

KEYS = {
    "step": ["microbatch", "tokens", "loss", "lr", "tokens_per_s", "in_flight"],
    "eval": ["microbatch", "tokens", "val_loss"],
    "node": ["node", "stage", "replica", "pid", "rss_bytes", "param_bytes", "stash_bytes",
             "weight_versions", "updates", "staleness_mean", "staleness_max", "busy", "bytes_sent",
             "bytes_received"],
    "peer": ["node", "stage", "change"],
    "done": ["microbatches", "tokens", "seconds", "tokens_per_s", "val_loss", "lost_microbatches",
             "retried_microbatches"],
}


class Train(harness.EndToEndTest):
    def test_four_stages_train_and_everything_that_is_promised_is_there(self):
        steps = 300
        run = self.brigade(*self.small_run("out", "--stages", 4, "--steps", steps, "--lr", "3e-3",
                                           "--eval-every", 100, "--log", self.folder / "log.jsonl"))
        self.assert_ended(run, 0)
        self.check_log(steps)
        self.check_files(steps)
        for part in ("parameters in 4 stages", "yardstick", "bigram model", "tokens/s",
                     "brigade generate"):
            self.assertIn(part, run.out)
        self.assert_gone(self.daemons("out").values(), seconds=0.1)

    def check_log(self, steps):
        events = self.events("out")
        for event in events:
            self.assertEqual(list(event), ["event", "t", *KEYS[event["event"]]])
        log = (self.folder / "log.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line) for line in log], events)

        by_kind = {kind: [e for e in events if e["event"] == kind] for kind in KEYS}
        losses = [step["loss"] for step in by_kind["step"]]
        self.assertEqual([step["microbatch"] for step in by_kind["step"]],
                         list(range(1, steps + 1)))
        self.assertLess(sum(losses[-20:]) / 20, sum(losses[:20]) / 20 - 1)
        self.assertEqual([event["microbatch"] for event in by_kind["eval"]], [100, 200, 300])
        self.assertEqual({node["stage"] for node in by_kind["node"]}, {0, 1, 2, 3})
        self.assertEqual({node["weight_versions"] for node in by_kind["node"]}, {1})
        self.assertEqual(len({node["pid"] for node in by_kind["node"]}), 4)
        # Asynchronous: every stage but the last has made updates between forward and backward.
        last = {node["stage"]: node for node in by_kind["node"]}
        self.assertGreater(last[0]["staleness_max"], 0)
        self.assertEqual(last[3]["staleness_max"], 0)
        self.assertEqual({node["updates"] for node in last.values()}, {steps})

        done = by_kind["done"]
        self.assertEqual(len(done), 1)
        self.assertEqual(events[-1], done[0])
        self.assertEqual(done[0]["microbatches"], steps)
        self.assertEqual(done[0]["tokens"], steps * 4 * 32)
        self.assertEqual(done[0]["lost_microbatches"], 0)
        self.assertEqual(done[0]["val_loss"], by_kind["eval"][-1]["val_loss"])
        self.assertTrue(math.isfinite(done[0]["tokens_per_s"]))

    def check_files(self, steps):
        out = self.folder / "out"
        configuration = (out / "swarm.toml").read_text()
        self.assertIn("written by brigade ", configuration)
        self.assertIn("split = [1, 1, 1, 1]", configuration)
        rows = (out / "loss.csv").read_text().splitlines()
        self.assertEqual(rows[0], "microbatch,tokens,seconds,loss,lr,val_loss")
        self.assertGreater(len(rows), steps)
        for stage in range(4):
            kept = list((out / f"node-{stage}" / "checkpoints").glob("*.safetensors"))
            self.assertEqual(len(kept), 2)  # bounded retention
            self.assertEqual((out / f"node-{stage}" / "identity.pem").stat().st_mode & 0o777, 0o600)

    def test_status_shows_a_run_while_it_runs_and_fails_when_nobody_answers(self):
        process = self.start(*self.small_run("out", "--stages", 2, "--steps", 0))
        self.wait_for_step("out", 5, process)
        table = self.brigade("status", "--out", "out")
        self.assert_ended(table, 0)
        self.assertEqual(len(table.out.splitlines()), 3 + table.out.count("waits:"))
        self.assertIn("training", table.out)
        listing = self.brigade("status", "--out", "out", "--json")
        nodes = [json.loads(line) for line in listing.out.splitlines()]
        self.assertEqual([node["stage"] for node in nodes], [0, 1])
        self.assertTrue(all(peer["is_linked"] for node in nodes for peer in node["peers"]))
        socket = self.folder / "out/node-1/control.sock"
        quiet = self.brigade("status", "--socket", socket, "--quiet")
        self.assertEqual((quiet.code, quiet.out, quiet.err), (0, "", ""))

        harness.interrupt(process)
        self.assert_ended(self.finish(process), 130)
        after = self.brigade("status", "--socket", socket, "--quiet")
        self.assert_one_line(after, 1, socket)

    def test_json_is_all_that_json_prints(self):
        run = self.brigade(*self.small_run("out", "--stages", 1, "--steps", 20, "--json"))
        self.assert_ended(run, 0)
        printed = [json.loads(line) for line in run.out.splitlines()]
        self.assertEqual(printed, self.events("out"))
        self.assertEqual(printed[-1]["event"], "done")

    def test_a_folder_too_deep_for_a_socket_is_no_obstacle(self):
        out = "deep-" + "x" * 90
        run = self.brigade(*self.small_run(out, "--stages", 2, "--steps", 5))
        self.assert_ended(run, 0)


if __name__ == "__main__":
    harness.main()
