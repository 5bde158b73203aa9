#!/usr/bin/env python3
"""Machines of a swarm are killed, frozen, cut off and restarted, and nothing is lost.

By hand: python3 tests/e2e/chaos_test.py LongChaos.test_ten_minutes, LongChaos.test_final_loss or
LongChaos.test_split; SEED=n draws other events. Where there is no root no cable is pulled, and
there is no split.
"""

import os
import sys
import unittest

import harness
import nat_lab
from chaos import compare_losses, run_chaos, run_split
from machines import SwarmTest


class Chaos(SwarmTest):
    def test_a_minute(self):
        run_chaos(self, seconds=70, events=6, seed=int(os.environ.get("SEED", "1")),
                  longest_freeze=8)


class LongChaos(SwarmTest):
    def test_ten_minutes(self):
        run_chaos(self, seconds=600, events=20, seed=int(os.environ.get("SEED", "1")),
                  longest_freeze=20)

    def test_final_loss(self):
        compare_losses(self, seeds=(1, 2, 3), steps=int(os.environ.get("STEPS", "30000")))

    @unittest.skipUnless(nat_lab.can_run(), "needs root, ip and iptables")
    def test_split(self):
        run_split(self, seconds=60)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.argv.append("Chaos")
    harness.main()
