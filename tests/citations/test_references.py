"""References to acts: what names which act, in the styles of the Union, the United Kingdom and Canada."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.citations.british import format_british, format_regir, parse_british
from nirank.citations.canadian import format_canadian, parse_canadian
from nirank.citations.celex import Celex, format_celex, parse_celex
from nirank.citations.find import find_references, normalise_identifier

# A text, and what it names first, by hand.
ONE_REFERENCE = {
    "77/794/EEC": "31977L0794",
    "2014/65/EU": "32014L0065",
    "Regulation (EC) No 1907/2006": "32006R1907",
    "Directive 2014/65/EU": "32014L0065",
    "Council Regulation (EEC) No 2658/87": "31987R2658",
    "Council Decision 2008/615/JHA": "32008D0615",
    "Regulation (EU) 2016/679": "32016R0679",
    "Regulation (EU) No 2016/679": "32016R0679",
    "Regulation (EU) No 575/2013": "32013R0575",
    "Commission Delegated Regulation (EU) 2015/1555": "32015R1555",
    "Commission Implementing Regulation (EU) 2022/1650": "32022R1650",
    "Regulation (EU, Euratom) 2018/1046": "32018R1046",
    "Regulation (EEC, Euratom, ECSC) No 259/68": "31968R0259",
    "Regulation No 1009/67/EEC": "31967R1009",
    "Regulation No 17": "31962R0017",
    "Decision No 1386/2013/EU": "32013D1386",
    "Decision No 280/2004/EC": "32004D0280",
    "Commission Decision No 2496/96/ECSC": "31996S2496",
    "Decision 94/90/ECSC, EC, Euratom": "31994D0090",
    "Council Framework Decision 2002/584/JHA": "32002F0584",
    "Common Position 2001/931/CFSP": "32001E0931",
    "Commission Recommendation 2003/361/EC": "32003H0361",
    "Directive (EU) 2015/2366": "32015L2366",
    "First Council Directive 67/227/EEC": "31967L0227",
    "directive 2014/65/eu": "32014L0065",
    "2021/2115": "32021R2115",
    "32021R2115": "32021R2115",
    "32016R0679R(01)": "32016R0679R(01)",
    "32012D0243(01)": "32012D0243(01)",
    "02022R2065-20221027": "02022R2065-20221027",
    "http://data.europa.eu/eli/reg/2016/679/oj": "32016R0679",
    "https://data.europa.eu/eli/dec/2012/243(1)/oj": "32012D0243(01)",
    "https://data.europa.eu/eli/reg/2016/679/2016-05-04": "02016R0679-20160504",
    "Companies Act 2006 (c. 46)": "ukpga/2006/46",
    "2006 c. 46": "ukpga/2006/46",
    "UKPGA20060046": "ukpga/2006/46",
    "https://www.legislation.gov.uk/ukpga/2006/46/section/1": "ukpga/2006/46",
    "S.I. 1998/1833": "uksi/1998/1833",
    "SI 2004 No. 3426": "uksi/2004/3426",
    "2003 asp 1": "asp/2003/1",
    "S.S.I. 2004/520": "ssi/2004/520",
    "S.I. 2004/3426 (W. 303)": "wsi/2004/3426",
    "S.R. 2005/123": "nisr/2005/123",
    "2011 c. 5 (N.I.)": "nia/2011/5",
    "10 & 11 Geo. 6 c. 44": "ukpga/Geo6/10-11/44",
    "R.S.C., 1985, c. A-1": "A-1",
    "R.S., c. E-19": "E-19",
    "R.S.C., 1985, c. 1 (5th Supp.)": "RSC-1985-5S-1",
    "S.C. 2012, c. 19": "SC-2012-19",
    "SOR/2019-105": "SOR-2019-105",
    "SI/97-111": "SI-97-111",
    "C.R.C., c. 870": "CRC-870",
}


@pytest.mark.parametrize(("text", "identifier"), ONE_REFERENCE.items())
def test_r12_one_reference(text: str, identifier: str) -> None:
    for around in ("{}", "as laid down in {}, and in particular its Article 3", "({})"):
        (reference,) = find_references(around.format(text))
        assert reference.identifiers[0] == identifier
        assert reference.text == text
        assert around.format(text)[reference.start : reference.end] == text


def test_r12_both_ways() -> None:
    assert format_celex(Celex("3", 1977, "L", 794)) == "Directive 77/794/EEC"
    assert format_celex(Celex("3", 2006, "R", 1907)) == "Regulation (EC) No 1907/2006"
    assert format_celex(Celex("3", 2016, "R", 679)) == "Regulation (EU) 2016/679"


@given(letter=st.sampled_from("RLDFEHSO"), year=st.integers(1958, 2030), number=st.integers(1, 9999))
def test_a_formatted_celex_is_found_again(letter: str, year: int, number: int) -> None:
    if letter == "S":
        year = 1958 + year % 44  # the Coal and Steel Community ended in 2002
    if letter != "R":
        number = 1 + number % 1950  # 94/1951/EC could as well be of 1951
    celex = Celex("3", year, letter, number)
    (reference,) = find_references(format_celex(celex))
    assert reference.identifiers[0] == str(celex)
    assert parse_celex(str(celex)) == celex


@given(rest=st.sampled_from(["", "(01)", "R(01)", "R(02)", "-20160504"]), number=st.integers(1, 9999))
def test_b41_variants_stay_apart(rest: str, number: int) -> None:
    celex = Celex("0" if rest.startswith("-") else "3", 2016, "R", number, rest)
    assert parse_celex(str(celex)) == celex
    assert format_celex(celex) == str(celex) or not rest
    (reference,) = find_references(f"see {celex}.")
    assert reference.identifiers == (str(celex),)


@given(
    series=st.sampled_from(["ukpga", "uksi", "ssi", "wsi", "nisr", "asp", "anaw", "asc", "mwa", "ukla", "nisi"]),
    year=st.integers(1963, 2030),
    number=st.integers(1, 999),
)
def test_british_identifiers_are_found_again(series: str, year: int, number: int) -> None:
    identifier = f"{series}/{year}/{number}"
    assert [reference.identifiers for reference in find_references(format_british(identifier))] == [(identifier,)]
    assert parse_british(format_regir(identifier)) == parse_british(identifier) == identifier


@given(
    form=st.sampled_from(
        ["A-{n}", "CRC-{n}", "SOR-{y}-{n}", "SI-{y}-{n}", "SC-{y}-{n}", "SC-{y}-{n}-s4", "RSC-1985-4S-{n}"]
    ),
    year=st.integers(1978, 2030),
    number=st.integers(1, 999),
)
def test_canadian_identifiers_are_found_again(form: str, year: int, number: int) -> None:
    identifier = form.format(y=year, n=number)
    (reference,) = find_references(format_canadian(identifier))
    assert reference.identifiers[0] == identifier
    assert parse_canadian(format_canadian(identifier)) == identifier


def test_lists_share_the_kind() -> None:
    text = (
        "amending Directives 2004/39/EC (1), 2006/48/EC and 2006/49/EC and Regulations (EU) No 1093/2010,"
        " (EU) No 1094/2010 and (EU) 2016/679"
    )
    assert [(reference.text, *reference.identifiers) for reference in find_references(text)] == [
        ("Directives 2004/39/EC", "32004L0039"),
        ("2006/48/EC", "32006L0048"),
        ("2006/49/EC", "32006L0049"),
        ("Regulations (EU) No 1093/2010", "32010R1093"),
        ("(EU) No 1094/2010", "32010R1094"),
        ("(EU) 2016/679", "32016R0679"),
    ]


def test_a_number_behind_its_title() -> None:
    text = "FIRST COUNCIL DIRECTIVE of 11 April 1967 on turnover taxes (67/227/EEC)\nDecision of 3 May (77/795/EEC)"
    assert [reference.identifiers for reference in find_references(text)] == [("31967L0227",), ("31977D0795",)]


def test_names_of_acts() -> None:
    text = (
        "Pursuant to section 5 of the Aeronautics Act and the Fish, Game and Wildlife Act, under the Canadian Aviation"
        " Security Regulations, 2012. In Canada, the Bank of Canada Act applies, not the Late Payment of Commercial"
        " Debts (Interest) Act 1998. The General Data Protection Regulation too. This Act and these Regulations are in force."
    )
    assert [reference.text for reference in find_references(text)] == [
        "Aeronautics Act",
        "Fish, Game and Wildlife Act",
        "Canadian Aviation Security Regulations, 2012",
        "Bank of Canada Act",
        "Late Payment of Commercial Debts (Interest) Act 1998",
        "General Data Protection Regulation",
    ]
    assert not any(reference.identifiers or reference.certain for reference in find_references(text))


@pytest.mark.parametrize(
    "text",
    [
        "in the season 2019/2020, on 3/4/2015, in 12/2005 and in 2019/11, for 1/2 of 24/7",
        "the Treaty on the Functioning of the European Union, 12012E/TXT, and Article 114 of it",
        "UN Regulation No 83, OJ L 148, 20.5.2014, p. 36, A-1/2005/7",
        "This Act, the Act, an Order, the Regulations and R.S.N.L. 1990, c. S-13",
        "Part IV of the Act, Commander of Our Order, This Delegated Regulation, a Council Regulation",
        "",
    ],
)
def test_no_reference(text: str) -> None:
    assert find_references(text) == []


def test_a_number_alone_says_that_it_is_not_certain() -> None:
    (reference,) = find_references("2021/2115")
    assert reference.identifiers == ("32021R2115", "32021L2115", "32021D2115")
    assert not reference.certain


def test_normalised_identifiers() -> None:
    assert normalise_identifier("UKPGA20060046") == "ukpga/2006/46"
    assert normalise_identifier("SOR/94-123") == "SOR-94-123"
    assert normalise_identifier("R.S.C., 1985, c. C-52") == "C-52"
    assert normalise_identifier("S.C. 1992, c. 20, s. 9") == "SC-1992-20-s9"
    assert normalise_identifier("32022R2065") == "32022R2065"
    assert normalise_identifier("doc 7") is None


HOSTILE = [
    "1",
    "1/",
    "12/34 ",
    "(",
    "Aa ",
    "Act ",
    "Aa, and ",
    "Regulation (EU) No ",
    "Council ",
    "S.C. 1999, c. ",
    " ",
]


def test_time_is_linear() -> None:
    """A megabyte that begins every pattern and ends none is not slower than twenty times a twentieth of it, by far."""
    seconds = []
    for size in (50_000, 1_000_000):
        text = "".join(piece * (size // len(HOSTILE) // len(piece)) for piece in HOSTILE)
        start = time.process_time()
        find_references(text)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 60 * seconds[0] + 0.5
