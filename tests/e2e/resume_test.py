#!/usr/bin/env python3
"""A run that is cut off goes on where its newest sound checkpoint stands."""

import json
import signal

import harness

MORE_STEPS = 100


class Resume(harness.EndToEndTest):
    def cut_off(self, *flags, at=60):
        """A run that has trained up to `at`, still running, and its daemons."""
        process = self.start(*self.small_run("out", "--stages", 4, "--steps", 100_000,
                                             "--checkpoint-every", 20, *flags))
        self.wait_for_step("out", at, process)
        harness.wait_until(lambda: len(self.daemons("out")) == 4, 30, "all process ids")
        return process, self.daemons("out")

    def resume(self, *flags, steps):
        before = len(self.events("out"))
        run = self.brigade("local", "--resume", "out", "--steps", steps, "--device", "cpu",
                           "--threads", 1, *flags)
        return run, self.events("out")[before:]

    def check_continued(self, run, events, last):
        """From a checkpoint to the last step, each micro-batch once."""
        self.assert_ended(run, 0)
        first = next(event for event in events if event["event"] == "eval")
        position = first["microbatch"]
        steps = [event["microbatch"] for event in events if event["event"] == "step"]
        self.assertEqual(steps, list(range(position + 1, last + 1)))
        done = events[-1]
        self.assertEqual((done["event"], done["microbatches"], done["lost_microbatches"]),
                         ("done", last, 0))
        return position, first["val_loss"]

    def eval(self, *flags):
        judged = self.brigade("eval", "out", "--json", "--batches", 8, "--device", "cpu", *flags)
        self.assert_ended(judged, 0)
        return json.loads(judged.out)

    def test_a_killed_daemon_ends_the_run_and_a_resume_goes_on_from_its_checkpoint(self):
        process, daemons = self.cut_off()
        harness.os.kill(daemons[2], signal.SIGKILL)
        run = self.finish(process)
        self.assert_one_line(run, 1, "stage 2", "signal 9 (SIGKILL)",
                             "brigade local --resume", self.folder / "out")
        self.assert_gone(daemons.values())

        checkpoint = self.eval()
        last = checkpoint["microbatch"] + MORE_STEPS
        resumed, events = self.resume(steps=last)
        position, loss = self.check_continued(resumed, events, last)
        self.assertEqual(position, checkpoint["microbatch"])
        self.assertGreaterEqual(position, 20)
        self.assertAlmostEqual(loss, checkpoint["val_loss"], delta=1e-5)

    def test_ctrl_c_drains_saves_and_names_the_way_on(self):
        process, daemons = self.cut_off()
        harness.interrupt(process)
        run = self.finish(process)
        self.assert_ended(run, 130)
        self.assertIn("state saved", run.out)
        self.assertIn(f"brigade local --resume {self.folder / 'out'}", run.out)
        self.assert_gone(daemons.values(), seconds=0.1)
        stopped_at = self.events("out", "done")[-1]["microbatches"]

        resumed, events = self.resume(steps=stopped_at + MORE_STEPS)
        self.assert_ended(resumed, 0)
        first = next(event for event in events if event["event"] == "eval")
        self.assertEqual(first["microbatch"], stopped_at)  # drained: nothing is done again

    def test_a_resume_may_change_the_number_of_stages(self):
        process, _ = self.cut_off()
        harness.interrupt(process)
        self.assert_ended(self.finish(process), 130)
        position = self.events("out", "done")[-1]["microbatches"]
        checkpoint = self.eval()
        for stages in (2, 3):
            run, events = self.resume("--stages", stages, steps=position + 10)
            self.assert_ended(run, 0)
            first = next(event for event in events if event["event"] == "eval")
            self.assertEqual(first["microbatch"], position)
            self.assertAlmostEqual(first["val_loss"], checkpoint["val_loss"], delta=1e-5)
            self.assertEqual({e["stage"] for e in events if e["event"] == "node"},
                             set(range(stages)))
            position += 10
            checkpoint = self.eval()

    def test_daemons_do_not_outlive_the_cli(self):
        process, daemons = self.cut_off(at=5)
        process.kill()
        process.wait()
        self.assert_gone(daemons.values(), seconds=8)

    def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(self):
        process, _ = self.cut_off()
        harness.interrupt(process)
        self.assert_ended(self.finish(process), 130)
        newest, before = self.kept(1)[0], self.kept(1)[1]
        for damage in (truncate, flip_a_bit):
            damage(newest)
            run, events = self.resume(steps=position_of(before) + 10)
            self.assert_ended(run, 0)
            self.assertRegex(run.out, r"stage 1: .*" + newest.name)
            first = next(event for event in events if event["event"] == "eval")
            self.assertEqual(first["microbatch"], position_of(before))
            newest, before = self.kept(1)[0], self.kept(1)[1]

    def kept(self, stage):
        """The checkpoints of a stage, newest first."""
        folder = self.folder / "out" / f"node-{stage}" / "checkpoints"
        return sorted(folder.glob("*.safetensors"), reverse=True)


def position_of(checkpoint):
    return int(checkpoint.name.split("-")[1])


def truncate(file):
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def flip_a_bit(file):
    data = bytearray(file.read_bytes())
    data[-100] ^= 0x10
    file.write_bytes(data)


if __name__ == "__main__":
    harness.main()
