"""Attacks on the answer: lies about values, forged frames, everything patched.

``ATTACKS[name] = (verdicts, source)``: each is called as ``f(info)``, with the canaries' places
in ``info`` and nothing held back; ``verdicts`` are those that it may end with.
"""

from __future__ import annotations

ATTACKS: dict[str, tuple[set[str], str]] = {}


def attack(name: str, verdicts: str, source: str) -> None:
    assert name not in ATTACKS
    ATTACKS[name] = (set(verdicts.split()), source)


LIAR = """
class Liar({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __instancecheck__(self, other): return True
    __class__ = {base}
def f(info): return Liar({made})
"""
for base, made in (("object", ""), ("int", "3"), ("str", "'a'"), ("float", "1.5"), ("list", "[1]"),
                   ("dict", ""), ("tuple", "(1,)"), ("set", "(1,)"), ("bytes", "b'a'")):
    attack(f"equality that lies, {base}", "no-result", LIAR.format(base=base, made=made))
attack("metaclass that lies", "no-result", """
class Meta(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return hash(int)
    def __subclasscheck__(cls, other): return True
class Liar(metaclass=Meta):
    def __eq__(self, other): return True
def f(info): return Liar()
""")
attack("named tuple whose iterator lies", "ok", """
from collections import namedtuple
class T(namedtuple("T", "a")): pass
N = namedtuple("N", "a b")
N.__iter__ = lambda self: iter([info_] * 2)
info_ = None
def f(info): return N(1, 2)
""")
attack("dictionary whose items lie", "no-result", """
class D(dict):
    def items(self): return [(1, 1)]
    def __len__(self): return 1
def f(info): return D()
""")
attack("liars within a list", "no-result", """
class Liar:
    def __eq__(self, other): return True
def f(info): return [1, (Liar(), 2)]
""")
attack("NaN", "ok", "def f(info): return float('nan')")
attack("function as a result", "no-result", "def f(info): return f")
attack("endless generator", "no-result", "def f(info):\n    while True: yield 1")
attack("module as a result", "no-result", "import sys\ndef f(info): return sys")

attack("patched builtins", "ok no-result runtime-error crashed", """
import builtins
def f(info):
    for name in ("len", "isinstance", "type", "str", "any", "all", "sorted", "repr"):
        setattr(builtins, name, lambda *a, **k: True)
    return True
""")
attack("patched json", "ok no-result runtime-error", """
import json, json.encoder, json.decoder
def f(info):
    json.dumps = lambda *a, **k: '["returned", {"any": 1}, "", ""]'
    json.encoder.JSONEncoder.encode = json.dumps
    return 1
""")
attack("patched codec of the jail", "ok no-result runtime-error", """
import sys
def f(info):
    for name, module in list(sys.modules.items()):
        if name.endswith("sandbox.values"):
            module.encode = lambda value, **k: {"python/object": "os.system"}
            module.Any = object
    return 1
""")
attack("patched builtins, at import", "ok load-error no-result runtime-error crashed", """
import builtins
builtins.__import__ = lambda *a, **k: None
builtins.__build_class__ = None
builtins.exec = builtins.compile = lambda *a, **k: None
def f(info): return 1
""")
attack("everything of every module deleted", "ok no-result crashed runtime-error", """
import sys
def f(info):
    for name, module in list(sys.modules.items()):
        if name not in ("builtins", "sys"): vars(module).clear()
    return 1
""")
attack("walk up the frames", "ok no-result output-limit", """
import sys
def f(info):
    frame, found = sys._getframe(), []
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for k, v in list(space.items()):
                if type(v) in (int, str, float, list, tuple, dict): found.append(repr(v)[:3000])
        frame = frame.f_back
    return found
""")
attack("every object of gc", "ok no-result output-limit", """
import gc
def f(info):
    gc.unfreeze()
    seen = []
    for o in gc.get_objects():
        if type(o) is dict:
            for k, v in list(o.items()):
                if type(v) is str and len(v) < 400 and ("canary" in v or "secret" in v):
                    seen.append(v)
        if type(o) in (list, tuple):
            seen += [v for v in o if type(v) is int and v > 2**40]
    return seen[:2000]
""")
attack("what lies in memory", "ok crashed", """
import ctypes
def f(info):
    start, found = id(object()) & ~0xfff, []
    for offset in range(0, 1 << 20, 4096):
        page = ctypes.string_at(start + offset, 4096)
        if b"canary-of-" in page: found.append(page.hex())
    return found
""")
FORGE = """
import os, struct, sys
def pipe(name="result"):
    frame = sys._getframe()
    while frame.f_code.co_name != "run": frame = frame.f_back
    return frame.f_locals[name]
def write(fd, data):
    while data: data = data[os.write(fd, data):]
def send(data): write(pipe(), struct.pack("<I", len(data)) + data)
"""
for name, data in {
    "verdict": b'["ok", 1, "", ""]', "passed": b'["passed", true, "", ""]',
    "true": b"true", "no JSON": b'["returned", 1,', "not UTF-8": b"\xff\xfe\x00", "empty": b"",
    "NaN": b'["returned", NaN, "", ""]',
    "unknown tag": b'["returned", {"py/object": "os"}, "", ""]',
    "two tags": b'["returned", {"set": [], "list": []}, "", ""]',
    "set of lists": b'["returned", {"set": [[1]]}, "", ""]',
    "no text": b'["returned", 1, {"a": 1}, 7]', "pairs": b'["returned", {"dict": [[1]]}, "", ""]',
    "escape codes": b'["raised", null, "\\u001b[2J\\u0007\\ud800", "\\u001b]0;x\\u0007"]',
}.items():
    attack(f"forged frame, {name}", "no-result ok runtime-error crashed",
           FORGE + f"def f(info):\n    send({data!r}); os._exit(0)\n")
attack("forged frame, deep", "no-result", FORGE + """
def f(info):
    send(b'["returned", ' + b"[" * 100000 + b"]" * 100000 + b', "", ""]'); os._exit(0)
""")
attack("forged frame, long number", "no-result", FORGE + """
def f(info):
    send(b'["returned", ' + b"9" * 900000 + b', "", ""]'); os._exit(0)
""")
attack("forged frame, colliding set", "no-result", FORGE + """
def f(info):
    many = b",".join(b'{"int":"%x"}' % (i * (2**61 - 1)) for i in range(1, 30000))
    send(b'["returned", {"set": [' + many + b']}, "", ""]'); os._exit(0)
""")
attack("forged frame, longer than it says", "no-result output-limit", FORGE + """
def f(info):
    write(pipe(), b"\\xff\\xff\\xff\\x7f" + b"x" * 100)
    os._exit(0)
""")
attack("forged frames for every case and a thousand more", "ok no-result", FORGE + """
def f(info):
    for _ in range(1000): send(b'["returned", 1, "", ""]')
    write(pipe("alive"), b"." * 1000)
    os._exit(0)
""")
attack("half a frame", "no-result", FORGE + """
def f(info):
    write(pipe(), b"\\x10\\0")
    os._exit(0)
""")
attack("every descriptor written to", "no-result output-limit crashed ok", """
import os
def f(info):
    for fd in range(3, 64):
        try: os.write(fd, b"J" * 4000)
        except OSError: pass
    return 1
""")
for claim in ("float('nan')", "1e308", "-1e308", "0.0", "float('inf')"):
    attack(f"time that is forged, {claim}", "cpu-timeout", FORGE + f"""
def f(info):
    board = pipe("board")
    while True:
        for i in range(0, len(board), 8): struct.pack_into("<d", board, i, {claim})
""")
attack("time that is forged, then an end", "no-result", FORGE + """
def f(info):
    board = pipe("board")
    board[:] = bytes(len(board))
    os._exit(0)
""")
attack("board that is resized", "no-result runtime-error crashed", FORGE + """
def f(info):
    try: pipe("board").resize(10 ** 6)
    finally: pipe("board").close(); os._exit(0)
""")
attack("signs of life without end", "cpu-timeout wall-timeout", FORGE + """
def f(info):
    while True: write(pipe("alive"), b".")
""")
attack("all descriptors closed, then a loop", "crashed no-result", """
import os
def f(info):
    os.closerange(0, 256)
    while True: pass
""")
attack("descriptors swapped", "crashed no-result ok output-limit runtime-error", """
import ctypes
def f(info):
    libc = ctypes.CDLL(None)
    for fd in range(3, 64): libc.fcntl(1, 0, fd); libc.dup2(1, fd); libc.dup3(1, fd, 0)
    return 1
""")
attack("exit code 0", "no-result", "import os\ndef f(info): os._exit(0)")
attack("exit code 97", "no-result", "import os\ndef f(info): os._exit(97)")
attack("sys.exit", "runtime-error", "import sys\ndef f(info): sys.exit(0)")
attack("exit while it is loaded", "load-error", "raise SystemExit(0)")
attack("KeyboardInterrupt", "runtime-error", "def f(info): raise KeyboardInterrupt")
attack("atexit", "ok", """
import atexit, os
def f(info):
    atexit.register(lambda: os.write(1, b"passed"))
    return 1
""")
attack("exception whose text loops", "cpu-timeout", """
class E(Exception):
    def __str__(self):
        while True: pass
def f(info): raise E
""")
attack("exception whose text raises", "runtime-error", """
class E(BaseException):
    def __str__(self): raise SystemExit
def f(info): raise E
""")
attack("trace functions", "ok no-result runtime-error load-error", """
import sys
def f(info):
    def trace(frame, event, arg):
        frame.f_locals.clear()
        return trace
    sys.settrace(trace); sys.setprofile(trace)
    return 1
""")
attack("module that is replaced", "load-error ok", """
import sys
class M:
    def __getattr__(self, name): return lambda *a: 1
sys.modules[__name__] = M()
""")
attack("entry that is no function", "load-error", "f = 5")
attack("entry whose call lies", "no-result", """
class F:
    def __call__(self, info): return self
    def __eq__(self, other): return True
f = F()
""")
attack("null byte", "load-error", "def f(info): return 1\x00")
attack("surrogates", "load-error", "def f(info): return '\udc80'")
attack("coding cookie", "ok", "# -*- coding: utf-7 -*-\ndef f(info): return '+AGEAYQ-'")
attack("byte order mark", "load-error ok", "\ufeffdef f(info): return 1")
attack("source of 1 MB", "load-error", "def f(info): return 1\n" + "#" * 2**20)
attack("nested too deep to compile", "load-error crashed", "def f(info): return " + "(" * 5000)
attack("constant that is huge", "load-error memory cpu-timeout runtime-error",
       "def f(info): return len('a' * (10 ** 10))")
