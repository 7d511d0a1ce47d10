"""The page over HTTP: forms without scripts, hostile requests, hostile records."""

from __future__ import annotations

import http.client
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import record_tables

from nirank.errors import ConfigError
from nirank.records.decisions import combine_decisions
from nirank.records.files import read_record_file
from nirank.screening.decision_log import DecisionLog
from nirank.screening.project import Project, ReviewPlan
from nirank.screening.server import ScreenServer
from nirank.screening.serving import open_server
from nirank.stopping.rules import parse_stopping_rule

RULES = {"consecutive": parse_stopping_rule({"consecutive": 2})}


class Browser:
    """Asks a server as a browser without scripts does."""

    def __init__(self, server: ScreenServer) -> None:
        self.port = server.server_address[1]
        self.page = ""
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = None if form is None else urlencode(form)
        given = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, path, body, given | {name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        self.headers = dict(response.getheaders())
        self.page = response.read().decode()
        connection.close()
        return response.status

    def show(self, path: str = "/") -> dict[str, str]:
        """Open a page and return the fields of its first form."""
        assert self.ask("GET", path) == 200
        form = self.page.partition("<form")[2].partition("</form>")[0]
        pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        return {name: unescape(value) for name, value in pairs}

    def decide(self, answer: str, path: str = "/") -> int:
        """Open a page and send its form; return the row of the record that was decided."""
        form = self.show(path)
        assert self.ask("POST", "/answer", {**form, "answer": answer}) == 303
        return int(form["record"])


@contextmanager
def serve(folder: Path, rows: tuple[tuple[str, ...], ...] = record_tables.CATS) -> Iterator[Browser]:
    file = record_tables.read_table(folder / "records.csv", rows)
    plan = ReviewPlan("vitamin D for fractures", "", "elas_u4", 0, range(len(rows)), {})
    with Project.begin(folder / "review", file, plan) as project, open_server(project, RULES, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Browser(server)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with serve(tmp_path) as browser:
        yield browser


def test_case_b19_forms_alone_show_every_record_once_and_the_model_learns(browser: Browser) -> None:
    labels = {int(row[0]) - 1: row[3] for row in record_tables.CATS}
    rows = []
    for _ in record_tables.CATS:
        row = int(browser.show()["record"])
        rows.append(browser.decide("included" if labels[row] == "1" else "excluded"))
    assert sorted(rows) == list(range(8))
    assert rows[-1] == 5  # without text: shown, and last
    browser.ask("GET", "/")
    assert "All records are decided" in browser.page
    assert "8 of 8 records read: 3 included, 5 excluded" in browser.page


def test_a_decision_is_on_disk_before_the_next_record_shows(tmp_path: Path) -> None:
    with serve(tmp_path) as browser:
        row = browser.decide("included")
        with sqlite3.connect(tmp_path / "review" / "decisions.sqlite") as connection:
            assert connection.execute("SELECT record, answer FROM entries").fetchall() == [(row, "included")]
        connection.close()


def test_the_page_says_what_was_done_and_undo_takes_it_back(browser: Browser) -> None:
    browser.decide("included")
    assert browser.ask("GET", browser.headers["Location"]) == 200
    assert "Included: “Cats at home”." in unescape(browser.page)
    form = browser.page.partition('action="/undo"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    for _ in range(2):
        assert browser.ask("POST", "/undo", fields) == 303
    browser.ask("GET", "/")
    assert "0 of 8 records read" in browser.page


def test_two_reviewers_and_two_tabs(browser: Browser) -> None:
    ana, bo, tab = (browser.show(f"/?reviewer={name}") for name in ("Ana", "Bo", "Ana"))
    assert (ana["record"], bo["record"], tab) == ("0", "1", ana)
    assert browser.ask("POST", "/answer", {**ana, "answer": "included"}) == 303
    assert browser.ask("POST", "/answer", {**tab, "answer": "excluded"}) == 303
    browser.ask("GET", browser.headers["Location"])
    assert "is included already; that page was out of date and nothing was changed" in browser.page
    assert "1 of 8 records read: 1 included" in browser.page


def test_decisions_can_be_searched_and_changed(browser: Browser) -> None:
    browser.decide("included")
    browser.ask("GET", "/decisions?title=AT+home")
    assert re.findall(r'<bdi dir="auto">(.*?)</bdi></a>', browser.page) == ["Cats at home", "Dogs at home"]
    assert browser.decide("excluded", "/record?number=1") == 0
    browser.ask("GET", "/decisions?answer=excluded")
    assert "1 records, 1 to 1 shown" in browser.page
    browser.ask("GET", "/")
    assert "1 of 8 records read: 0 included, 1 excluded" in browser.page


def test_export_has_as_many_records_as_came_in_the_one_on_the_screen_included(browser: Browser, tmp_path: Path) -> None:
    for answer in ("included", "maybe", "excluded", "skipped"):
        browser.decide(answer, "/?reviewer=Ana")
    browser.show()
    for form in ("csv", "ris"):
        assert browser.ask("GET", f"/export.{form}") == 200
        assert browser.headers["Content-Disposition"] == f'attachment; filename="decisions.{form}"'
        (tmp_path / f"decisions.{form}").write_text(browser.page, encoding="utf-8", newline="")
        records = read_record_file(tmp_path / f"decisions.{form}").records
        assert sorted(record.id for record in records) == [str(n) for n in range(1, 9)]
        verdicts = [combine_decisions(record.decisions) for record in records]
        assert verdicts[:3] == ["included", "maybe", "excluded"]
        assert verdicts[3:] == ["not_seen"] * 5
        assert ("ASReview_relevant" in browser.page) == (form == "ris")
        assert "Ana" in browser.page


@pytest.mark.parametrize("host", ["evil.example:80", "evil.example", "127.0.0.1", "127.0.0.1:1", ""])
def test_names_that_only_point_here_are_not_answered(browser: Browser, host: str) -> None:
    assert browser.ask("GET", "/", Host=host) == 421
    assert "Cats" not in browser.page
    assert browser.ask("GET", "/export.csv", Host=host) == 421


def test_other_sites_cannot_take_records_with_pictures(browser: Browser) -> None:
    site = {"Sec-Fetch-Site": "cross-site"}
    assert browser.ask("GET", "/?reviewer=x1", **site, **{"Sec-Fetch-Mode": "no-cors"}) == 403
    assert "Cats" not in browser.page
    assert browser.ask("GET", "/", **site, **{"Sec-Fetch-Mode": "navigate"}) == 200  # a link that somebody follows


@pytest.mark.parametrize(("port", "answered"), [(80, True), (8080, False)])
def test_browsers_leave_out_the_port_of_http(port: int, answered: bool) -> None:
    server = ScreenServer.__new__(ScreenServer)
    server.server_address = ("127.0.0.1", port)
    assert ("localhost" in server.hosts) == answered
    assert f"localhost:{port}" in server.hosts


def test_forms_of_other_sites_change_nothing(browser: Browser) -> None:
    form = browser.show() | {"answer": "included"}
    assert browser.ask("POST", "/answer", form, Origin="http://evil.example") == 403
    assert browser.ask("POST", "/answer", form, Origin="null") == 403
    assert browser.ask("POST", "/answer", form | {"key": "guessed"}) == 403
    assert browser.ask("POST", "/answer", {name: text for name, text in form.items() if name != "key"}) == 403
    assert browser.ask("POST", "/answer", form | {"reviewer": "x" * 70_000}) == 413
    browser.ask("GET", "/")
    assert "0 of 8 records read" in browser.page
    assert browser.ask("POST", "/answer", form, Origin=f"http://localhost:{browser.port}") == 303


def test_a_form_that_is_not_read_is_not_taken_for_the_next_request(browser: Browser) -> None:
    hidden = b"GET /decisions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % browser.port
    head = f"POST /answer HTTP/1.1\r\nHost: 127.0.0.1:{browser.port}\r\nOrigin: http://evil.example\r\n"
    with socket.create_connection(("127.0.0.1", browser.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert received.startswith(b"HTTP/1.1 403")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/record?number=9", 404),
        ("/record?number=-1", 404),
        ("/record?number=½", 404),
        ("/../x", 404),
    ],
)
def test_what_is_not_there(browser: Browser, path: str, status: int) -> None:
    assert browser.ask("GET", path.replace("½", "%C2%BD")) == status
    assert 'role="status"' in browser.page


def test_bad_forms_are_refused_and_the_server_goes_on(browser: Browser) -> None:
    form = browser.show()
    for wrong in ({"answer": "deleted"}, {"answer": "included", "record": "x"}, {}):
        assert browser.ask("POST", "/answer", form | wrong) == 400
    assert browser.ask("POST", "/answer", form | {"answer": "included", "record": "99999"}) == 303
    assert browser.ask("POST", "/answer", form | {"answer": "included", "token": "é"}) == 303
    browser.ask("GET", "/")
    assert "0 of 8 records read" in browser.page


def test_hostile_records_and_names_are_text(tmp_path: Path) -> None:
    hostile = (
        ("1", "<script>alert(1)</script>", "</p><img src=x onerror=alert(2)>", "0"),
        ("2", "\u202eright to left\u202c and " + "long" * 2500, "{{ 7 * 7 }}", "0"),
        ("3", "“quotes” & 'apostrophes'", "", "0"),
    )
    with serve(tmp_path, hostile) as browser:
        for _ in hostile:
            browser.show("/?reviewer=%3Cscript%3Ealert(3)%3C/script%3E")
            assert "<script>alert" not in browser.page and "<img" not in browser.page
            assert browser.page.count("<script") == 1
            assert browser.headers["Content-Security-Policy"].startswith("default-src 'none'")
            browser.decide("excluded", "/?reviewer=%3Cscript%3Ealert(3)%3C/script%3E")
        browser.ask("GET", "/decisions?title=%22%3E%3Cscript%3E")
        assert browser.page.count("<script") == 1
        browser.ask("GET", "/record?number=2")
        assert "{{ 7 * 7 }}" in browser.page


def test_a_decision_that_cannot_be_kept_is_said_and_changes_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = browser.show() | {"answer": "included"}
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        patch.setattr(DecisionLog, "append", fail)
        assert browser.ask("POST", "/answer", form) == 500
        assert "nothing was changed (OperationalError: database or disk is full)" in browser.page
    assert browser.show()["token"] == form["token"]
    assert browser.ask("POST", "/answer", form) == 303


def test_stopping_rules_are_asked_in_sentences(browser: Browser) -> None:
    for _ in range(3):
        browser.decide("excluded")
    for _ in range(200):
        browser.ask("GET", "/")
        if "What stopping rules say after 3 records read" in browser.page:
            break
    assert "<b>consecutive</b>" in browser.page
    assert "says stop." in browser.page


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with serve(tmp_path) as browser:
        file = record_tables.read_table(tmp_path / "b" / "records.csv")
        plan = ReviewPlan("cats", "", "elas_u4", 0, np.arange(8), {})
        with Project.begin(tmp_path / "b" / "review", file, plan) as project:
            for port in (browser.port, 70_000):
                with pytest.raises(ConfigError, match=f"--port: {port} cannot be used"), open_server(project, {}, port):
                    pass
