#!/usr/bin/env python3
"""What daemons do once in a blue moon, and how the CLI takes it: the daemons here are fake."""

import os
import shutil
import signal

import harness

FAKE = harness.BIN / "fake_brigaded"


class DaemonFaults(harness.EndToEndTest):
    def setUp(self):
        super().setUp()
        # The CLI looks for its daemon beside itself.
        programs = self.folder / "bin"
        programs.mkdir()
        shutil.copy(harness.BRIGADE, programs / "brigade")
        shutil.copy(FAKE, programs / "brigaded")
        self.program = programs / "brigade"

    def tearDown(self):
        os.environ.pop("FAKE_BRIGADED", None)
        super().tearDown()

    def start_with(self, fault, steps=0):
        os.environ["FAKE_BRIGADED"] = fault
        return self.start(*self.small_run("out", "--stages", 2, "--steps", steps),
                          program=self.program)

    def pids(self):
        return harness.wait_until(lambda: len(d := self.daemons("out")) == 2 and d, 20, "pids")

    def test_a_taken_port_is_tried_again_with_another(self):
        run = self.finish(self.start_with("clash", steps=30))
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(self.events("out", "done")[0]["microbatches"], 30)

    def test_a_node_that_is_blocked_ends_the_run_with_its_reason(self):
        run = self.finish(self.start_with("blocked"))
        self.assert_one_line(run, 1, "stage 1", "no checkpoint that all stages have", "--resume")

    def test_a_crash_names_stage_and_signal(self):
        run = self.finish(self.start_with("crash"))
        self.assert_one_line(run, 1, "stage 1", "SIGSEGV", "--resume")
        self.assert_gone(self.daemons("out").values(), seconds=0.1)

    def test_a_daemon_that_leaves_unasked_ends_the_run(self):
        run = self.finish(self.start_with("leave"))
        self.assert_one_line(run, 1, "stage 1", "exited with code 0", "--resume")

    def test_a_second_ctrl_c_does_not_wait_for_a_daemon_that_hangs(self):
        process = self.start_with("hang")
        pids = self.pids()
        harness.interrupt(process)
        harness.wait_until(lambda: not harness.is_alive(pids[0]), 10, "the end of stage 0")
        self.assertTrue(harness.is_alive(pids[1]))
        harness.time.sleep(0.3)  # two wishes, not one that came twice
        harness.interrupt(process)
        run = self.finish(process, timeout=10)
        self.assert_ended(run, 130)
        self.assertIn("the last checkpoint counts", run.out)
        self.assert_gone(pids.values(), seconds=1)

    def test_two_signals_at_once_are_one_wish(self):
        process = self.start_with("")
        self.pids()
        harness.interrupt(process)
        process.send_signal(signal.SIGTERM)
        run = self.finish(process)
        self.assert_ended(run, 130)
        self.assertIn("state saved", run.out)


if __name__ == "__main__":
    harness.main()
