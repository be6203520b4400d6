"""The doctor: fixed teams of this installation against what a suite states."""

from __future__ import annotations

from suite_files import SUITE, make_suite

from colllm_bench.suite import __main__ as command

ONE = SUITE.split("[[task]]\nid = \"b\"")[0].split("[task.stated]")[0]


def doctor(tmp_path, *words):
    return command.main(["doctor", str(tmp_path / "mine.toml"), *words])


def test_what_was_seen_here_is_as_stated_here_and_a_wrong_statement_is_found(tmp_path, capsys):
    make_suite(tmp_path, ONE)
    assert doctor(tmp_path, "--state") == 0
    stated = capsys.readouterr().out
    assert "[task.stated]" in stated and "expert_return = 1" in stated
    make_suite(tmp_path, ONE + stated)
    assert doctor(tmp_path) == 0
    printed = capsys.readouterr().out
    assert printed.count("as stated") == 4 and "no differences" in printed
    make_suite(tmp_path, ONE + stated.replace("expert_return = 1", "expert_return = 0.9"))
    assert doctor(tmp_path) == 1
    printed = capsys.readouterr().out
    assert printed.count("NOT AS STATED") == 1 and "1 difference, " in printed


def test_a_suite_that_states_nothing_says_so(tmp_path, capsys):
    make_suite(tmp_path, ONE)
    assert doctor(tmp_path) == 0
    assert "nothing is stated to compare with" in capsys.readouterr().out
