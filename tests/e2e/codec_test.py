#!/usr/bin/env python3
"""Codecs on the links of real daemons: they train, repeat themselves, save bytes, are agreed on."""

import re

import harness

STEPS = 200
# Bytes of a payload a token at d = 32: tensor and tokens forward, tensor backward.
PAYLOAD = {"fp32": 128 + 4.125 + 128, "bf16": 64 + 4.125 + 64, "int8": 34 + 4.125 + 34}


class Codec(harness.EndToEndTest):
    def train(self, out, codec, *flags):
        """A lock-step run, which differs from another in nothing but the codec."""
        run = self.brigade(*self.small_run(out, "--stages", 3, "--steps", STEPS, "--lr", "3e-3",
                                           "--lock-step", "--codec", codec, *flags))
        self.assert_ended(run, 0)
        losses = [step["loss"] for step in self.events(out, "step")]
        self.assertEqual(len(losses), STEPS)
        return losses, self.events(out, "done")[0]["val_loss"]

    def logs(self, out, stages=3):
        return [(self.folder / out / f"node-{stage}" / "log").read_text()
                for stage in range(stages)]

    def bytes_sent(self, out):
        """By all nodes, over the whole run."""
        last = {event["stage"]: event["bytes_sent"] for event in self.events(out, "node")}
        return sum(last.values())

    def test_every_codec_trains_as_fp32_does_and_sends_less(self):
        losses, validation, sent = {}, {}, {}
        for codec in PAYLOAD:
            losses[codec], validation[codec] = self.train(codec, codec)
            sent[codec] = self.bytes_sent(codec)
            for log in self.logs(codec):
                self.assertIn(f"linked, tensors in {codec}", log)
        learned = losses["fp32"][0] - losses["fp32"][-1]
        self.assertGreater(learned, 1)
        for codec in ("bf16", "int8"):
            difference = validation[codec] - validation["fp32"]
            print(f"{codec}: validation loss {difference:+.4f} against fp32,"
                  f" {sent[codec] / sent['fp32']:.3f} of its bytes")
            self.assertNotEqual(losses[codec], losses["fp32"])
            self.assertLess(abs(difference), 0.05 * learned)
            # Headers and beacons weigh more the less there is beside them.
            self.assertLess(sent[codec] / sent["fp32"], PAYLOAD[codec] / PAYLOAD["fp32"] + 0.15)

    def test_int8_in_lock_step_repeats_itself_to_the_last_bit(self):
        first = self.train("first", "int8", "--seed", 3)
        self.assertEqual(first, self.train("second", "int8", "--seed", 3))
        self.assertNotEqual(first, self.train("third", "int8", "--seed", 4))

    def test_a_resume_may_change_the_codec(self):
        self.train("out", "fp32")
        run = self.brigade("local", "--resume", "out", "--codec", "int8", "--steps", STEPS + 20)
        self.assert_ended(run, 0)
        self.assertEqual(self.events("out", "step")[-1]["microbatch"], STEPS + 20)
        self.assertIn("linked, tensors in int8", self.logs("out")[1])

    def test_two_nodes_that_wish_for_different_codecs_refuse_each_other(self):
        run = self.brigade(*self.small_run("out", "--stages", 2, "--steps", 5, "--codec", "bf16"))
        self.assert_ended(run, 0)
        swarm = self.folder / "out" / "swarm.toml"
        other = self.folder / "other.toml"
        text = swarm.read_text()
        self.assertIn('codec = "bf16"', text)
        other.write_text(text.replace('codec = "bf16"', 'codec = "int8"'))
        configuration = self.folder / "out" / "node-1" / "node.toml"
        configuration.write_text(re.sub(r"^swarm = .*$", f'swarm = "{other}"',
                                        configuration.read_text(), flags=re.MULTILINE))
        logs = [self.folder / f"log-{stage}" for stage in range(2)]
        for stage, log in enumerate(logs):
            with log.open("w") as sink:
                self.started.append(harness.subprocess.Popen(
                    [harness.BRIGADED, "--config",
                     self.folder / "out" / f"node-{stage}" / "node.toml"],
                    stdin=harness.subprocess.DEVNULL, stdout=sink, stderr=sink))
        harness.wait_until(
            lambda: all("give both the same swarm.toml" in log.read_text() for log in logs), 30,
            "a refusal in both logs")


if __name__ == "__main__":
    harness.main()
