"""Many runs at once: who starts when, what is tried again, what is collected, what is shown."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import ROOT
from rich.console import Console

from colllm_bench.config import RunConfig
from colllm_bench.display import job_table
from colllm_bench.launchers import jobs as launching
from colllm_bench.launchers import local
from colllm_bench.launchers.jobs import Job, JobPool
from colllm_bench.launchers.local import LocalTask
from colllm_bench.runs import files
from colllm_bench.runs.folder import RunFolder


class Script:
    """A launcher whose tasks end as they are told to: a list of (polls, exit code, last line)
    for each job, by its first argument."""

    def __init__(self, **endings):
        self.endings, self.started, self.going, self.most = endings, [], 0, 0
        self.closed = False

    def slots(self):
        return 2

    def start(self, argv):
        self.started.append(argv[0])
        self.going += 1
        self.most = max(self.most, self.going)
        return ScriptedTask(self, *self.endings[argv[0]].pop(0))

    def close(self):
        self.closed = True


class ScriptedTask:
    def __init__(self, launcher, polls, code, line):
        self.launcher, self.left, self.code, self.line = launcher, polls, code, line
        self.asked = []

    def poll(self):
        self.left -= 1
        if self.left == 0:
            self.launcher.going -= 1
        return self.code if self.left <= 0 else None

    def error(self):
        return self.line

    def interrupt(self):
        self.asked.append("interrupt")

    def kill(self):
        self.asked.append("kill")
        self.left = 0


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(launching, "POLL", 0.001)
    monkeypatch.setattr(launching, "PATIENCE", 0.2)


def jobs_of(tmp_path, *names, resume=True) -> list[Job]:
    more = ["--resume"] if resume else []
    return [Job((name, "0"), tmp_path / name, [name, *more]) for name in names]


def test_so_many_at_a_time_and_every_ending_is_collected(tmp_path):
    script = Script(a=[(5, 0, "")], b=[(1, 2, "error: no")], c=[(2, 1, "")], d=[(1, 0, "noise")])
    jobs = jobs_of(tmp_path, *"abcd")
    JobPool(jobs, script).work(lambda: None)
    assert script.started == ["a", "b", "c", "d"] and script.most == 2 and script.closed
    assert [job.code for job in jobs] == [0, 2, 1, 0]
    said = ["", "error: no", "ended with code 1 and no message", ""]
    assert [job.failure for job in jobs] == said
    assert launching.exit_code(jobs) == 2 and launching.exit_code(jobs[:1]) == 0
    assert launching.exit_code(jobs[2:]) == 1


def test_what_has_ended_before_is_left_alone(tmp_path):
    done, refused, new = jobs_of(tmp_path, *"abc")
    done.code = 0
    refused.fail(2, "error: cannot be")
    script = Script(c=[(1, 0, "")])
    JobPool([done, refused, new], script, 1).work(lambda: None)
    assert script.started == ["c"] and (refused.state, refused.failure) == (
        "failed", "error: cannot be"
    )


def test_who_was_killed_starts_again_but_not_for_ever(tmp_path):
    script = Script(a=[(1, -9, ""), (1, -9, ""), (1, 0, "")], b=[(1, -9, "")] * 3)
    a, b = jobs_of(tmp_path, *"ab")
    JobPool([a, b], script, 1, retries=2).work(lambda: None)
    assert (a.code, a.tries, b.code, b.tries) == (0, 3, -9, 3)
    assert b.failure.startswith("killed by SIGKILL; out of memory?")


def test_a_folder_that_somebody_else_writes_is_waited_for(tmp_path):
    """a's is locked before its start; b's is taken by who is quicker than our process."""
    jobs = a, b, c = jobs_of(tmp_path, *"abc")
    for job in (a, b):
        job.path.mkdir()
    holders = [files.lock_folder(a.path)]

    class Quicker(Script):
        def start(self, argv):
            if argv[0] == "b" and "b" not in self.started:
                holders.append(files.lock_folder(b.path))
            return super().start(argv)

    script = Quicker(a=[(1, 0, "")], b=[(1, 2, "error: in use"), (1, 0, "")], c=[(1, 0, "")])
    seen = []

    def show():
        seen.append((a.state, b.state))
        if len(seen) > 20:
            while holders:
                os.close(holders.pop())

    JobPool(jobs, script, 2).work(show)
    assert ("elsewhere", "elsewhere") in seen
    assert [job.code for job in jobs] == [0, 0, 0]
    assert script.started[:2] == ["b", "c"] and sorted(script.started) == ["a", "b", "b", "c"]


def test_without_resume_a_locked_folder_is_a_failure(tmp_path):
    (job,) = jobs_of(tmp_path, "a", resume=False)
    job.path.mkdir()
    holder = files.lock_folder(job.path)
    JobPool([job], Script(a=[(1, 2, "error: another process is writing a")])).work(lambda: None)
    os.close(holder)
    assert (job.code, job.failure) == (2, "error: another process is writing a")


def test_an_interrupt_asks_everybody_and_then_kills(tmp_path):
    jobs = jobs_of(tmp_path, *"ab")
    script = Script(a=[(10**9, 0, "")], b=[(10**9, 0, "")])

    def show():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        JobPool(jobs, script).work(show)
    assert [job.task.asked for job in jobs] == [["interrupt", "kill"]] * 2 and script.closed


# -- processes


SLEEP = (
    "from colllm_bench import cli; from colllm_bench.launchers.local import exit_with_parent\n"
    "import sys, time; sys.exit(cli.execute(lambda argv: {}))"
)


def wait_for(path: Path) -> None:
    """Until a process has made this file."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.02)


def test_a_process_is_interrupted_and_says_its_last_line(tmp_path):
    begun = tmp_path / "begun"
    sleep = SLEEP.format(f"(open({str(begun)!r}, 'w').close(), time.sleep(60))")
    task = LocalTask([sys.executable, "-c", sleep])
    wait_for(begun)
    assert task.poll() is None
    task.interrupt()
    assert task.process.wait(10) == 143 and task.error() == "interrupted"


def test_a_process_ends_with_the_one_that_started_it(tmp_path):
    """Even when that one is killed: the system closes its end of the pipe."""
    begun = tmp_path / "begun"
    child = SLEEP.format(f"(exit_with_parent(), open({str(begun)!r}, 'w').close(), time.sleep(60))")
    parent = (
        "import sys, time; from colllm_bench.launchers.local import LocalTask\n"
        f"task = LocalTask([sys.executable, '-c', {child!r}])\n"
        "print(task.process.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    pid = int(process.stdout.readline())
    wait_for(begun)
    os.kill(pid, 0)
    process.kill()
    process.wait()
    until = time.monotonic() + 20
    while time.monotonic() < until and alive(pid):
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    """A zombie that nobody has collected yet is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return sys.platform != "linux"


# -- what is shown


def shown(renderable, **settings) -> str:
    console = Console(file=io.StringIO(), width=100, **settings)
    console.print(renderable)
    return console.file.getvalue()


def test_a_table_that_does_not_fit_shows_what_matters(tmp_path):
    jobs = jobs_of(tmp_path, *[f"run{k}" for k in range(30)])
    for job in jobs[:10]:
        job.code = 0
    jobs[9].code = 1
    jobs[20].task = object()
    said = shown(job_table.progress_table(jobs, ("algo", "seed"), 5)).splitlines()
    assert len(said) == 6
    assert said[1].split()[:3] == ["run9", "0", "failed"]
    assert said[2].split()[:3] == ["run20", "0", "starting"]
    assert said[-1].strip() == "... 26 more"


def test_the_whole_is_counted_and_its_time_told(tmp_path):
    jobs = jobs_of(tmp_path, *"abcd")
    jobs[0].code = 0
    jobs[1].task, jobs[1].total, jobs[1].done = object(), 100, 40
    jobs[1].seconds_an_episode = 2.0
    console = Console(file=io.StringIO(), width=100)
    with job_table.JobTable(jobs, ("algo", "seed"), console) as shows:
        # a's like is b: 60 episodes are left of b, and 100 of c and of d, 2 s each.
        assert shows.left() == pytest.approx(60 * 2 + 100 * 2 + 100 * 2)
        assert shows.overview() == (
            "4 runs: 1 done, 2 waiting, 1 training, about 8 min 40 s left"
        )
        jobs[2].code = 1
        shows.show()
        shows.show()
    assert console.file.getvalue() == "c seed 0: failed\n"


def test_a_terminal_gets_a_live_table(tmp_path):
    jobs = jobs_of(tmp_path, *"abcd")
    console = Console(file=io.StringIO(), width=100, height=20, force_terminal=True)
    with job_table.JobTable(jobs, ("algo", "seed"), console) as shows:
        shows.show()
    said = console.file.getvalue()
    assert "4 runs: 4 waiting" in said and "episodes" in said


def test_results_by_setting_with_every_seed(tmp_path):
    jobs = [Job(("mc", str(k)), tmp_path / str(k), []) for k in range(3)]
    for job, mean in zip(jobs[:2], (0.5, 0.75)):
        job.path.mkdir()
        job.code = 0
        files.write_json(job.path / "summary.json", {"success": {"trained": {"mean": mean}}})
    jobs[2].fail(1, "error: [bold]disk full")
    said = shown(job_table.settings_table(jobs, ("algo", "seed"))).splitlines()[1]
    assert said.split() == ["mc", "2/3", "0.625", "0.500", "0.750"]
    assert "error: [bold]disk full" in shown(job_table.failures_table(jobs[2:], ("algo", "seed")))


def test_how_to_go_on_with_one_run_alone(tmp_path):
    job = Job(("mc", "0"), tmp_path / "a", ["--algo", "mc", "--env-option", "a=b c", "--resume"])
    assert job.resume_command == "python -m colllm_bench.run --algo mc --env-option 'a=b c'"
    RunFolder.create(job.path, RunConfig()).close()
    assert job.resume_command == f"python -m colllm_bench.run --resume {job.path}"


def test_follow_is_asked_for(monkeypatch):
    monkeypatch.delenv(local.FOLLOW, raising=False)
    local.exit_with_parent()  # and reads nothing of pytest's stdin
