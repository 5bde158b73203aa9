#!/usr/bin/env python3
"""The link emulator on a real kernel: what TCP and UDP see is what the links were told to be."""

import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import netlab

SKIPPED = 77

ECHO_UDP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
"""

# Arguments: address, how many, seconds between. Prints one round trip in ms a line, or `lost`.
PING_UDP = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 7))
s.settimeout(1)
for number in range(int(sys.argv[2])):
    start = time.monotonic()
    s.send(str(number).encode())
    try:
        while int(s.recv(100)) != number: pass
        print((time.monotonic() - start) * 1000, flush=True)
    except TimeoutError:
        print("lost", flush=True)
    time.sleep(float(sys.argv[3]))
"""

ECHO_TCP = """
import socket
listener = socket.create_server(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    s, _ = listener.accept()
    while data := s.recv(65536):
        if len(data) < 100: s.sendall(data)
    s.close()
"""

PING_TCP = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7), timeout=20)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for number in range(int(sys.argv[2])):
    start = time.monotonic()
    s.sendall(b"x")
    s.recv(1)
    print((time.monotonic() - start) * 1000, flush=True)
    time.sleep(float(sys.argv[3]))
"""

# Arguments: address, seconds. The other side only reads, so what is counted went through the link.
SEND_TCP = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7), timeout=20)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    s.sendall(bytes(65536))
"""

SEND_UDP = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    for _ in range(5): s.sendto(bytes(1400), (sys.argv[1], 9))
    time.sleep(0.001)
"""


def is_there(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for: {what}")
        time.sleep(0.02)


class WithLab(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Netlab(["a", "b", "c"])
        self.addCleanup(self.lab.close)

    def start(self, node, code, *arguments):
        process = subprocess.Popen(
            self.lab.command(node, [sys.executable, "-c", code, *arguments]),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def serve(self, node, code):
        process = self.start(node, code)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def pings(self, code, count, pause=0.01):
        """Round trips in ms from a to b; None where nothing came back."""
        process = self.start("a", code, self.lab.address("b"), str(count), str(pause))
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        return [None if line == "lost" else float(line) for line in out.split()]

    def assert_took(self, pings, round_trip):
        """The quickest shows what the link does, the median that this is the rule: what a busy
        machine adds to single ones is not the link's."""
        least, median = min(pings), statistics.median(pings)
        print(f"{round_trip} ms asked, least {least:.2f} ms, median {median:.2f} ms")
        self.assertGreater(least, round_trip - 0.1)
        self.assertLess(least, 1.05 * round_trip)
        self.assertLess(median, round_trip + 10)

    def rate(self, seconds):
        """Mbit/s that come out at b, of whole packets, over some seconds in the middle."""
        def delivered():
            return self.lab.counters()["a", "b"]["delivered_bytes"], time.monotonic()
        wait_until(lambda: ("a", "b") in self.lab.counters(), 10, "the first packet")
        time.sleep(1)
        bytes_before, before = delivered()
        time.sleep(seconds)
        bytes_after, after = delivered()
        return (bytes_after - bytes_before) * 8 / (after - before) / 1e6


class Links(WithLab):
    def test_a_udp_round_trip_takes_what_the_link_was_told(self):
        self.serve("b", ECHO_UDP)
        for round_trip in (20, 100):
            self.lab.link("a", "b", delay=f"{round_trip / 2}ms")
            self.assert_took(self.pings(PING_UDP, 30), round_trip)

    def test_a_tcp_round_trip_takes_what_the_link_was_told(self):
        self.serve("b", ECHO_TCP)
        self.lab.link("a", "b", delay="25ms")
        self.assert_took(self.pings(PING_TCP, 30), 50)

    def test_each_direction_has_its_own_delay(self):
        self.serve("b", ECHO_UDP)
        self.lab.ask("link a>b delay 10ms")
        self.lab.ask("link b>a delay 50ms")
        self.assert_took(self.pings(PING_UDP, 20), 60)

    def test_tcp_fills_the_rate_of_its_link_and_no_more(self):
        self.serve("b", ECHO_TCP)
        self.lab.link("a", "b", delay="10ms", rate="20mbit")
        self.start("a", SEND_TCP, self.lab.address("b"), "20")
        found = self.rate(4)
        print(f"TCP: 20 Mbit/s asked, {found:.2f} Mbit/s came out")
        self.assertLess(abs(found - 20), 2)

    def test_a_rate_that_halves_while_running_is_obeyed_at_once(self):
        self.serve("b", ECHO_TCP)
        self.lab.link("a", "b", delay="10ms", rate="20mbit")
        self.start("a", SEND_TCP, self.lab.address("b"), "20")
        self.rate(0.5)
        self.lab.link("a", "b", rate="10mbit")
        found = self.rate(3)
        print(f"TCP: halved to 10 Mbit/s, {found:.2f} Mbit/s came out")
        self.assertLess(abs(found - 10), 1)

    def test_udp_beyond_the_rate_is_dropped_at_the_tail(self):
        self.lab.link("a", "b", rate="10mbit", queue="30kB")
        self.start("a", SEND_UDP, self.lab.address("b"), "20")
        found = self.rate(2)
        count = self.lab.counters()["a", "b"]
        self.assertLess(abs(found - 10), 1)
        self.assertGreater(count["overflowed"], 0)
        self.assertLessEqual(count["queue_peak_bytes"], 30_000)

    def test_loss_is_as_often_as_asked(self):
        self.lab.link("a", "b", loss="10%")
        self.start("a", SEND_UDP, self.lab.address("b"), "3")
        wait_until(lambda: self.lab.counters().get(("a", "b"), {"packets": 0})["packets"] > 4000,
                   20, "enough packets")
        count = self.lab.counters()["a", "b"]
        self.assertLess(abs(count["lost"] / count["packets"] - 0.1), 0.02)

    def test_a_partition_cuts_and_a_heal_heals(self):
        self.serve("b", ECHO_UDP)
        self.assertNotIn(None, self.pings(PING_UDP, 3))
        self.lab.partition("a", "b")
        self.assertEqual(self.pings(PING_UDP, 2), [None, None])
        self.assertGreater(self.lab.counters()["a", "b"]["cut"], 0)
        self.lab.heal("a", "b")
        self.assertNotIn(None, self.pings(PING_UDP, 3))

    def test_a_tcp_connection_survives_a_short_partition(self):
        self.serve("b", ECHO_TCP)
        pings = self.start("a", PING_TCP, self.lab.address("b"), "20", "0.05")
        pings.stdout.readline()
        self.lab.partition("*", "*")
        time.sleep(0.5)
        self.lab.heal("*", "*")
        out, _ = pings.communicate(timeout=30)
        took = list(map(float, out.split()))
        self.assertEqual(len(took), 19)
        self.assertGreater(max(took), 300)

    def test_a_timed_command_takes_effect_at_its_time(self):
        self.lab.close()
        self.lab = netlab.Netlab(["a", "b"], script="at 2.5 link a b delay 40ms")
        self.addCleanup(self.lab.close)
        start = time.monotonic()
        self.serve("b", ECHO_UDP)
        self.assertLess(self.pings(PING_UDP, 1)[0], 20)
        time.sleep(max(0, 3 - (time.monotonic() - start)))
        self.assertGreater(self.pings(PING_UDP, 1)[0], 78)

    def test_a_wrong_command_is_refused_with_its_reason(self):
        with self.assertRaisesRegex(netlab.NetlabError, "delay 5: must be a time"):
            self.lab.link("a", "b", delay=5)
        with self.assertRaisesRegex(netlab.NetlabError, "z: there is no node"):
            self.lab.partition("a", "z")


class Lifetime(unittest.TestCase):
    """Nothing is left behind, however it ends."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="brigade-netlab-")
        self.addCleanup(self.folder.cleanup)
        self.scenario = pathlib.Path(self.folder.name) / "two.toml"
        self.scenario.write_text('nodes = "left right"\nscript = "link left right delay 5ms"\n')

    def run_lab(self, *arguments, timeout=30):
        return subprocess.run([netlab.program(), self.scenario, *arguments], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=timeout, check=False)

    def start_lab(self, *arguments):
        process = subprocess.Popen([netlab.program(), self.scenario, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def sleeper(self):
        """The unique argument of a program that is easy to find."""
        return f"{4000 + os.getpid()}.{time.monotonic_ns() % 1000000}"

    def sleepers(self, mark):
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", mark.encode()]:
                found.append(int(entry.parent.name))
        return found

    def test_the_exit_code_is_that_of_the_command(self):
        self.assertEqual(self.run_lab("--", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.run_lab("--", "sh", "-c", "kill -9 $$").returncode, 137)
        self.assertEqual(self.run_lab("--", "no-such-program").returncode, 127)
        self.assertEqual(self.run_lab("--in", "middle", "--", "true").returncode, 1)
        self.assertEqual(self.run_lab("--speed", "5").returncode, 2)

    def test_a_command_finds_its_nodes_by_name_and_the_counters_come_last(self):
        run = self.run_lab("--", "ip", "netns", "exec", "left", sys.executable, "-c",
                           "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                           "s.sendto(b'x', ('10.77.0.2', 9))\nimport time; time.sleep(0.1)")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stderr, r"pair left>right packets 1 ")
        self.assertRegex(run.stderr, r"pair right>left packets 1 ")  # nobody listens: ICMP

    def test_a_command_can_run_inside_a_node(self):
        run = self.run_lab("--quiet", "--in", "right", "--", "ip", "-brief", "address", "show",
                           "tun0")
        self.assertIn("10.77.0.2/24", run.stdout)
        self.assertEqual(run.stderr, "")

    def test_orphans_of_the_command_end_with_it(self):
        mark = self.sleeper()
        run = self.run_lab("--", "sh", "-c", f"setsid sleep {mark} & sleep 0.2")
        self.assertEqual(run.returncode, 0)
        self.assertEqual(self.sleepers(mark), [])

    def check_that_it_ends(self, how, code):
        mark = self.sleeper()
        process = self.start_lab("--", "sh", "-c",
                                 f"ip netns exec left sleep {mark} & echo up; sleep {mark}")
        self.assertEqual(process.stdout.readline(), "up\n")
        wait_until(lambda: len(self.sleepers(mark)) == 2, 10, "two programs")
        process.send_signal(how)
        self.assertEqual(process.wait(timeout=20), code)
        wait_until(lambda: self.sleepers(mark) == [], 5, "the end of all programs")

    def test_sigterm_ends_everything(self):
        self.check_that_it_ends(signal.SIGTERM, 143)

    def test_ctrl_c_ends_everything(self):
        self.check_that_it_ends(signal.SIGINT, 143)

    def test_even_sigkill_leaves_nothing_behind(self):
        self.check_that_it_ends(signal.SIGKILL, -signal.SIGKILL)

    def test_programs_in_the_nodes_end_when_the_lab_does(self):
        mark = self.sleeper()
        lab = netlab.Netlab(["a", "b"])
        inside = subprocess.Popen(lab.command("a", ["sleep", mark]))
        wait_until(lambda: self.sleepers(mark), 10, "a program")
        lab.close()
        self.assertEqual(inside.wait(timeout=5), -signal.SIGKILL)
        self.assertFalse(is_there(lab.pid()))

    def test_a_socket_takes_commands_while_a_command_runs(self):
        path = pathlib.Path(self.folder.name) / "control"
        code = ("import os, socket\n"
                "s = socket.socket(socket.AF_UNIX)\n"
                "s.connect(os.environ['BRIGADE_NETLAB_CONTROL'])\n"
                "f = s.makefile('rw')\n"
                "print('partition left right\\nheal left nobody\\nnodes', file=f, flush=True)\n"
                "for _ in range(5): print(f.readline().strip())\n")
        run = self.run_lab("--quiet", "--control", path, "--", sys.executable, "-c", code)
        self.assertRegex(run.stdout, r"\Aok\nerror: nobody: .*\nnode left 10.77.0.1 .*\n"
                                     r"node right 10.77.0.2 .*\nok\n\Z")
        self.assertFalse(path.exists())


if __name__ == "__main__":
    if (missing := netlab.why_not()) is not None:
        print(f"SKIPPED: the link emulator was not tested: {missing}", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
