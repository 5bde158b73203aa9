#!/usr/bin/env python3
"""The architecture rules as a test: prints `file:line: rule: what to do`, exits 1 on any finding.

    tests/rules/check.py [--root DIR]            check the tree
    tests/rules/check.py --tighten               lower the ratchet to where the tree is now
"""

import argparse
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

import layers
import source

CPP = (".cpp", ".hpp", ".cu", ".cuh")
TEXT = CPP + (".py", ".cmake", ".txt", ".toml", ".md", ".proto", ".json", ".yml", ".service",
              ".conf", ".in")
MAX_FILE_LINES = 800
THINK_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100
RATCHET = "tests/rules/ratchet.txt"

# Written in pieces, so that this file passes its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.$}~-])/(?:wo" r"rk|ro" r"ot|ho" r"me/\w+)/")
REGISTRY_HOSTS = re.compile("|".join(re.escape(".".join(parts)) for parts in (
    ("deb", "debian", "org"), ("security", "debian", "org"), ("snapshot", "debian", "org"),
    ("archive", "ubuntu", "com"), ("pypi", "org"), ("pythonhosted", "org"),
    ("download", "pytorch", "org"), ("registry", "npmjs", "org"), ("crates", "io"))))
UNORDERED = re.compile(
    r"\bunordered_\w*(?:map|set)\s*<(?:[^<>;]|<(?:[^<>;]|<[^<>;]*>)*>)*>\s*&?\s*(\w+)")
SLEEP = re.compile(r"\bsleep_(for|until)\b|\bu?sleep\s*\(|\bnanosleep\b")


@dataclass(order=True)
class Finding:
    path: str
    line: int
    rule: str
    advice: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.advice}"


def tracked_files(root):
    """What git tracks or would track; outside a repository, everything."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*")]
    return sorted(n for n in set(names) if n and (root / n).is_file())


def check_includes(root, path, text):
    room = layers.room_of(path, layers.MAY_INCLUDE)
    for line, name in source.includes(text):
        target = name[1:-1]
        if name[0] == '"' and not target.startswith(layers.GENERATED):
            if not (root / target).is_file():
                yield Finding(path, line, "include-root",
                              f'no file "{target}" in the repository: "" is for ours, from the '
                              "root; <> is for everybody else's")
                continue
        if room is None or (path in layers.PURE_ROOMS_PROGRAMS and name[0] == "<"):
            continue
        if name[0] == '"':
            generated = target.startswith(layers.GENERATED)
            other = "proto" if generated else layers.room_of(target, layers.MAY_INCLUDE)
            allowed = (room,) + layers.MAY_INCLUDE[room]
            if other not in allowed:
                where = other or target.split("/", 1)[0]
                yield Finding(path, line, "layers",
                              f"{room}/ must not know {where}/ (it may include "
                              f"{', '.join(allowed)}); see tests/rules/layers.py")
        for key in {room, path.split("/", 1)[0]} & layers.BANNED_INCLUDES.keys():
            prefixes, reason = layers.BANNED_INCLUDES[key]
            if target.startswith(prefixes) and name[0] == "<":
                yield Finding(path, line, "banned-include", f"<{target}>: {reason}")


def check_calls(path, code):
    if (path.startswith(tuple(room + "/" for room in layers.PURE_ROOMS))
            and path not in layers.PURE_ROOMS_PROGRAMS):
        for pattern, advice in layers.BANNED_CALLS:
            for match in re.finditer(pattern, code):
                yield Finding(path, source.line_of(code, match.start()), "banned-call", advice)
    if path.startswith(layers.SLEEPLESS_TESTS):
        for match in SLEEP.finditer(code):
            yield Finding(path, source.line_of(code, match.start()), "test-sleeps",
                          "a test of this kind must not sleep: drive time by hand")
    if path not in layers.FACADES:
        for match in re.finditer(r"\bcatch\s*\(\s*\.\.\.\s*\)", code):
            yield Finding(path, source.line_of(code, match.start()), "catch-all",
                          "only a facade ends foreign exceptions (tests/rules/layers.py, FACADES)")


def check_unordered(files):
    """A walk over an unordered container: its order is no function of the seed. Looking up is fine.

    `files` maps the pure rooms' paths to code; a container is known by its name within a room.
    """
    for room in layers.PURE_ROOMS:
        codes = {p: c for p, c in files.items() if p.startswith(room + "/")}
        names = {m.group(1) for c in codes.values() for m in UNORDERED.finditer(c)}
        if not names:
            continue
        name = r"(?:\w+(?:\.|->))*(?:" + "|".join(sorted(names)) + r")\b"
        walk = re.compile(rf"\bfor\s*\([^;()]*:\s*{name}\s*\)|\b{name}\s*\.\s*c?begin\s*\(")
        for path, code in codes.items():
            for match in walk.finditer(code):
                yield Finding(path, source.line_of(code, match.start()), "unordered-walk",
                              "the order of this walk is no function of the seed: keep a sorted "
                              "container or a list beside it")


def check_text(path, text):
    is_code = path.endswith(CPP + (".py", ".proto", ".cmake"))
    for number, line in enumerate(text.splitlines(), 1):
        if is_code and len(line) > MAX_COLUMNS:
            yield Finding(path, number, "columns", f"{len(line)} columns: break at {MAX_COLUMNS}")
        if UNFINISHED.search(line):
            yield Finding(path, number, "unfinished", "do it now, or file an issue")
        if MACHINE_PATHS.search(line):
            yield Finding(path, number, "machine-path", "a path of one machine: make it relative")
        if REGISTRY_HOSTS.search(line):
            yield Finding(path, number, "registry-host",
                          "the package client knows its registry: do not name one here")


def check_sizes(path, text):
    """Findings with a measure: (finding, ratchet key, size). The ratchet may excuse them."""
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield Finding(path, 1, "file-length",
                      f"{lines} lines, {MAX_FILE_LINES} at most: split it by topic"), None, lines
    elif lines > THINK_FILE_LINES:
        yield Finding(path, 1, "file-length",
                      f"{lines} lines: think at {THINK_FILE_LINES}; split it by topic, or add "
                      f"`{path} {lines}` to {RATCHET} and say why"), path, lines
    for function in source.functions(text) if path.endswith(CPP) else ():
        if function.lines > MAX_FUNCTION_LINES:
            key = f"{path}:{function.name}"
            yield Finding(path, function.line, "function-length",
                          f"{function.name} has {function.lines} lines, {MAX_FUNCTION_LINES} at "
                          "most: give its parts names"), key, function.lines


def read_ratchet(root):
    """`file N` or `file:function N` a line, `#` starts a comment."""
    file = root / RATCHET
    entries = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        words = line.split("#", 1)[0].split()
        if words:
            entries[words[0]] = int(words[1])
    return entries


def check_ratchet(sized, entries):
    seen = {}
    for finding, key, size in sized:
        seen[key] = max(size, seen.get(key, 0))
        if key is None or size > entries.get(key, 0):
            yield finding
    for key, allowed in entries.items():
        actual = seen.get(key, 0)
        if actual < allowed:
            yield Finding(RATCHET, 1, "ratchet",
                          f"{key} is at {actual} and allowed {allowed}: run "
                          "tests/rules/check.py --tighten")


def check_tree(root):
    findings, sized, pure = [], [], {}
    for path in tracked_files(root):
        is_text = path.endswith(TEXT) or "." not in path.rsplit("/", 1)[-1]
        if not is_text or path.startswith(layers.DATA):
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a golden array or a corpus entry: bytes, not text
        findings += check_text(path, text)
        if not path.endswith(CPP + (".py",)):
            continue
        sized += check_sizes(path, text)
        if path.endswith(CPP):
            findings += check_includes(root, path, text)
            code = source.code_only(text)
            findings += check_calls(path, code)
            if path.startswith(layers.PURE_ROOMS):
                pure[path] = code
        if path.endswith((".hpp", ".cuh")) and not re.search(r"^#pragma once$", text, re.MULTILINE):
            findings.append(Finding(path, 1, "pragma-once", "add `#pragma once` below the comment"))
    findings += check_unordered(pure)
    findings += check_ratchet(sized, read_ratchet(root))
    return sorted(findings), sized


def tighten(root, sized):
    """Lowers entries to the present sizes and drops those no longer needed; never raises one."""
    sizes = {}
    for _, key, size in sized:
        if key:
            sizes[key] = max(size, sizes.get(key, 0))
    kept = []
    for line in (root / RATCHET).read_text().splitlines():
        words = line.split("#", 1)[0].split()
        if words and words[0] not in sizes:
            continue
        if words:
            line = line.replace(words[1], str(min(int(words[1]), sizes[words[0]])), 1)
        kept.append(line)
    (root / RATCHET).write_text("\n".join(kept) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--tighten", action="store_true")
    arguments = parser.parse_args()
    findings, sized = check_tree(arguments.root)
    if arguments.tighten:
        tighten(arguments.root, sized)
        findings, sized = check_tree(arguments.root)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" if findings else "all rules hold")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
