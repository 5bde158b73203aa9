#!/usr/bin/env python3
"""Machines of a swarm are killed, frozen, cut off and restarted, and nothing is lost.

By hand, for ten minutes and twenty events: python3 tests/e2e/chaos_test.py --long [SEED]
"""

import sys
import time

import harness
from chaos import run_chaos
from machines import SwarmTest


class Chaos(SwarmTest):
    def test_two_minutes(self):
        run_chaos(self, seconds=70, events=6, seed=1, longest_freeze=8)


class LongChaos(SwarmTest):
    seed = 1

    def test_ten_minutes(self):
        run_chaos(self, seconds=600, events=20, seed=self.seed, longest_freeze=20)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--long":
        LongChaos.seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
        sys.argv = [sys.argv[0], "LongChaos"]
    else:
        sys.argv = [sys.argv[0], "Chaos"]
    harness.main()
