#!/usr/bin/env python3
"""Bad input: one clear line, the exit code of the contract, nothing lost."""

import errno
import os
import pathlib
import socket
import struct
import subprocess
import unittest

import harness


def fill(ballast):
    """All that is left of its disk, while others write there, too."""
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


class BadFlags(harness.EndToEndTest):
    def assert_usage(self, *arguments, parts=()):
        self.assert_one_line(self.brigade(*arguments), 2, *parts)

    def test_wrong_usage_is_exit_2_and_names_the_flag(self):
        self.assert_usage("local", "--stepz", 4, parts=["--stepz", "--steps"])
        self.assert_usage("local", "--steps", "many", parts=["--steps", "many"])
        self.assert_usage("local", "--steps", parts=["--steps"])
        self.assert_usage("local", "--stages", 9, parts=["9", "blocks"])
        self.assert_usage("local", "--split", "1,2", parts=["split"])
        self.assert_usage("local", "--method", "sgd", parts=["--method"])
        self.assert_usage("local", "--preset", "huge", parts=["--preset", "huge", "demo"])
        self.assert_usage("local", "--replicas", 2, parts=["--replicas"])
        self.assert_usage("local", "--threads", 0, parts=["--threads"])
        self.assert_usage("local", "--device", "tpu", parts=["--device"])
        self.assert_usage("local", "--resume", "x", "--seed", 3, parts=["--seed"])
        self.assert_usage("train", parts=["train"])
        self.assert_usage("data", "prepare", parts=["INPUT"])
        self.assert_usage("export", "somewhere", parts=["--out"])
        self.assert_usage(parts=["--help"])
        self.assertFalse((self.folder / "brigade-out").exists())

    def test_help_and_version_are_instant(self):
        for arguments in (["--help"], ["local", "--help"], ["--version"]):
            best = min((self.brigade(*arguments) for _ in range(5)), key=lambda run: run.seconds)
            self.assert_ended(best, 0)
            self.assertLess(best.seconds, 0.25)  # 0.02 s on a machine that has time


class BadData(harness.EndToEndTest):
    def local(self, *flags):
        return self.brigade("local", "--preset", "tiny", "--steps", 5, "--out", "out", *flags)

    def test_missing_empty_binary_and_too_short_data(self):
        empty = self.folder / "empty.txt"
        empty.write_text("")
        binary = self.folder / "binary.txt"
        binary.write_bytes(bytes(range(256)) * 40)
        short = self.folder / "short.txt"
        short.write_text("Too short to learn from.\n")
        hollow = self.folder / "hollow"
        hollow.mkdir()
        for file in ("nowhere.txt", empty, binary, short, hollow):
            self.assert_one_line(self.local("--data", file), 1)
        # A run that never started does not stand in the way of the next try.
        self.assert_ended(self.local("--data", self.text, "--stages", 1), 0)

    def test_token_files_that_lie(self):
        tokens = self.folder / "tokens"
        self.assert_ended(self.brigade("data", "prepare", self.text, "--out", tokens), 0)
        train = tokens / "train.bin"
        sound = train.read_bytes()
        for damaged in (sound[:-2], sound[:-2] + struct.pack("<H", 300), sound[:-1]):
            train.write_bytes(damaged)
            self.assert_one_line(self.local("--data", tokens), 1, "train.bin")
        (tokens / "train.bin.json").write_text("{")
        self.assert_one_line(self.local("--data", tokens), 1, "train.bin.json")

    def test_a_model_with_fewer_ids_than_the_data(self):
        model = self.folder / "model.toml"
        model.write_text(harness.SMALL_MODEL.format(blocks=4) + "vocabulary = 64\n")
        run = self.brigade("local", "--model", model, "--data", self.text, "--out", "out")
        self.assert_one_line(run, 1, "vocabulary")


class BadFiles(harness.EndToEndTest):
    def test_configuration_with_a_wrong_type_or_an_unknown_key(self):
        model = self.folder / "model.toml"
        for text, part in (("[model]\nwidth = \"wide\"\n", "model.toml:2"),
                           ("[model]\nwidht = 3\n", "model.width"), ("[model\n", "model.toml:1")):
            model.write_text(text)
            run = self.brigade("local", "--model", model, "--data", self.text, "--out", "out")
            self.assert_one_line(run, 1, part)

    def test_a_folder_that_cannot_be_used(self):
        not_a_folder = self.folder / "file"
        not_a_folder.write_text("x")
        taken = self.folder / "taken"
        taken.mkdir()
        (taken / "letter.txt").write_text("dear")
        for out in (not_a_folder / "out", "/proc/brigade-out", taken):
            run = self.brigade("local", "--data", self.text, "--out", out)
            self.assert_one_line(run, 1, out)
        self.assertEqual((taken / "letter.txt").read_text(), "dear")
        for what in (["local", "--resume", "nothing"], ["status", "--out", "nothing"],
                     ["eval", "nothing"]):
            self.assert_one_line(self.brigade(*what), 1, "nothing")

    def test_a_finished_run_is_not_overwritten(self):
        run = self.small_run("out", "--stages", 1, "--steps", 5)
        self.assert_ended(self.brigade(*run), 0)
        before = (self.folder / "out/events.jsonl").read_bytes()
        self.assert_one_line(self.brigade(*run), 1, "--resume", "--force")
        self.assertEqual((self.folder / "out/events.jsonl").read_bytes(), before)
        self.assert_ended(self.brigade(*run, "--force"), 0)

    @unittest.skipUnless(os.geteuid() == 0, "SKIPPED: mounting a small tmpfs needs root")
    def test_a_full_disk_stops_the_run_with_its_state_saved(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"SKIPPED: mount: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        arguments = self.small_run("disk/out", "--stages", 2, "--steps", 100_000,
                                   "--checkpoint-every", 40)
        process = self.start(*arguments)
        self.wait_for_step("disk/out", 60, process)
        fill(disk / "ballast")
        run = self.finish(process, timeout=60)
        self.assert_one_line(run, 1, "stage ", "checkpoint ", "No space left", "--resume")
        (disk / "ballast").unlink()
        done = self.events("disk/out", "step")[-1]["microbatch"]
        resumed = self.brigade("local", "--resume", "disk/out", "--steps", done + 20)
        self.assert_ended(resumed, 0)


class BadNode(harness.EndToEndTest):
    def test_a_port_in_use(self):
        self.assert_ended(self.brigade(*self.small_run("out", "--stages", 1, "--steps", 5)), 0)
        node = self.folder / "out/node-0/node.toml"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            text = node.read_text().splitlines()
            node.write_text("\n".join(f'listen = "127.0.0.1:{port}"' if line.startswith("listen")
                                      else line for line in text) + "\n")
            run = self.brigade("--config", node, program=harness.BRIGADED)
        self.assertEqual(run.code, 1, str(run))
        self.assertIn(f"127.0.0.1:{port}", run.err.strip().splitlines()[-1], str(run))
        self.assertIn("in use", run.err.strip().splitlines()[-1], str(run))


if __name__ == "__main__":
    harness.main()
