"""What every bench says first, and how its flags read."""
import os
import pathlib
import platform
import sys


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def print_heading(name):
    """The machine and the command."""
    print(f"machine: {processor()}, {os.cpu_count()} processors, {platform.system()} "
          f"{platform.release()}, load {os.getloadavg()[0]:.1f}")
    print(" ".join([f"command: bench/{name}", *sys.argv[1:]]), flush=True)


def numbers(text):
    """1,2,3 of a flag."""
    return [int(word) for word in text.split(",")]
