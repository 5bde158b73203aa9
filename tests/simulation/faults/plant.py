#!/usr/bin/env python3
"""Plants the faults of faults.txt in copies of files of swarm/.

    plant.py FAULTS SWARM_FOLDER OUT_FOLDER [FILE...]

Writes each patched file, and each FILE as it is, to OUT_FOLDER, beside planted.hpp (the switch) and
planted.cpp (the table). Exits 1 with one line where a text to be found is not there exactly once.
"""
import os
import sys


def parse(path):
    """The faults in order: dicts of name, about, caught by, file, find, replace."""
    faults, block = [], None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("== "):
                faults.append({"name": line[3:].strip(), "find": "", "replace": ""})
                block = None
            elif line.rstrip() in ("find:", "replace:"):
                block = line.rstrip()[:-1]
            elif block:
                faults[-1][block] += line
            elif faults and ":" in line:
                key, value = line.split(":", 1)
                faults[-1][key] = value.strip()
    for fault in faults:
        fault["find"] = fault["find"].strip("\n")
        fault["replace"] = fault["replace"].strip("\n")
    return faults


def plant(faults, swarm):
    """Text of each patched file by its name."""
    texts = {}
    for fault in faults:
        name = fault["file"]
        if name not in texts:
            with open(os.path.join(swarm, name), encoding="utf-8") as source:
                texts[name] = source.read()
        times = texts[name].count(fault["find"])
        if times != 1:
            sys.exit(f"faults.txt: the text of fault {fault['name']} is {times} times in "
                     f"swarm/{name}, not once: the core has changed, plant the fault anew")
        texts[name] = texts[name].replace(fault["find"], fault["replace"])
    return texts


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write(text)


def main():
    faults_file, swarm, out = sys.argv[1:4]
    faults = parse(faults_file)
    os.makedirs(out, exist_ok=True)
    texts = plant(faults, swarm)
    for name in sys.argv[4:]:
        if name not in texts:
            with open(os.path.join(swarm, name), encoding="utf-8") as source:
                texts[name] = source.read()
    for name, text in texts.items():
        write(out, name, text)
    names = ", ".join(fault["name"] for fault in faults)
    write(out, "planted.hpp",
          "#pragma once\n#include \"base/check.hpp\"\n"
          "#undef BRIGADE_CHECK\n"
          "#define BRIGADE_CHECK(condition, ...) static_cast<void>(condition)\n"
          "namespace brigade::faults {\n"
          f"enum class Fault {{ none, {names} }};\n"
          "struct Planted { const char* name; const char* about; const char* caught_by; };\n"
          "extern Fault active;\nextern const Planted table[];\nextern const int count;\n}\n"
          "#define FAULTY(name) (::brigade::faults::active == ::brigade::faults::Fault::name)\n")
    rows = "".join(f"  {{\"{f['name']}\", \"{f['about']}\", \"{f['caught by']}\"}},\n"
                   for f in faults)
    write(out, "planted.cpp",
          "#include \"planted.hpp\"\nnamespace brigade::faults {\nFault active = Fault::none;\n"
          f"const Planted table[] = {{\n{rows}}};\nconst int count = {len(faults)};\n}}\n")


if __name__ == "__main__":
    main()
