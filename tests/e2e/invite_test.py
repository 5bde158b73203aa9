#!/usr/bin/env python3
"""Making a swarm and inviting to it, and what can go wrong with files, flags and pasted lines."""

import errno
import json
import os
import subprocess
import time
import unittest

import harness
import statements

SWARM = """
name = "tiny-stories"
stages = 3
[model]
context = 32
width = 32
blocks = 4
heads = 2
[data]
train = "data/train.bin"
[run]
steps = 5000
context = 32
"""
NODE = "ab" * 32
DAY_S = 86_400


class SwarmTest(harness.EndToEndTest):
    def setUp(self):
        super().setUp()
        (self.folder / "swarm.toml").write_text(SWARM)

    def create(self, out="mine"):
        self.assert_ended(self.brigade("swarm", "create", "swarm.toml", "--out", out), 0)
        return self.folder / out

    def invite(self, *flags, swarm="mine"):
        """The line."""
        run = self.brigade("invite", "--swarm", swarm, *flags)
        self.assert_ended(run, 0)
        return run.out

    def show(self, line):
        """What --json says of it."""
        run = self.brigade("invite", "show", "--json", line)
        self.assert_ended(run, 0)
        return json.loads(run.out)


class Create(SwarmTest):
    def test_a_swarm_is_made_in_a_folder_of_its_name_and_can_be_shown(self):
        run = self.brigade("swarm", "create", "swarm.toml")
        self.assert_ended(run, 0)
        self.assertIn("brigade invite --swarm tiny-stories", run.out)
        folder = self.folder / "tiny-stories"
        self.assertEqual(sorted(os.listdir(folder)), ["owner.pem", "swarm.signed"])
        self.assertEqual((folder / "owner.pem").stat().st_mode & 0o777, 0o600)
        for path in ("tiny-stories", "tiny-stories/swarm.signed"):
            shown = self.brigade("swarm", "show", path)
            self.assert_ended(shown, 0)
            for part in ("tiny-stories", "3, with ", "4 blocks of width 32", "nesterov", "5,000"):
                self.assertIn(part, shown.out)
        said = json.loads(self.brigade("swarm", "show", "tiny-stories", "--json").out)
        self.assertIn(said["swarm_id"], run.out)
        self.assertEqual((said["swarm"], said["stages"], said["revision"]), ("tiny-stories", 3, 1))
        self.assertEqual(sum(said["split"]), 4)
        self.assertLess(abs(said["created_unix_s"] - time.time()), 60)
        self.assertIn('train = "data/train.bin"', said["swarm_toml"])

    def test_nothing_is_overwritten(self):
        folder = self.create()
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        run = self.brigade("swarm", "create", "swarm.toml", "--out", "mine")
        self.assert_one_line(run, 1, "mine", "already", "--out")
        self.assertEqual({file.name: file.read_bytes() for file in folder.iterdir()}, before)

    def test_a_swarm_toml_that_is_wrong_makes_nothing(self):
        for text, part in (("stages = 9\n", "stages"), ("stages = \"x\"\n", "swarm.toml:1"),
                           ("[model\n", "swarm.toml:1"), ("widht = 1\n", "widht")):
            (self.folder / "swarm.toml").write_text(text)
            run = self.brigade("swarm", "create", "swarm.toml", "--out", "mine")
            self.assert_one_line(run, 1, "swarm.toml", part)
        self.assert_one_line(self.brigade("swarm", "create", "nothing.toml"), 1, "nothing.toml")
        self.assert_one_line(self.brigade("swarm", "create", self.folder), 1, self.folder)
        self.assertFalse((self.folder / "mine").exists())

    def test_a_path_of_this_machine_is_pointed_out(self):
        (self.folder / "swarm.toml").write_text(SWARM.replace("data/", "/data/"))
        run = self.brigade("swarm", "create", "swarm.toml")
        self.assert_ended(run, 0)
        self.assertIn("note: ", run.err)
        self.assertIn("/data/train.bin", run.err)

    def test_a_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("x")
        for out in ("file", "file/mine", "/proc/mine"):
            run = self.brigade("swarm", "create", "swarm.toml", "--out", out)
            self.assert_one_line(run, 1, out.split("/mine")[0])

    @unittest.skipUnless(os.geteuid() == 0, "SKIPPED: mounting a small tmpfs needs root")
    def test_a_full_disk_leaves_nothing_behind(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"SKIPPED: mount: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        for free in (0, 4096):  # no room for the key; room for the key alone
            with open(disk / "ballast", "wb", buffering=0) as file:
                with self.assertRaises(OSError) as full:
                    while True:
                        file.write(b"x" * 4096)
                self.assertEqual(full.exception.errno, errno.ENOSPC)
                file.truncate(file.tell() - free)
            run = self.brigade("swarm", "create", "swarm.toml", "--out", "disk/mine")
            self.assert_one_line(run, 1, "disk/mine", "No space left on device")
            self.assertEqual(os.listdir(disk), ["ballast"])
        (disk / "ballast").unlink()
        self.create("disk/mine")


class Show(SwarmTest):
    def test_what_is_no_description_or_not_the_owners_is_refused(self):
        self.assert_one_line(self.brigade("swarm", "show"), 1, "no swarm here")
        self.assert_one_line(self.brigade("swarm", "show", "swarm.toml"), 1, "swarm.toml")
        file = self.create() / "swarm.signed"
        sound = file.read_bytes()
        for damaged in (sound[:-1], sound + b"x", sound.replace(b"tiny", b"tidy"), b""):
            file.write_bytes(damaged)
            self.assert_one_line(self.brigade("swarm", "show", "mine"), 1, "swarm.signed")
            self.assert_one_line(self.brigade("invite", "--swarm", "mine"), 1, "swarm.signed")

    def test_a_description_of_a_later_brigade_says_what_to_do(self):
        pem = (self.create() / "owner.pem").read_bytes()
        content = statements.encode([(1, statements.public_key(pem)), (2, b"n" * 16), (3, 1),
                                     (4, 5), (5, b"[new]\n\"\x1b[2J\" = 1\n")])
        (self.folder / "new.signed").write_bytes(
            statements.sign(pem, "swarm description v1", content))
        run = self.brigade("swarm", "show", "new.signed")
        self.assert_one_line(run, 1, "new.signed", "update it")
        self.assertNotIn("\x1b", run.err)


class Invite(SwarmTest):
    def test_stdout_has_the_line_and_nothing_else(self):
        self.create()
        run = self.brigade("invite", "--swarm", "mine", "--uses", 5, "--expires", "7d",
                           "--contact", f"{NODE}@203.0.113.7:7070", "--contact",
                           f"{NODE}@[2001:db8::1]:7070")
        self.assert_ended(run, 0)
        self.assertRegex(run.out, r"^brigade1-[A-Za-z0-9_-]+\n$")
        self.assertIn("5 nodes may join with it", run.err)
        said = self.show(run.out)
        self.assertEqual((said["swarm"], said["uses"]), ("tiny-stories", 5))
        self.assertEqual(said["expires_unix_s"] - said["created_unix_s"], 7 * DAY_S)
        self.assertFalse(said["is_expired"])
        self.assertEqual(said["contacts"], [{"node": NODE, "address": "203.0.113.7:7070"},
                                            {"node": NODE, "address": "[2001:db8::1]:7070"}])
        described = json.loads(self.brigade("swarm", "show", "mine", "--json").out)
        self.assertEqual((said["swarm_id"], said["owner_key"]),
                         (described["swarm_id"], described["owner_key"]))

    def test_by_default_one_node_may_join_within_thirty_days(self):
        self.create()
        run = self.brigade("invite", "--swarm", "mine")
        self.assertIn("--contact", run.err)  # it names nobody to dial
        said = self.show(run.out)
        self.assertEqual(said["uses"], 1)
        self.assertEqual(said["expires_unix_s"] - said["created_unix_s"], 30 * DAY_S)
        open_ended = self.show(self.invite("--uses", "any", "--expires", "never"))
        self.assertIsNone(open_ended["uses"])
        self.assertIsNone(open_ended["expires_unix_s"])
        self.assertNotEqual(said["invite"], open_ended["invite"])

    def test_wrong_flags_are_exit_2_and_name_the_flag(self):
        self.create()
        contact = f"{NODE}@host:7070"
        for flag, value in (("--uses", 0), ("--uses", "many"), ("--expires", "30"),
                            ("--expires", "-1d"), ("--contact", "host:7070"),
                            ("--contact", f"{NODE}@host"), ("--contact", f"{NODE}@host:0")):
            run = self.brigade("invite", "--swarm", "mine", f"{flag}={value}")
            self.assert_one_line(run, 2, flag, value)
            self.assertEqual(run.out, "")
        many = [f"--contact={contact}"] * 9
        self.assert_one_line(self.brigade("invite", "--swarm", "mine", *many), 2, "--contact", "8")
        self.assert_one_line(self.brigade("invite", "--uses", 2, "show", "x"), 2, "--uses")
        self.assert_one_line(self.brigade("invite", "show"), 2, "LINE")
        self.assert_one_line(self.brigade("swarm", "create"), 2, "FILE")
        self.assert_one_line(self.brigade("swarm"), 2, "--help")

    def test_only_the_owners_key_that_nobody_else_can_read_signs(self):
        key = self.create() / "owner.pem"
        other = self.create("other") / "owner.pem"
        key.chmod(0o644)
        self.assert_one_line(self.brigade("invite", "--swarm", "mine"), 1, "mine/owner.pem", "0644",
                             "chmod 600")
        key.unlink()
        self.assert_one_line(self.brigade("invite", "--swarm", "mine"), 1, "mine/owner.pem")
        other.rename(key)
        self.assert_one_line(self.brigade("invite", "--swarm", "mine"), 1, "mine/owner.pem",
                             "not the key of this swarm's owner")
        key.write_text("")
        self.assert_one_line(self.brigade("invite", "--swarm", "mine"), 1, "mine/owner.pem",
                             "no Ed25519 private key")
        self.assert_one_line(self.brigade("invite"), 1, "no swarm here")

    def test_a_line_that_cannot_be_written_is_a_failure(self):
        self.create()
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([str(harness.BRIGADE), "invite", "--swarm", "mine"],
                                  cwd=self.folder, stdout=full, stderr=subprocess.PIPE, text=True,
                                  check=False)
        run = harness.Run(done.returncode, "", done.stderr, 0)
        self.assert_one_line(run, 1, "No space left on device")


class ShowInvite(SwarmTest):
    def refused(self, line, part):
        self.assert_one_line(self.brigade("invite", "show", "-", typed=line), 1, part)

    def test_a_line_is_read_from_stdin_or_as_a_chat_broke_it(self):
        self.create()
        line = self.invite().strip()
        self.assertIn("tiny-stories", self.brigade("invite", "show", line).out)
        broken = f"  {line[:50]}\r\n\t{line[50:]}\n"
        for run in (self.brigade("invite", "show", "-", typed=broken),
                    self.brigade("invite", "show", line[:50], line[50:])):
            self.assert_ended(run, 0)
            self.assertIn("1 node may join with it", run.out)

    def test_a_line_that_was_damaged_is_refused_with_what_to_do(self):
        self.create()
        line = self.invite().strip()
        self.refused(line[:-1], "copy the whole line again")
        self.refused(line[:40] + ("A" if line[40] != "A" else "B") + line[41:], "mistyped")
        self.refused(line.replace("brigade1", "brigade2"), "newer")
        self.refused("hello", "no invite")
        self.refused("", "no invite")
        self.refused(line * 100, "no invite")


class SecondImplementation(SwarmTest):
    def test_what_brigade_signs_is_what_the_protocol_says(self):
        folder = self.create()
        pem = (folder / "owner.pem").read_bytes()
        said = json.loads(self.brigade("swarm", "show", "mine", "--json").out)
        description = dict(statements.read_statement("swarm description v1",
                                                     (folder / "swarm.signed").read_bytes()))
        key, nonce = description[1], description[2]
        self.assertEqual(key, statements.public_key(pem))
        self.assertEqual(statements.swarm_id(key, nonce).hex(), said["swarm_id"])
        self.assertEqual(description[5].decode(), said["swarm_toml"])

        line = self.invite("--uses", 7, "--contact", f"{NODE}@host:7070")
        fields = statements.read_statement("invite v1", statements.from_line(line))
        shown = self.show(line)
        self.assertEqual([number for number, _ in fields], [1, 2, 3, 4, 5, 6, 7, 8])
        invite = dict(fields)
        self.assertEqual((invite[1], invite[2], invite[3].hex()), (key, nonce, shown["invite"]))
        self.assertEqual((invite[4], invite[7]), (b"tiny-stories", 7))
        self.assertEqual((invite[5], invite[6]), (shown["created_unix_s"],
                                                  shown["expires_unix_s"]))
        self.assertEqual(statements.decode(invite[8]), [(1, bytes.fromhex(NODE)),
                                                        (2, b"host:7070")])

    def test_what_another_implementation_signs_is_understood(self):
        pem = (self.create() / "owner.pem").read_bytes()
        stranger = (self.create("strange") / "owner.pem").read_bytes()
        key = statements.public_key(pem)
        fields = [(1, key), (2, b"n" * 16), (3, b"i" * 16), (4, b"elsewhere"), (5, 1_700_000_000),
                  (6, 1_700_086_400), (7, 3)]
        content = statements.encode(fields)
        line = statements.to_line(statements.sign(pem, "invite v1", content))
        said = self.show(line)
        self.assertEqual((said["swarm"], said["uses"], said["is_expired"]), ("elsewhere", 3, True))
        self.assertEqual(said["swarm_id"], statements.swarm_id(key, b"n" * 16).hex())
        self.assertIn("expired, 2023-11-15", self.brigade("invite", "show", line).out)

        forged = statements.sign(stranger, "invite v1", content)
        self.assert_one_line(self.brigade("invite", "show", statements.to_line(forged)), 1,
                             "forged")
        rude = statements.encode([*fields[:3], (4, b"\x1b[2J"), *fields[4:]])
        run = self.brigade("invite", "show",
                           statements.to_line(statements.sign(pem, "invite v1", rude)))
        self.assert_one_line(run, 1, "ask for a new one")


class Revoke(SwarmTest):
    def owned(self):
        pem = (self.create() / "owner.pem").read_bytes()
        description = dict(statements.read_statement(
            "swarm description v1", (self.folder / "mine/swarm.signed").read_bytes()))
        return pem, [(1, description[1]), (2, description[2])]

    def test_another_implementation_understands_what_is_signed(self):
        _, origin = self.owned()
        line = self.invite()
        for words in ([NODE, "--reason", "too slow – sorry"], [line.strip()]):
            run = self.brigade("swarm", "revoke", *words, "--swarm", "mine", "--json")
            self.assert_ended(run, 0)
            self.assertIsNone(json.loads(run.out)["told"])
            self.assertIn("nobody is told yet", run.err)
        file = statements.decode((self.folder / "mine/revocations").read_bytes())
        self.assertEqual([number for number, _ in file], [1, 1])
        node, invite = (statements.read_statement("revocation v1", one) for _, one in file)
        self.assertEqual(node[:3], [*origin, (3, bytes.fromhex(NODE))])
        self.assertEqual(node[4], (6, "too slow – sorry".encode()))
        self.assertEqual(invite[:3], [*origin, (4, bytes.fromhex(self.show(line)["invite"]))])
        self.assertIn(f"revoked   node {NODE}, ", self.brigade("swarm", "show", "mine").out)

    def test_what_another_implementation_signs_is_understood(self):
        pem, origin = self.owned()
        content = statements.encode([*origin, (3, bytes.fromhex(NODE)), (5, 1_700_000_000)])
        signed = statements.sign(pem, "revocation v1", content)
        (self.folder / "mine/revocations").write_bytes(statements.encode([(1, signed)]))
        said = json.loads(self.brigade("swarm", "show", "mine", "--json").out)
        self.assertEqual(said["revoked"],
                         [{"node": NODE, "revoked_unix_s": 1_700_000_000, "reason": ""}])
        stranger = (self.create("strange") / "owner.pem").read_bytes()
        forged = statements.sign(stranger, "revocation v1", content)
        (self.folder / "mine/revocations").write_bytes(statements.encode([(1, forged)]))
        self.assert_one_line(self.brigade("swarm", "show", "mine"), 1, "mine/revocations",
                             "has not signed")

    def test_what_makes_no_sense_is_refused_and_nothing_is_signed(self):
        self.owned()
        self.create("other")
        revoke = ("swarm", "revoke", "--swarm", "mine")
        for who, part in ((NODE[:8], "all 64 digits"), ("somebody", "must be a node's id"),
                          (NODE[:63], "all 64 digits"), (self.invite()[:50], "cut"),
                          (self.invite(swarm="other").strip(), "another swarm")):
            self.assert_one_line(self.brigade(*revoke, NODE, who), 1, part)
        self.assert_one_line(self.brigade(*revoke, NODE, "--reason", "two\nlines"), 1, "one line")
        self.assert_one_line(self.brigade(*revoke, NODE, "--reason", "x" * 201), 1, "200")
        self.assert_one_line(self.brigade(*revoke, NODE, "--socket", "nowhere"), 1, "nowhere")
        self.assert_one_line(self.brigade(*revoke), 2, "NODE_OR_INVITE")
        self.assertFalse((self.folder / "mine/revocations").exists())


class Help(harness.EndToEndTest):
    def test_help_is_instant_and_has_examples(self):
        for words in (["swarm"], ["swarm", "create"], ["swarm", "show"], ["swarm", "revoke"],
                      ["invite"], ["invite", "show"]):
            best = min((self.brigade(*words, "--help") for _ in range(5)), key=lambda r: r.seconds)
            self.assert_ended(best, 0)
            self.assertLess(best.seconds, 0.25)
            self.assertIn("Example", best.out)
            self.assertLessEqual(max(map(len, best.out.splitlines())), 100)


if __name__ == "__main__":
    harness.main()
