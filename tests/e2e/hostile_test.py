#!/usr/bin/env python3
"""Peers that break the rules, against real daemons: each is told why, and none is felt."""

import json
import os
import re
import shutil
import socket

import harness

HOSTILE = harness.BIN / "hostile_peer"
BATCH, CONTEXT, WIDTH = 4, 32, 32  # of harness.small_run
MAX_GROWTH = 64 << 20  # bytes of memory that dozens of refused peers may leave behind


def rss_bytes(pid):
    text = harness.pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


class Hostile(harness.EndToEndTest):
    def hostile(self, mode, node, *flags):
        return self.brigade("--node", node["listen"], "--node-id", node["node"], "--swarm",
                            self.folder / "out" / "swarm.toml", "--mode", mode, *flags,
                            program=HOSTILE)

    def modes(self):
        """All that hostile_peer knows, without the honest one."""
        listing = self.brigade("--help", program=HOSTILE).out.split("Modes:")[1]
        names = re.findall(r"^  ([a-z0-9-]+) ", listing, re.MULTILINE)
        self.assertGreater(len(names), 30)
        return [name for name in names if name != "honest"]

    def status(self, *flags):
        """Of each node that answers."""
        run = self.brigade("status", "--json", *flags)
        self.assert_ended(run, 0)
        return [json.loads(line) for line in run.out.splitlines()]

    def train(self, steps):
        """A run of two stages, training; its nodes as `brigade status` shows them."""
        process = self.start(*self.small_run("out", "--stages", 2, "--steps", steps))
        self.wait_for_step("out", 5, process)
        return process, self.status("--out", "out")

    def assert_trained(self, process, steps):
        self.assert_ended(self.finish(process), 0)
        done = self.events("out", "done")[-1]
        self.assertEqual((done["microbatches"], done["lost_microbatches"]), (steps, 0))

    def waiting_tail(self):
        """The tail of a finished run, started alone, with a stage 0 whose key we hold."""
        self.assert_ended(self.brigade(*self.small_run("out", "--stages", 2, "--steps", 5)), 0)
        configuration = self.folder / "out" / "node-1" / "node.toml"
        control = self.folder / "tail.sock"
        text = re.sub(r'^control = .*$', f'control = "{control}"', configuration.read_text(),
                      flags=re.MULTILINE)
        text = re.sub(r'^address = .*$', 'address = ""', text, flags=re.MULTILINE)
        configuration.write_text(text)
        process = self.start("--config", configuration, program=harness.BRIGADED)
        harness.wait_until(control.exists, 20, "the tail's control socket")
        return process, self.status("--socket", control)[0]

    def test_every_broken_rule_of_a_pinned_peer_is_answered_with_its_reason(self):
        process, node = self.waiting_tail()
        identity = self.folder / "out" / "node-0" / "identity.pem"
        shape = ("--shape", BATCH, CONTEXT, WIDTH)
        self.assert_ended(self.hostile("honest", node, "--identity", identity), 0)
        before = rss_bytes(process.pid)
        for mode in self.modes():
            if mode == "nan-tensor":
                continue  # a node that waits for its line takes no tensor: below
            with self.subTest(mode=mode):
                self.assert_ended(self.hostile(mode, node, "--identity", identity, *shape), 0)
                self.assertIsNone(process.poll())
        self.assertLess(rss_bytes(process.pid) - before, MAX_GROWTH)
        self.assert_ended(self.hostile("honest", node, "--identity", identity), 0)
        harness.interrupt(process)
        self.assert_ended(self.finish(process), 0)

    def test_strangers_are_not_felt_by_a_run(self):
        steps = 1500
        process, nodes = self.train(steps)
        crowd = []
        for node in nodes:
            host, port = node["listen"].rsplit(":", 1)
            for junk in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)):
                crowd.append(socket.create_connection((host, int(port)), timeout=5))
                crowd[-1].sendall(junk)  # and then neither goes on nor leaves
            run = self.hostile("honest", node)  # with a key that nobody has pinned
            self.assert_ended(run, 1)
        self.assert_trained(process, steps)
        for connection in crowd:
            connection.close()

    def test_a_peer_that_sends_rubbish_in_the_middle_of_a_run_costs_nothing(self):
        process, nodes = self.train(steps=0)
        tail = next(node for node in nodes if node["stage"] == 1)
        stolen = self.folder / "stolen.pem"
        shutil.copy(self.folder / "out" / "node-0" / "identity.pem", stolen)

        def is_rejected():
            """NaN in place of a micro-batch that the head has not drawn yet."""
            ahead = self.events("out", "step")[-1]["microbatch"] + 500
            return self.hostile("nan-tensor", tail, "--identity", stolen, "--shape", BATCH,
                                CONTEXT, WIDTH, "--sequence", ahead).code == 0

        # Two links of one id: the younger counts, once the elder is too old for a race.
        harness.wait_until(is_rejected, 60, "the tensor's rejection")
        for mode in ("garbage", "shape-lying", "wrong-version", "oversized-16mb"):
            self.hostile(mode, tail, "--identity", stolen)
        trained = self.events("out", "step")[-1]["microbatch"]
        self.wait_for_step("out", trained + 50, process)
        harness.interrupt(process)
        run = self.finish(process)
        self.assert_ended(run, 130)
        self.assertIn("state saved", run.out)
        self.assertEqual(self.events("out", "done")[-1]["lost_microbatches"], 0)


if __name__ == "__main__":
    harness.main()
