#!/usr/bin/env python3
"""`brigade doctor` and `brigade peers` on real nodes: what they find, and how to mend it."""

import json
import signal
import subprocess

import harness
import nat_lab
import statements
from machines import Machine, SwarmTest, free_port

PORT = 7070
EXPIRES = 6  # field of an invite


def doctor(machine, *flags):
    """Its exit code, and what it found by check."""
    run = machine.brigade("doctor", "--json", *flags)
    checks = [json.loads(line) for line in run.out.splitlines()]
    return run.code, {check["check"]: check for check in checks}


def peers(machine):
    run = machine.brigade("peers", "--json")
    return [json.loads(line) for line in run.out.splitlines()]


class Doctor(SwarmTest):
    def setUp(self):
        super().setUp()
        self.owner = Machine(self, "o")

    def owner_joins(self, announce=None):
        listen = f"127.0.0.1:{free_port()}"
        self.owner.join("mine", "--announce", announce or listen, listen=listen)
        self.owner.wait_for(lambda s: s["members"], 30, "the owner's node")
        run = self.owner.brigade("invite", "--swarm", "mine", "--uses", "any")
        self.assert_ended(run, 0)
        return run.out.strip()

    def assert_bad(self, check, found, remedy):
        self.assertEqual(check["verdict"], "bad", check)
        self.assertIn(found, check["found"])
        self.assertIn(remedy, check["remedy"])

    def test_three_healthy_nodes_and_one_that_stops(self):
        line = self.owner_joins()
        guests = [Machine(self, "a"), Machine(self, "b")]
        for guest in guests:
            guest.join(line)
        for machine in (self.owner, *guests):
            machine.wait_for_training()
            machine.wait_for(lambda s: len(s["members"]) == 3, 20, "all members known")
        # Whom it trains with is linked, and bytes travel; the owner has given some away.
        rows = peers(self.owner)
        self.assertEqual([row["stage"] for row in rows], [1, 2])
        self.assertTrue(rows[0]["is_linked"], rows)
        self.assertGreater(rows[0]["bytes_sent"], 32 * 32 * 4)
        self.assertGreater(rows[0]["round_trip_ms"], 0)
        self.assertEqual(rows[0]["codec"], "fp32")
        self.assertIsNotNone(rows[0]["held"])
        self.assertEqual(rows[0]["misdeeds"], 0)
        table = self.owner.brigade("peers").out.splitlines()
        self.assertEqual(len(table), 3, table)
        self.assertTrue(table[0].startswith("stage  peer"), table)

        for machine in (self.owner, *guests):
            code, found = doctor(machine)
            self.assertEqual((code, [c for c in found.values() if c["verdict"] == "bad"]), (0, []))
            self.assertEqual(found["process"]["verdict"], "ok")
            self.assertIn("training", found["phase"]["found"])
        text = self.owner.brigade("doctor").out
        self.assertIn("this machine\n", text)
        self.assertIn("nodes alive by stage: 1, 1, 1", text)
        self.assertIn("        → more nodes: brigade join", text)

        self.assertEqual(guests[0].stop(), 0)
        code, found = doctor(guests[0])
        self.assertEqual(code, 1)
        self.assert_bad(found["process"], "does not run", "brigaded --config")
        self.assertEqual(found["way in"]["verdict"], "ok")
        self.owner.wait_for(lambda s: len(s["members"]) == 2, 20, "the member that left gone")
        code, found = doctor(self.owner)
        self.assertEqual(code, 1)
        self.assert_bad(found["stages"], "nothing trains without stage", "--stage")

    def test_an_announced_address_where_nobody_listens_and_a_node_that_hangs(self):
        announced = f"127.0.0.1:{free_port()}"
        self.owner_joins(announced)
        code, found = doctor(self.owner)
        self.assertEqual(code, 1)
        # It listens for this machine alone: that is to be mended before the router's port.
        port = announced.rsplit(":", 1)[1]
        self.assert_bad(found["dialled"], announced, 'set listen = "0.0.0.0:7070"')
        self.assertIn(f"forward TCP and UDP port {port} of", found["dialled"]["remedy"])
        self.assertEqual(found["dialled"]["node"], self.owner.answer()["node"])
        self.assertTrue(found["dialled"]["socket"].endswith("control.sock"), found["dialled"])

        process = self.owner.process
        process.send_signal(signal.SIGSTOP)
        try:
            code, found = doctor(self.owner)
        finally:
            process.send_signal(signal.SIGCONT)
        self.assertEqual(code, 1)
        self.assert_bad(found["process"], f"process {process.pid} runs and does not answer", "kill")

    def test_a_node_that_can_not_start(self):
        line = self.owner_joins()
        guest = Machine(self, "a")
        prepared = self.folder / "a/node"
        self.assert_ended(guest.brigade("join", line, "--state", prepared, "--prepare",
                                        "--device", "cuda:7"), 0)
        code, found = doctor(guest, "--state", prepared)
        self.assertEqual(code, 1)
        self.assert_bad(found["device"], "cuda:7", 'device = "auto"')
        self.assertEqual(found["invite"]["verdict"], "ok")

        (prepared / "invite").write_text(self.ended(line))
        (prepared / "identity.pem").write_text("a key")
        (prepared / "identity.pem").chmod(0o644)
        code, found = doctor(guest, "--state", prepared)
        self.assert_bad(found["invite"], "ended at 2001", "brigade join LINE --state")
        self.assert_bad(found["key"], "0644", "chmod 600")

        self.owner.kill()
        code, found = doctor(guest, "--state", prepared)
        self.assert_bad(found["way in"], "0 of 1", "nc -vz 127.0.0.1")
        (prepared / "node.toml").write_text("thraeds = 3\n")
        code, found = doctor(guest, "--state", prepared)
        self.assertEqual(code, 1)
        self.assert_bad(found["settings"], "thraeds", "configuration.md")

    def test_nodes_that_rest_that_have_left_and_that_are_put_out(self):
        line = self.owner_joins()
        rests, is_out = Machine(self, "a"), Machine(self, "b")
        for guest in (rests, is_out):
            guest.join(line)
            guest.wait_for(lambda s: len(s["members"]) > 1, 30, "the owner's node known")
        self.assert_ended(rests.brigade("drain"), 0)
        _, found = doctor(rests)
        self.assertEqual(found["phase"]["verdict"], "note", found["phase"])
        self.assertIn("brigade resume --socket", found["phase"]["remedy"])
        self.assertIn("brigade resume --socket", found["stages"]["remedy"])
        node = found["phase"]["node"]
        self.assert_ended(rests.brigade("leave", "--now"), 0)
        rests.process.wait(timeout=20)
        _, found = doctor(rests)
        self.assertEqual((found["process"]["verdict"], found["process"]["node"]), ("note", node))
        self.assertIn("brigade join LINE --state", found["process"]["remedy"])

        node = is_out.answer()["node"]
        self.assert_ended(self.owner.brigade("swarm", "revoke", node, "--swarm", "mine",
                                             "--reason", "a test"), 0)
        self.assertEqual(is_out.process.wait(timeout=30), 1)
        code, found = doctor(is_out)
        self.assertEqual((code, found["process"]["node"]), (1, node))
        self.assert_bad(found["process"], "has revoked node", "ask the swarm's owner")

    def ended(self, line):
        """The same invite, signed by the same owner, that ended long ago."""
        fields = dict(statements.read_statement("invite v1", statements.from_line(line)))
        fields[EXPIRES] = 1_000_000_000
        content = statements.encode(sorted(fields.items()))
        pem = (self.folder / "mine/owner.pem").read_bytes()
        return statements.to_line(statements.sign(pem, "invite v1", content))

    def test_a_node_that_nobody_can_dial(self):
        """Others are told 127.0.0.1, where it does not listen."""
        line = self.owner_joins()
        guest = Machine(self, "a")
        guest.join(line, listen="127.0.0.2:0")
        guest.wait_for(lambda s: s["reach"] == "no", 40, "a member that could not dial it")
        _, found = doctor(guest)
        self.assertEqual(found["dialled"]["verdict"], "note")
        self.assertIn("nothing has to be done", found["dialled"]["remedy"])
        self.assertIn('set listen = "0.0.0.0:7070"', found["dialled"]["remedy"])
        self.assertIn("forward TCP and UDP port 7070 of", found["dialled"]["remedy"])

    def test_nodes_behind_real_routers(self):
        if not nat_lab.can_run():
            self.skipTest("needs root, ip and iptables")
        lab = nat_lab.NatLab(public=1, homes=2)
        self.addCleanup(lab.close)
        public, *homes = machines = [
            Machine(self, name, lambda words, of=of: lab.command(of, words))
            for name, of in zip("phq", lab.machines)]
        address = f"{lab.machines[0][1]}:{PORT}"
        public.join("mine", "--stage", 2, "--announce", address, listen=f"0.0.0.0:{PORT}")
        public.wait_for(lambda s: s["members"], 30, "the public node")
        run = public.brigade("invite", "--swarm", "mine", "--uses", 2)
        self.assert_ended(run, 0)
        for stage, home in enumerate(homes):
            home.join(run.out.strip(), "--stage", stage, listen=f"0.0.0.0:{PORT}")
        for home in homes:
            home.wait_for_training()
            home.wait_for(lambda s: s["reach"] == "no", 40, "a member that could not dial it")
        relay = public.answer()["node"]
        for machine, stage in ((homes[0], 1), (homes[1], 0)):  # both ends know the way
            other = next(row for row in peers(machine) if row["stage"] == stage)
            self.assertEqual((other["is_linked"], other["relay"]), (True, relay))
        words = lab.command(lab.machines[1], [harness.BRIGADE, "doctor"])
        shown = subprocess.run(words, env=homes[0].environment(), capture_output=True, text=True,
                               timeout=60, check=False)
        for machine in machines:
            machine.kill()
        self.assertEqual(shown.returncode, 0, shown.stdout)
        self.assertIn(f"links are dialled out, some through {relay[:8]}", shown.stdout)
        self.assertIn(f"forward TCP and UDP port {PORT} of the router to {lab.machines[1][1]}",
                      shown.stdout)


if __name__ == "__main__":
    harness.main()
