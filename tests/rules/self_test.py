#!/usr/bin/env python3
"""The rules find what they are for: violations planted in a small tree, and a clean one beside."""

import pathlib
import tempfile
import unittest

import check
import source

CLEAN = {
    "base/ids.hpp": "// Ids.\n#pragma once\n#include <cstdint>\n",
    "swarm/node.hpp": '#pragma once\n#include "base/ids.hpp"\n// says sleep_for( in a comment\n',
    "cli/main.cpp": '#include "brigade/control/v1/control.grpc.pb.h"\nint main() { return 0; }\n',
}
LONG_BODY = "  work();\n" * 80


def rules_found(extra):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**CLEAN, **extra}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        findings, _ = check.check_tree(root)
        return [(f.path, f.line, f.rule) for f in findings]


class Planted(unittest.TestCase):
    def expect(self, path, text, *expected, **others):
        extra = {path: text, **{k.replace("__", "/") + ".txt": v for k, v in others.items()}}
        self.assertEqual(rules_found(extra), [(path, line, rule) for line, rule in expected])

    def test_a_clean_tree_passes(self):
        self.assertEqual(rules_found({}), [])

    def test_the_core_must_not_know_the_daemon(self):
        self.expect("swarm/x.cpp", '\n#include "cli/main.cpp"\n', (2, "layers"))

    def test_the_core_must_not_know_the_wire(self):
        self.expect("swarm/x.cpp", '#include "brigade/v1/link.pb.h"\n', (1, "layers"))

    def test_the_core_has_no_threads_clocks_or_sockets(self):
        self.expect("swarm/x.cpp", "#include <thread>\n#include <boost/asio.hpp>\n"
                    "auto t = std::chrono::steady_clock::now();\n",
                    (1, "banned-include"), (2, "banned-include"), (3, "banned-call"))

    def test_the_simulator_has_no_order_of_chance(self):
        self.expect("sim/x.cpp", "std::unordered_map<int, A<B>> m_;\nint x = rand();\n"
                    "auto y = m_.find(1);\nvoid f() {\n  for (auto& [a, b] : m_) g();\n}\n"
                    "auto z = this->m_.begin();\n",
                    (2, "banned-call"), (5, "unordered-walk"), (7, "unordered-walk"))

    def test_the_cli_starts_without_torch(self):
        self.expect("cli/x.cpp", "#include <torch/torch.h>\n", (1, "banned-include"))

    def test_an_include_starts_at_the_root(self):
        self.expect("swarm/x.cpp", '#include "node.hpp"\n', (1, "include-root"))

    def test_unit_tests_do_not_sleep(self):
        self.expect("tests/unit/x.cpp", "void f() { std::this_thread::sleep_for(1s); }\n",
                    (1, "test-sleeps"))

    def test_only_facades_catch_everything(self):
        self.expect("daemon/x.cpp", "void f() {\n  try {\n    g();\n  } catch (...) {\n  }\n}\n",
                    (4, "catch-all"))

    def test_a_header_is_included_once(self):
        self.expect("base/x.hpp", "int f();\n", (1, "pragma-once"))

    def test_work_is_finished_and_portable(self):
        self.expect("base/x.cpp", "// TO" "DO\n// /wo" "rk/main\n// pypi" ".org\n",
                    (1, "unfinished"), (2, "machine-path"), (3, "registry-host"))

    def test_lines_end_at_100_columns(self):
        self.expect("base/x.cpp", "// " + "x" * 98 + "\n", (1, "columns"))

    def test_a_file_stops_at_800_lines_whatever_the_ratchet_says(self):
        self.expect("base/x.cpp", "\n" * 801, (1, "file-length"),
                    tests__rules__ratchet="")

    def test_a_long_function_is_found_with_its_initialisers_and_defaults(self):
        text = ("struct A {\n  A(int x, B b = {}) : x_{x}, b_(b) {\n" + LONG_BODY + "  }\n};\n"
                "void g(int) {\n" + LONG_BODY + "}\n")
        self.expect("base/x.cpp", text, (2, "function-length"), (85, "function-length"))

    def test_a_long_namespace_or_table_is_no_function(self):
        table = "const int t[] = {\n" + "  f(1),\n" * 90 + "};\n"
        self.expect("base/x.cpp", "namespace a {\n" + table + "}\n")

    def test_the_ratchet_excuses_up_to_its_size_and_only_goes_down(self):
        text = "void g() {\n" + LONG_BODY + "}\n"
        self.expect("base/x.cpp", text, tests__rules__ratchet="base/x.cpp:g 82 # why\n")
        self.expect("base/x.cpp", text, (1, "function-length"),
                    tests__rules__ratchet="base/x.cpp:g 81\n")
        found = rules_found({"base/x.cpp": text, "tests/rules/ratchet.txt": "base/x.cpp:g 90\n"})
        self.assertEqual(found, [("tests/rules/ratchet.txt", 1, "ratchet")])


class Reading(unittest.TestCase):
    def test_literals_and_comments_are_no_code(self):
        code = source.code_only('f("catch (...)"); /* rand() */ R"(sleep_for)"; // x\n\'"\';\n')
        self.assertNotIn("catch", code)
        self.assertNotIn("rand", code)
        self.assertNotIn("sleep", code)
        self.assertEqual(code.count("\n"), 2)

    def test_digit_separators_are_no_character_literals(self):
        self.assertIn("g()", source.code_only("int a = 1'000; g(); int b = 2'000;"))


if __name__ == "__main__":
    unittest.main()
