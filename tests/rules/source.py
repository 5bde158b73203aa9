"""Just enough C++ reading for the rules: comments and literals blanked, functions measured."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>(?:u8|u|U|L)?R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')""",
    re.DOTALL | re.VERBOSE,
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?P<name>"[^"\n]+"|<[^>\n]+>)', re.MULTILINE)
_NAME = re.compile(r"([A-Za-z_][\w:~]*|operator\s*\S+?)\s*\(")
# What opens a brace and is no function: scopes that functions lie in, and initialisers.
_SCOPE = re.compile(r"^\s*(?:inline\s+|export\s+)*(namespace|extern\s*$|extern\s*\"|class|struct"
                    r"|union|enum)\b|^\s*template\s*<[^{}]*>\s*(class|struct|union)\b")


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The same text, comments and the inside of literals turned into spaces: lines stay put."""

    def blank(match):
        token = match.group(0)
        if match.lastgroup == "comment" or match.group("comment"):
            return _spaces(token)
        return token[0] + _spaces(token[1:-1]) + token[-1]

    return _TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(text):
    """(line, '"swarm/node.hpp"' or '<vector>') of each include outside comments."""
    without_comments = _TOKEN.sub(
        lambda m: _spaces(m.group(0)) if m.group("comment") else m.group(0), text)
    return [(line_of(text, m.start()), m.group("name"))
            for m in _INCLUDE.finditer(without_comments)]


@dataclass
class Function:
    name: str
    line: int
    lines: int


def _opens_function(head):
    """Whether the text between the last ; { } and a { reads as a function's signature."""
    if _SCOPE.search(head) or ")" not in head:
        return False
    before_parameters = head.split("(", 1)[0]
    return "=" not in before_parameters.replace("operator==", "").replace("operator=", "")


def _without_preprocessor(code):
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: _spaces(m.group(0)), code,
                  flags=re.MULTILINE)


def _is_initialiser(head):
    """A brace inside parentheses, or of a member in a constructor's list: no scope of its own."""
    if head.count("(") > head.count(")"):
        return True
    in_list = re.search(r"\)\s*(noexcept\s*)?:(?!:)", head)
    return bool(in_list) and re.search(r"[\w>]$", head) is not None


def functions(text):
    """Function definitions at namespace and class scope; a lambda counts into what holds it."""
    code = _without_preprocessor(code_only(text))
    found = []
    open_braces = []  # "scope", "initialiser", or the Function being read
    statement, kind = 0, "scope"
    for match in re.finditer(r"[{};]", code):
        symbol, offset = match.group(0), match.start()
        inside = next((b for b in open_braces if isinstance(b, Function)), None)
        if symbol == "{":
            head = code[statement:offset]
            kind = "scope"
            if inside is None and _is_initialiser(head):
                kind = "initialiser"
            elif inside is None and _opens_function(head):
                called = _NAME.search(head)
                first = line_of(code, statement + len(head) - len(head.lstrip()))
                kind = Function(called.group(1) if called else "(unnamed)", first, 0)
            open_braces.append(kind)
        elif symbol == "}" and open_braces:
            kind = open_braces.pop()
            if isinstance(kind, Function):
                kind.lines = line_of(code, offset) - kind.line + 1
                found.append(kind)
        if "initialiser" not in open_braces and not (symbol == "}" and kind == "initialiser"):
            statement = offset + 1
    return found
