"""Groups of duplicates: what joins records, what keeps them apart, and that no chain joins what differs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.records.record import BibliographicRecord, Decision
from nirank.screening.comparable_records import find_family_name, normalise_doi, normalise_pmid
from nirank.screening.duplicate_rule import may_be_same_journal
from nirank.screening.duplicates import compare_records, find_conflicts, find_duplicates

ABSTRACT = (
    "We allotted 120 adults with chronic neck pain at random to dry needling or to sham needling for 6 weeks. Pain fell "
    "by 21 points with needling and by 9 with sham; after 12 months the difference was 3 points."
)
TITLE = "Dry needling for chronic neck pain: a randomised trial"


def record(number: int = 1, **fields) -> BibliographicRecord:
    values = {"title": TITLE, "abstract": ABSTRACT, "authors": ("Moreau, Ana", "Chen, B."), "year": 2020} | fields
    return BibliographicRecord(number, number, str(number), values.pop("fields", ()), **values)


def pair(left: dict, right: dict) -> tuple[bool, str]:
    """Whether two records are one group, and what held them apart."""
    compared = compare_records([record(1, **left), record(2, **right)])
    return bool(compared.groups), compared.held_apart[0].comparison.against if compared.held_apart else ""


TABLE = [  # ../shared/cases/b17
    ("a1", "Vitamin D and fractures", "A trial.", "Moreau A", 2020, "10.1000/JB.1"),
    ("a2", "Vitamin D and falls", "Another trial.", "Moreau A", 2020, ""),
    ("a3", "", "", "", None, "10.1000/empty.1"),
    ("a4", "", "", "", None, "10.1000/empty.2"),
    ("a5", "Editorial", "", "Okafor C", 2018, ""),
    ("a6", "Editorial", "", "Silva P", 2021, ""),
    ("b1", "Vitamin D and fractures.", "", "", 2020, "https://doi.org/10.1000/jb.1"),
    ("b2", "VITAMIN D AND FALLS", "Another trial. © 2020 The Authors.", "Moreau, Ana", 2020, "doi:10.1000/jb.2"),
    ("b3", "Vitamin D and falls: a reply", "Another trial.", "Chen B", 2021, "10.1000/jb.9"),
]


@pytest.fixture
def two_databases() -> list[BibliographicRecord]:
    return [
        BibliographicRecord(
            number, number, id, (), title, abstract, authors=(author,) if author else (), year=year, doi=doi
        )
        for number, (id, title, abstract, author, year, doi) in enumerate(TABLE, 1)
    ]


def test_nine_records_of_two_databases_make_two_groups(two_databases):
    groups = find_duplicates(two_databases)
    ids = [tuple(two_databases[row].id for row in group.members) for group in groups]
    assert ids == [("a1", "b1"), ("a2", "b2")]
    assert [pair.comparison.by for group in groups for pair in group.why] == ["doi", "text"]


def test_texts_that_differ_in_case_and_blanks_are_twins_though_nothing_else_is_known():
    bare = {"authors": (), "year": None}
    left = bare | {"title": "Dry needling for neck pain", "abstract": "A trial of dry needling."}
    right = bare | {"title": "DRY NEEDLING for neck pain", "abstract": "A trial  of dry needling."}
    assert pair(left, right) == (True, "")
    assert pair(left, right | {"abstract": "A trial of wet needling."}) == (False, "")
    assert pair(left, right | {"title": "Dry needling for neck pains"}) == (False, "")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"title": TITLE.upper()}, {"title": f"[{TITLE}.]"}),
        (
            {"title": "Post-traumatic stress in Überlingen: 47 officers"},
            {"title": "Posttraumatic stress in Uberlingen: 47 officers"},
        ),
        ({"title": "Effects of the 5-HT<sub>2A</sub> receptor"}, {"title": "Effects of the 5-HT2A receptor"}),
        ({"title": "Dry needling for chronic neck pain: a randomised trail"}, {}),
        ({"year": 2019}, {"year": 2020}),
        ({"year": None}, {}),
        ({"authors": ("Moreau A",)}, {"authors": ("A Moreau", "B Chen")}),
        ({"authors": ("Chen B", "Moreau A")}, {}),
        ({"abstract": ABSTRACT[:120]}, {}),
        ({"abstract": f"OBJECTIVE: {ABSTRACT} Copyright (C) 2020 Wolters Kluwer."}, {}),
        ({"abstract": ""}, {}),
        (
            {"doi": "10.1000/x", "title": "Aiguilletage", "abstract": ""},
            {"doi": "https://doi.org/10.1000/X", "title": ""},
        ),
        ({"pmid": "123", "year": 2001}, {"pmid": "PMID: 123"}),
        ({"journal": "J Abnorm Psychol"}, {"journal": "Journal of Abnormal Psychology"}),
        ({"journal": "pubmed"}, {"journal": "Embase (Ovid)"}),
    ],
)
def test_one_work_as_two_databases_write_it(left, right):
    assert pair(left, right) == (True, "")
    assert pair(right, left) == (True, "")


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        ({"title": f"{TITLE} (Part 1)"}, {"title": f"{TITLE} (Part 2)"}, "1, 2"),
        ({"title": f"{TITLE}, part I"}, {"title": f"{TITLE}, part II"}, "1, 2"),
        ({"title": f"{TITLE}, part A"}, {"title": f"{TITLE}, part B"}, "a, b"),
        ({"title": f"{TITLE}. First edition"}, {"title": f"{TITLE}. Third edition"}, "first, third"),
        ({"title": f"{TITLE} 2019"}, {"title": f"{TITLE} 2020"}, "2019, 2020"),
        ({"title": f"Erratum: {TITLE}"}, {}, "erratum, none"),
        ({"title": f"{TITLE} protocol"}, {}, "protocol, none"),
        ({"title": f"{TITLE}: reply"}, {}, "reply, none"),
        ({"title": f"{TITLE}: executive summary", "abstract": ""}, {"title": f"{TITLE}: a summary", "abstract": ""}, ""),
        ({"year": 2017}, {}, "the years differ: 2017, 2020"),
        ({"authors": ("Silva P",)}, {}, "the authors differ"),
        ({"doi": "10.1000/a"}, {"doi": "10.1000/b"}, "the DOIs differ"),
        ({"pmid": "1"}, {"pmid": "2"}, "the PMIDs differ"),
        ({"journal": "Pain"}, {"journal": "Acupuncture Today"}, "the journals differ"),
        ({"fields": (("M3", "Conference Abstract"),)}, {"fields": (("M3", "Article"),)}, "conference, other"),
        ({"abstract": "An earlier report, of thirty people, at the congress of the society. " * 2}, {}, "the abstracts differ"),
        (
            {"abstract": ABSTRACT.replace("120", "80").replace("6 w", "8 w").replace("21", "12").replace("9 w", "7 w")},
            {},
            "the abstracts' numbers differ",
        ),
        ({"doi": "10.1000/book", "title": "Sociological insights", "abstract": ""}, {"doi": "10.1000/book"}, "the titles differ"),
        ({"doi": "10.1000/a", "title": f"Corrigendum to {TITLE}"}, {"doi": "10.1000/a"}, "corrigendum, none"),
        ({"pmid": "5", "doi": "10.1000/a"}, {"pmid": "5", "doi": "10.1000/b"}, "the DOIs differ"),
    ],
)  # fmt: skip
def test_works_that_are_like_each_other_stay_apart_and_it_is_said_why(left, right, why):
    joined, against = pair(left, right)
    assert not joined
    assert why in against
    assert not pair(right, left)[0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"title": "Editorial", "abstract": ""}, {"title": "Editorial", "abstract": ""}),
        ({"title": "", "doi": "10.1000/a"}, {"title": "", "doi": "10.1000/b"}),
        ({"abstract": "", "authors": ()}, {"abstract": "", "authors": ()}),
        (
            {"title": "", "abstract": "", "doi": "n/a", "pmid": "0"},
            {"title": "", "abstract": "", "doi": "n/a", "pmid": "0"},
        ),
    ],
)
def test_records_that_say_too_little_are_not_joined(left, right):
    assert not pair(left, right)[0]


def test_a_chain_never_joins_two_dois_and_says_where_it_was_cut():
    records = [record(1, doi="10.1000/a"), record(2), record(3, doi="10.1000/c")]
    compared = compare_records(records)
    assert [group.members for group in compared.groups] == [(0, 1)]
    assert [(cut.left, cut.right) for cut in compared.held_apart] == [(0, 2), (1, 2)]
    assert compared.held_apart[1].comparison.against == "of their groups the DOIs differ: 10.1000/a, 10.1000/c"


def test_a_chain_of_years_is_cut():
    compared = compare_records([record(year, year=year) for year in (2018, 2019, 2020, 2021)])
    assert [group.members for group in compared.groups] == [(0, 1), (2, 3)]


records_of_few_values = st.lists(
    st.builds(
        record,
        st.integers(1, 99),
        title=st.sampled_from([TITLE, TITLE.upper(), f"{TITLE} (Part 2)", "Editorial", ""]),
        abstract=st.sampled_from([ABSTRACT, ABSTRACT[:130], ""]),
        authors=st.sampled_from([(), ("Moreau A",), ("Chen B",)]),
        year=st.sampled_from([None, 2019, 2020, 2021]),
        doi=st.sampled_from(["", "10.1000/a", "10.1000/b"]),
        pmid=st.sampled_from(["", "1", "2"]),
    ),
    max_size=9,
)


@settings(max_examples=100, deadline=None)
@given(records_of_few_values, st.randoms(use_true_random=False))
def test_groups_are_disjoint_hold_one_doi_and_one_pmid_and_name_a_tree_of_reasons(records, shuffle):
    compared = compare_records(records)
    members = [row for group in compared.groups for row in group.members]
    assert len(members) == len(set(members))
    for group in compared.groups:
        assert len(group.members) >= 2
        assert len(group.why) == len(group.members) - 1
        assert {row for joined in group.why for row in (joined.left, joined.right)} == set(group.members)
        for number in ("doi", "pmid"):
            assert len({getattr(records[row], number) for row in group.members} - {""}) <= 1
    for cut in compared.held_apart:
        assert cut.comparison.against
        assert not any({cut.left, cut.right} <= set(group.members) for group in compared.groups)


def test_the_order_of_records_does_not_matter_where_no_chain_is_cut():
    records = [record(n, title=f"Trial {n // 2} of dry needling in adults", doi=f"10.1000/{n // 2}") for n in range(40)]
    order = list(range(40))
    random.Random(3).shuffle(order)
    groups = find_duplicates([records[row] for row in order])
    assert {tuple(sorted(order[row] for row in group.members)) for group in groups} == {
        (n, n + 1) for n in range(0, 40, 2)
    }


def test_copies_judged_differently_are_a_finding():
    yes, no, unseen = (Decision(verdict) for verdict in ("included", "excluded", "not_seen"))
    records = [
        record(1, decisions=(yes,)),
        record(2, decisions=(no, unseen)),
        replace(record(3, title="Cupping for acute back pain", abstract=""), decisions=(yes,)),
        replace(record(4, title="Cupping for acute back pain", abstract=""), decisions=(unseen,)),
    ]
    groups = find_duplicates(records)
    assert [group.members for group in groups] == [(0, 1), (2, 3)]
    assert find_conflicts(groups, records) == [(groups[0], frozenset({"included", "excluded"}))]


def test_a_thousand_equal_records_and_a_thousand_editorials_take_no_quadratic_time():
    copies = [record(n, doi="10.1000/a") for n in range(1000)]
    editorials = [record(n, title="Editorial", abstract="", authors=(f"Author{n}",)) for n in range(1000)]
    others = [record(n, title="Cupping for back pain: a trial", abstract="") for n in range(1000)]
    assert [len(group.members) for group in find_duplicates(copies + editorials + others)] == [1000, 1000]


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.1000/JB.1", "10.1000/jb.1"),
        ("https://doi.org/10.1000/jb.1", "10.1000/jb.1"),
        ("http://dx.doi.org/10.1000/jb.1.", "10.1000/jb.1"),
        ("doi:10.1000/jb.1 [doi]", "10.1000/jb.1"),
        ("n/a", ""),
        ("", ""),
    ],
)
def test_dois_have_one_spelling(text, doi):
    assert normalise_doi(text) == doi


@pytest.mark.parametrize(("text", "pmid"), [("123", "123"), ("PMID: 00123", "123"), ("123.0", "123"), ("0", ""), ("PMC12 3", ""), ("", "")])  # fmt: skip
def test_pmids_have_one_spelling(text, pmid):
    assert normalise_pmid(text) == pmid


@pytest.mark.parametrize(
    ("author", "family"),
    [
        ("Moreau A", {"moreau"}),
        ("Moreau, Ana", {"moreau"}),
        ("Moreau A.B.", {"moreau"}),
        ("van der Vring, J A", {"vring"}),
        ("Weisæth L", {"weisaeth"}),
        ("Ana Moreau", {"ana", "moreau"}),
        ("World Health Organization", {"world", "health", "organization"}),
        ("Li X", {"li"}),
    ],
)
def test_family_names(author, family):
    assert find_family_name(author) == family


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("new england journal medicine", "n engl j med", True),
        ("bmj", "british medical journal", True),
        ("proceedings national academy sciences", "proc natl acad sci", True),
        ("", "pain", True),
        ("pain", "acupuncture today", False),
        ("journal pain", "journal urology", False),
    ],
)
def test_abbreviated_journals(left, right, same):
    assert may_be_same_journal(tuple(left.split()), tuple(right.split())) is same
