"""Who gets which record, and that no answer is lost or counted twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import record_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError
from nirank.screening.project import Project, ReviewPlan, exists
from nirank.screening.review_queue import QueueOrder, ReviewQueue
from nirank.screening.review_state import ReviewState

N = len(record_tables.CATS)


def begin(folder: Path, known: dict[int, int] | None = None) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    file = record_tables.read_table(folder / "records.csv")
    return Project.begin(folder / "review", file, ReviewPlan("cats", "", "elas_u4", 0, range(N), known or {}))


def make_queue(project: Project) -> ReviewQueue:
    return ReviewQueue(project, QueueOrder(np.arange(N), 0), lambda state: None)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[ReviewQueue]:
    with begin(tmp_path) as project:
        yield make_queue(project)


def read_all(queue: ReviewQueue, reviewer: str = "", answer: str = "excluded") -> list[int]:
    """Answer until nothing is left; return the records in the order in which they were shown."""
    rows = []
    while (showing := queue.show(reviewer)).record is not None:
        rows.append(showing.record)
        assert queue.answer(reviewer, showing.record, answer, showing.token)[0] == "kept"  # type: ignore[arg-type]
    return rows


def test_case_b19_every_record_is_shown_exactly_once(queue: ReviewQueue) -> None:
    assert read_all(queue) == list(range(N))
    assert len(queue.project.log.read_entries()) == N


def test_two_reviewers_get_different_records_of_one_queue(queue: ReviewQueue) -> None:
    assert [queue.show("Ana").record, queue.show("Bo").record, queue.show("Ana").record] == [0, 1, 0]
    seen: dict[str, list[int]] = {"Ana": [], "Bo": []}
    for reviewer in ("Ana", "Bo", "Bo", "Ana", "Bo", "Ana", "Ana", "Bo"):
        showing = queue.show(reviewer)
        if showing.record is not None:
            seen[reviewer].append(showing.record)
            queue.answer(reviewer, showing.record, "included", showing.token)
    assert sorted(seen["Ana"] + seen["Bo"]) == list(range(N))


def test_a_record_on_the_screen_of_somebody_who_left_can_be_taken_over(queue: ReviewQueue) -> None:
    left = queue.show("Bo")
    read_all(queue, "Ana")
    waiting = queue.show("Ana")
    assert (waiting.record, waiting.held) == (None, (("Bo", left.record),))
    assert left.record is not None
    queue.take_over("Ana", left.record)
    showing = queue.show("Ana")
    assert showing.record == left.record
    # Bo comes back with the page from before.
    assert queue.answer("Bo", left.record, "included", left.token)[0] == "elsewhere"
    assert queue.answer("Ana", left.record, "excluded", showing.token)[0] == "kept"
    assert queue.answer("Bo", left.record, "included", left.token)[0] == "stale"
    assert queue.project.state.count_answers()["excluded"] == N


def test_an_answer_sent_twice_or_from_an_old_tab_counts_once(queue: ReviewQueue) -> None:
    showing = queue.show("")
    assert showing.record == 0
    assert queue.answer("", 0, "included", showing.token)[0] == "kept"
    for answer in ("included", "excluded"):  # a repeated POST, and another tab with the same page
        outcome, entry = queue.answer("", 0, answer, showing.token)  # type: ignore[arg-type]
        assert outcome == "repeated"
        assert entry is not None and entry.answer == "included"
    assert queue.answer("", 5, "excluded", showing.token)[0] == "stale"  # the token of another record
    assert queue.answer("", 5, "excluded", "")[0] == "stale"
    assert queue.answer("Ana", 1, "excluded", queue.make_token("", 1))[0] == "stale"  # and of another reviewer
    assert [entry.record for entry in queue.project.log.read_entries()] == [0]


def test_skipped_records_come_back_at_the_end_and_are_no_labels(queue: ReviewQueue) -> None:
    for answer in ("skipped", "maybe", "skipped"):
        showing = queue.show("")
        assert showing.record is not None
        queue.answer("", showing.record, answer, showing.token)  # type: ignore[arg-type]
    rows, labels = queue.project.state.collect_labels()
    assert len(rows) == len(labels) == 0
    assert read_all(queue) == [3, 4, 5, 6, 7, 0, 2]
    rows, labels = queue.project.state.collect_labels()
    assert 1 not in rows  # maybe is neither relevant nor not
    assert not labels.any()


def test_undo_shows_the_record_again_and_is_an_entry_of_its_own(queue: ReviewQueue) -> None:
    first = queue.show("")
    queue.answer("", 0, "included", first.token)
    token = queue.make_undo_token("")
    assert queue.undo("", token)[0] == "kept"
    assert queue.undo("", token)[0] == "nothing"  # sent twice
    assert queue.show("").record == 0
    assert queue.answer("", 0, "included", first.token)[0] == "repeated"  # the page from before it was taken back
    again = queue.show("")
    assert queue.answer("", 0, "excluded", again.token)[0] == "kept"
    assert [(entry.answer, entry.undoes) for entry in queue.project.log.read_entries()] == [
        ("included", None),
        ("undone", 1),
        ("excluded", None),
    ]
    assert queue.project.state.find_answer(0).answer == "excluded"  # type: ignore[union-attr]


def test_undo_takes_back_ones_own_answers_only(queue: ReviewQueue) -> None:
    queue.answer("Ana", 0, "included", queue.show("Ana").token)
    assert queue.make_undo_token("Bo") == ""
    assert queue.undo("Bo", queue.make_undo_token("Ana"))[0] == "nothing"


def test_a_changed_mind_keeps_the_place_in_the_order_of_judging(queue: ReviewQueue) -> None:
    for answer in ("included", "excluded"):
        showing = queue.show("")
        assert showing.record is not None
        queue.answer("", showing.record, answer, showing.token)  # type: ignore[arg-type]
    queue.answer("", 0, "excluded", queue.make_token("", 0))
    rows, labels = queue.project.state.collect_judged()
    assert (rows.tolist(), labels.tolist()) == ([0, 1], [0, 0])
    assert len(queue.project.log.read_entries()) == 3


def test_the_log_only_grows(tmp_path: Path) -> None:
    with begin(tmp_path) as project:
        queue = make_queue(project)
        queue.answer("", 0, "included", queue.show("").token)
    with sqlite3.connect(tmp_path / "review" / "decisions.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for statement in ("DELETE FROM entries", "UPDATE entries SET answer = 'excluded'"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                connection.execute(statement)
    connection.close()


def test_a_project_is_taken_up_where_it_stopped_and_its_pages_still_count(tmp_path: Path) -> None:
    with begin(tmp_path) as project:
        queue = make_queue(project)
        queue.answer("Ana", 0, "included", queue.show("Ana").token)
        shown = queue.show("Ana")
    with Project.open(tmp_path / "review", tmp_path / "records.csv") as project:
        queue = make_queue(project)
        assert queue.answer("Ana", 1, "excluded", shown.token)[0] == "kept"  # a page from before the restart
        assert queue.answer("Ana", 1, "excluded", shown.token)[0] == "repeated"
        assert [entry.record for entry in project.log.read_entries()] == [0, 1]
        assert project.plan.question == "cats"


def test_a_project_refuses_other_records_a_second_process_and_what_is_no_project(tmp_path: Path) -> None:
    other = record_tables.write_table(tmp_path / "other.csv", record_tables.CATS[:4])
    with begin(tmp_path), pytest.raises(ConfigError, match="another nirank works on this review"):
        Project.open(tmp_path / "review")
    with pytest.raises(ConfigError, match="whose records are others"):
        Project.open(tmp_path / "review", other)
    Project.open(tmp_path / "review").close()  # a refusal gives the folder free
    with pytest.raises(ConfigError, match="holds no review"):
        Project.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(ConfigError, match="holds other things"):
        Project.begin(tmp_path, record_tables.read_table(other), ReviewPlan("q", "", "elas_u4", 0, range(N), {}))


def test_a_beginning_that_was_cut_short_is_no_review_and_can_be_made_again(tmp_path: Path) -> None:
    from nirank.screening.decision_log import DecisionLog

    (tmp_path / "review").mkdir()
    DecisionLog(tmp_path / "review" / "decisions.sqlite").close()
    assert not exists(tmp_path / "review")
    with begin(tmp_path) as project:
        assert project.plan.question == "cats"


def test_a_log_that_is_none_or_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    from nirank.errors import DataError
    from nirank.screening.decision_log import DecisionLog

    (tmp_path / "decisions.sqlite").write_text("my notes, and no database at all" * 100)
    with pytest.raises(DataError, match="is no file of decisions that nirank wrote"):
        DecisionLog(tmp_path / "decisions.sqlite")
    assert (tmp_path / "decisions.sqlite").read_text().startswith("my notes")
    with pytest.raises(DataError, match="cannot be opened or written"):
        DecisionLog(tmp_path / "nowhere" / "decisions.sqlite")


def test_what_was_known_before_is_never_shown(tmp_path: Path) -> None:
    with begin(tmp_path, {0: 0, 2: 1}) as project:
        queue = make_queue(project)
        assert read_all(queue) == [1, 3, 4, 5, 6, 7]
        rows, labels = project.state.collect_labels()
        assert (rows.tolist()[:3], labels.tolist()[:3]) == ([0, 2, 1], [0, 1, 0])
        assert project.state.collect_judged()[0].tolist() == [1, 3, 4, 5, 6, 7]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["", "Ana", "Bo"]),
        st.sampled_from(["included", "excluded", "maybe", "skipped", "undo", "again", "restart", "take over"]),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ACTIONS)
def test_whatever_reviewers_do_the_log_tells_the_state_and_no_record_is_lost(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("reviews")
    project = begin(folder)
    queue = make_queue(project)
    last: dict[str, tuple[int, str, str]] = {}
    for reviewer, action in actions:
        before = len(project.log.read_entries())
        if action == "restart":
            project.close()
            project = Project.open(folder / "review")
            queue = make_queue(project)
        elif action == "undo":
            queue.undo(reviewer, queue.make_undo_token(reviewer))
        elif action == "again" and reviewer in last:
            record, answer, token = last[reviewer]
            assert queue.answer(reviewer, record, answer, token)[0] != "kept"  # type: ignore[arg-type]
            assert len(project.log.read_entries()) == before
        elif action == "take over":
            showing = queue.show(reviewer)
            for _, record in showing.held:
                queue.take_over(reviewer, record)
        elif action != "again":
            showing = queue.show(reviewer)
            if showing.record is not None:
                last[reviewer] = (showing.record, action, showing.token)
                assert queue.answer(reviewer, showing.record, action, showing.token)[0] == "kept"  # type: ignore[arg-type]
                assert len(project.log.read_entries()) == before + 1
        shown = [queue.show(name).record for name in ("", "Ana", "Bo")]
        at_work = [record for record in shown if record is not None]
        assert len(set(at_work)) == len(at_work)
        again = ReviewState.of(N, {}, project.log.read_entries())
        assert again.count_answers() == project.state.count_answers()
        assert sum(again.count_answers().values()) == N
    project.close()


def test_a_record_that_was_put_off_is_judged_when_it_is_included(queue: ReviewQueue) -> None:
    for answer in ("skipped", "maybe", "excluded", "excluded"):
        showing = queue.show("")
        assert showing.record is not None
        queue.answer("", showing.record, answer, showing.token)  # type: ignore[arg-type]
    for row in (0, 1):
        assert queue.answer("", row, "included", queue.make_token("", row))[0] == "kept"
    assert queue.answer("", 2, "included", queue.make_token("", 2))[0] == "kept"  # a mind that changed keeps its place
    rows, labels = queue.project.state.collect_judged()
    assert (rows.tolist(), labels.tolist()) == ([2, 3, 0, 1], [1, 0, 1, 1])
    assert [entry.record for entry in queue.project.state.list_answers()] == [2, 3, 0, 1]
