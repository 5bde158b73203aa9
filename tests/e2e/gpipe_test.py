#!/usr/bin/env python3
"""Splitting a model changes nothing but where it computes: gpipe gives the same losses at any P."""

import harness

STEPS = 50
TOLERANCE = 1e-5


class Gpipe(harness.EndToEndTest):
    def losses(self, stages):
        run = self.brigade(*self.small_run(
            f"p{stages}", "--stages", stages, "--method", "gpipe", "--accumulate", 4, "--clip",
            "off", "--steps", STEPS, "--lr", "3e-3", "--seed", 5, blocks=8))
        self.assert_ended(run, 0)
        steps = self.events(f"p{stages}", "step")
        self.assertEqual([step["microbatch"] for step in steps], list(range(1, STEPS + 1)))
        return [step["loss"] for step in steps] + [self.events(f"p{stages}", "done")[0]["val_loss"]]

    def test_any_number_of_stages_gives_the_losses_of_one(self):
        whole = self.losses(1)
        self.assertLess(whole[-1], whole[0] - 0.3)  # it did learn
        for stages in (2, 4, 8):
            split = self.losses(stages)
            worst = max(abs(a - b) for a, b in zip(whole, split, strict=True))
            print(f"P={stages}: largest difference to P=1 over {STEPS} micro-batches: {worst:.2e}")
            self.assertLess(worst, TOLERANCE)


if __name__ == "__main__":
    harness.main()
