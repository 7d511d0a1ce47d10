"""Which documents of a collection a text names, and texts without these names."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nirank.citations.catalogue import Catalogue
from nirank.citations.find import find_references
from nirank.citations.masking import mask_references
from nirank.citations.places import find_preamble_end

DOCS: dict[str, tuple[str, dict[str, Any], str]] = {
    "32012D0243(01)": ("Decision on an agency's budget lines", {}, ""),
    "32012D0243": ("Decision on radio spectrum policy", {}, ""),
    "02022R2065-20221027": ("Digital services, consolidated", {"work": "32022R2065"}, ""),
    "32022R2065": ("Digital services", {"short_title": "Digital Services Act, DSA"}, ""),
    "02014L0065-20160703": ("Markets in instruments as of 2016", {}, ""),
    "32014R0600": ("Markets in instruments", {}, ""),
    "UKPGA20060046": ("Companies Act 2006", {}, ""),
    "UKPGA19850006": ("Companies Act 1985", {}, ""),
    "B-1.01": ("Bank Act", {"number": "S.C. 1991, c. 46"}, ""),
    "B-2": ("An Act respecting the Bank of Canada", {}, "This Act may be cited as the Bank of Canada Act. Bank Act"),
    "CRC-604": ("Import Control List", {}, ""),
    "policy-2019": ("Wine", {}, ""),
}
ROWS = list(DOCS)
CATALOGUE = Catalogue.of((id, *names) for id, names in DOCS.items())


def find(text: str, catalogue: Catalogue = CATALOGUE) -> list[list[str]]:
    return [[ROWS[row] for row in citation.rows] for citation in catalogue.find_citations(text)]


def test_b41_variants_are_documents_of_their_own() -> None:
    assert find("32012D0243(01) and Decision 2012/243/EU") == [["32012D0243(01)"], ["32012D0243"]]
    assert find("Regulation (EU) No 2065/2022 or (EU) 2022/2065") == [["32022R2065"], ["32022R2065"]]
    assert find("02022R2065-20221027") == [["02022R2065-20221027"]]


def test_an_act_of_which_only_a_consolidated_text_is_there() -> None:
    assert find("Directive 2014/65/EU") == [["02014L0065-20160703"]]


def test_b42_a_number_alone() -> None:
    assert find("2022/2065") == [["32022R2065"]]
    assert find("600/2014") == [["32014R0600"]]
    assert find("2012/243") == [["32012D0243"]]
    assert find("2021/2115") == []


def test_titles() -> None:
    assert find("the companies act 2006, not that of 1986") == [["UKPGA20060046"]]
    assert find("Companies Act 1986") == []
    assert find("section 2 of the Bank Acta applies; the BANK ACT") == [["B-1.01"], ["B-1.01"]]
    assert find("the Bank of Canada Act, the Export Bank Act, the Bank Act, 1980") == [["B-2"]]
    assert find("the Import\nControl List") == [["CRC-604"]]
    assert find("a wine act, an act, DSA and dsa") == [["32022R2065"]]
    assert find("S.C. 1991, c. 46 and policy-2019.") == [["B-1.01"], ["policy-2019"]]


def test_links_of_marked_up_laws() -> None:
    """A work, its expressions and their parts are the documents of that work; identifiers are what they are."""
    act = "/akn/zz/act/2019/7"
    documents = [(f"{act}@2021-06-30", act), (f"{act}@2022-01-01", act), ("/akn/zz/act/2020/7", ""), ("32014L0065", "")]
    catalogue = Catalogue.of((id, "", {"work": work} if work else {}, "") for id, work in documents)
    for link in (act, f"{act}/eng@2021-06-30", f"{act}/!main~art_2", f"{act}/eng@2021-06-30/!main#art_1", f"{act}/eng"):
        assert catalogue.resolve_link(link) == (0, 1), link
    assert catalogue.resolve_link(f"{act}@2022-01-01") == (1,)
    assert catalogue.resolve_link("/akn/zz/act/2019/77") == ()
    assert catalogue.resolve_link("http://data.europa.eu/eli/dir/2014/65/oj") == (3,)


def test_a_title_that_is_nearly_one() -> None:
    (citation,) = CATALOGUE.find_citations("under the Banks of Canada Act")
    assert [ROWS[row] for row in citation.rows] == ["B-2"]
    assert not citation.exact
    assert find("under the Companies Act 2005") == []


def test_a_catalogue_is_json() -> None:
    again = Catalogue(**CATALOGUE.to_json())
    assert again == CATALOGUE
    assert find("DSA, Bank Act", again) == [["32022R2065"], ["B-1.01"]]


PIECES = [
    "Directives 2014/65/EU", " and ", "2022/2065", " (EU) ", "Regulation", "32012D0243", "(01)", ", ", "the ", "Bank", " ",
    "Act", "Companies Act 2006", " (c. 46)", "DSA", "policy-2019", "wine", "Import Control List", "/", "600/2014", "S.C. ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_r13_nothing_is_left_that_names_a_document(text: str) -> None:
    masked, n_references = mask_references(text, CATALOGUE, "[ACT]")
    assert CATALOGUE.find_citations(masked) == []
    assert not [reference for reference in find_references(masked) if reference.certain]
    assert (n_references == 0) == (masked == text)


def test_what_is_masked() -> None:
    text = "Directives 1999/5/EC and 2014/65/EU, the Wild Bird Act, seen 2019/456 times"
    assert mask_references(text, CATALOGUE, "[ACT]") == ("[ACT] and [ACT], the [ACT], seen 2019/456 times", 3)
    assert mask_references("wine", CATALOGUE, "[ACT]") == ("wine", 0)


def test_where_preambles_end() -> None:
    union = "REGULATION 1\nHaving regard to the Treaty,\nWhereas:\n(1) It is so.\nHAS ADOPTED THIS REGULATION"
    assert union[find_preamble_end(union) :].startswith("Whereas:")
    canada = "Whereas the Minister asked; Therefore, pursuant to section 5 of the Act, hereby makes the annexed Order."
    assert canada[find_preamble_end(canada) :].startswith("hereby makes")
    assert find_preamble_end("1 This Act binds the Crown.") == 0
