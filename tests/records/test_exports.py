"""Real exports, and small ones by hand: how many records, which fields, whose decisions."""

from __future__ import annotations

import codecs
from collections import Counter
from pathlib import Path

import pytest

from nirank.errors import DataError
from nirank.records.decisions import UNCLEAR_MARK, combine_decisions
from nirank.records.files import read_record_file, write_record_file
from nirank.records.record import Decision, RecordFile


def read(path: Path, content: str | bytes) -> RecordFile:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_record_file(path)


@pytest.mark.parametrize(
    ("name", "form", "tool", "records", "abstracts", "dois", "verdicts"),
    [
        ("ris_issue_992.txt", "ris", "rayyan", 19, 8, 3, {None: 19}),
        ("baseline_tag-notes_labels.ris", "ris", "asreview", 32, 0, 0, {"included": 10, "excluded": 10, "not_seen": 10, None: 2}),
        ("medline-cancer.nbib", "nbib", "pubmed", 20, 20, 20, {None: 20}),
        ("endnote-sm.xml", "endnote_xml", "endnote", 5, 3, 0, {None: 5}),
        ("_baseline_rayyan.csv", "csv", "rayyan", 10, 8, 10, {"included": 2, "maybe": 2, "excluded": 2, None: 4}),
    ],
)  # fmt: skip
def test_real_exports(shared_data: Path, name, form, tool, records, abstracts, dois, verdicts) -> None:
    file = read_record_file(shared_data / "screening" / "exports" / name)
    assert (file.format, file.tool, len(file.records)) == (form, tool, records)
    assert sum(bool(record.abstract) for record in file.records) == abstracts
    assert sum(bool(record.doi) for record in file.records) == dois
    assert all(record.title for record in file.records)
    assert Counter(combine_decisions(record.decisions) for record in file.records) == verdicts
    assert len({record.id for record in file.records}) == records
    assert not file.findings


def test_the_untagged_lines_of_a_real_export_stay_in_their_values(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "screening" / "exports" / "ris_issue_992.txt"
    file = read_record_file(source)
    assert sum(value.count("\n") for record in file.records for _, value in record.fields) == 265
    assert file.records[0].keywords[:2] == ("Health Facility Administration", "Joint Commission")
    write_record_file(tmp_path / "same.ris", file, None, {})
    written = (tmp_path / "same.ris").read_text()
    assert [line.rstrip() for line in written.split("\n")] == [
        line.rstrip() for line in source.read_text().rstrip().split("\n")
    ] + ["", ""]


LABELS = codecs.BOM_UTF8 + (
    b"TY  - JOUR\r\nT1  - Vitamin D\r\nN2  - A trial.\r\nLB  - 4471\r\nN1  - In the seeds. ASReview_relevant. Checked.\r\n"
    b"N1  - ASReview_prior\r\nER  - \r\n\r\nTY  - JOUR\r\nTI  - Cats\r\nAB  - Food\r\nfor cats.\r\nKW  - cats\r\nfood\r\n"
    b"LB  - 0\r\nN1  - <p>ASReview_irrelevant</p>\r\nER  -\r\n\r\nTY  - CHAP\r\nTI  - Vitamins\r\nT2  - A handbook\r\n"
    b"N1  - ASReview_not_seen\r\nPY  - 2017///\r\nDO  - 10.1000/JB.3\r\nUR  - https://a/1\r\nUR  - https://a/2\r\nER  - \r\n"
    b'\r\nTY  - GEN\r\nTI  - None\r\nN1  - note: "ASReview_relevant is a word here"\r\nER  - \r\n'
)


def test_ris_with_the_labels_of_asreview(tmp_path: Path) -> None:
    file = read(tmp_path / "labels.txt", LABELS)
    first, second, third, fourth = file.records
    assert [record.id for record in file.records] == ["1", "2", "3", "4"]
    assert (first.title, first.abstract, second.abstract, second.keywords) == (
        "Vitamin D",
        "A trial.",
        "Food for cats.",
        ("cats", "food"),
    )
    assert first.decisions == (Decision("included", prior=True),)
    assert [combine_decisions(record.decisions) for record in (second, third, fourth)] == ["excluded", "not_seen", None]
    assert (third.date, third.year, third.doi, third.journal) == ("2017", 2017, "10.1000/JB.3", "A handbook")
    assert [value for tag, value in third.fields if tag == "UR"] == ["https://a/1", "https://a/2"]
    assert file.encoding == "utf-8-sig"
    assert file.findings == {UNCLEAR_MARK: 1}


def test_labels_are_replaced_where_they_stand(tmp_path: Path) -> None:
    file = read(tmp_path / "labels.ris", LABELS)
    write_record_file(tmp_path / "out.ris", file, None, {"decision": ["excluded", "included", "maybe", ""]})
    text = (tmp_path / "out.ris").read_text("utf-8-sig")
    assert "N1  - In the seeds. ASReview_irrelevant. Checked.\nN1  - ASReview_prior\nER  - \n" in text
    assert "N1  - <p>ASReview_relevant</p>\nER  - \n" in text
    assert "N1  - ASReview_not_seen\nPY  - 2017///" in text
    assert 'N1  - note: "ASReview_relevant is a word here"\nN1  - ASReview_not_seen\nER  - \n' in text
    assert text.count("nirank_decision") == text.count("nirank_decision: maybe") == 1


def test_records_whose_ends_are_missing_are_records(tmp_path: Path) -> None:
    file = read(
        tmp_path / "a.ris",
        "Provider: X\nTY  - JOUR\nTI  - a\nTY  - JOUR\nTI  - b\nER  - \nTI  - c\nER  - \nER  - \nTY  - JOUR\nTI  - d",
    )
    assert [record.title for record in file.records] == ["a", "b", "c", "", "d"]
    assert [record.line for record in file.records] == [2, 4, 7, 9, 10]
    assert file.findings == {
        "lines before the first record": 1,
        "records without ER before the next TY": 1,
        "records that do not begin with TY": 1,
        "records without ER at the end of the file": 1,
    }


def test_the_mark_of_a_files_end_is_no_record(tmp_path: Path) -> None:
    file = read(tmp_path / "a.ris", "TY  - JOUR\nTI  - a\nER  - \nEF  - \n")
    assert len(file.records) == 1
    assert not file.findings


def test_fields_go_where_they_belong_in_another_form_and_come_back(tmp_path: Path) -> None:
    text = "TY  - BOOK\nTI  - T\nAU  - A, B\nPY  - 2019/03/04/\nVL  - 3\nXX  - odd\nN1  - one\nN1  - ASReview_relevant\nER  - \n"
    write_record_file(tmp_path / "b.csv", read(tmp_path / "a.ris", text), None, {"rank": ["1"]})
    assert (tmp_path / "b.csv").read_text() == (
        "id,title,abstract,authors,date,journal,keywords,doi,pmid,language,type,volume,XX,notes,rank\n"
        '1,T,,"A, B",2019-03-04,,,,,,BOOK,3,odd,"one\nASReview_relevant",1\n'
    )
    write_record_file(tmp_path / "c.ris", read_record_file(tmp_path / "b.csv"), None, {})
    assert (tmp_path / "c.ris").read_text() == (
        "TY  - BOOK\nID  - 1\nTI  - T\nAU  - A, B\nPY  - 2019\nDA  - 2019/03/04/\nVL  - 3\nN1  - one\n"
        "N1  - ASReview_relevant\nN1  - XX: odd\nN1  - nirank_rank: 1\nER  - \n\n"
    )


def test_nbib(tmp_path: Path) -> None:
    text = (
        "PMID- 31000001\nDP  - 2016 May 28\nTI  - Levels in patients \n      with fractures.\nLID - S17(19)3-X [pii]\n"
        "LID - 10.1000/jb.747 [doi]\nAB  - A trial.\n      METHODS: - AB  - is no tag here.\nFAU - Moreau, Ana\n"
        "AU  - Moreau A\nLA  - ENG\nLA  - eng\nAID - 10.1000/jb.747 [doi]\n\nPMID- 31000002\nTI  - [Falls].\nDP  - 2014 Winter\n"
        "\nPMID- 31000003\nBTI - A handbook\nCTI - Falls\nDP  - 2013 May-Jun\n"
    )
    for name in ("a.nbib", "a.txt", "a.ris"):
        file = read(tmp_path / name, text)
        first, _, third = file.records
        assert file.format == "nbib"
        assert [record.id for record in file.records] == ["31000001", "31000002", "31000003"]
        assert (first.title, first.abstract) == (
            "Levels in patients with fractures.",
            "A trial. METHODS: - AB  - is no tag here.",
        )
        assert (first.doi, first.language, first.authors) == ("10.1000/jb.747", "eng", ("Moreau, Ana",))
        assert [record.date for record in file.records] == ["2016-05-28", "2014", "2013-05/2013-06"]
        assert third.title == "Falls"
    write_record_file(tmp_path / "out.nbib", read_record_file(tmp_path / "a.nbib"), None, {})
    assert (tmp_path / "out.nbib").read_text() == f"{text}\n"


PUBMED = """<?xml version="1.0"?><!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "https://dtd.nlm.nih.gov/pubmed.dtd">
<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">7</PMID><Article><Journal><JournalIssue><PubDate>
<Year>2020</Year><Month>02</Month><Day>3</Day></PubDate></JournalIssue><Title>J Bone</Title></Journal>
<ArticleTitle>H<sub>2</sub>O and <i>falls</i>.</ArticleTitle><Abstract><AbstractText Label="AIM">To see.</AbstractText>
<AbstractText Label="RESULT">p &lt; 5.</AbstractText></Abstract><AuthorList><Author><LastName>Moreau</LastName>
<ForeName>Ana</ForeName></Author><Author><CollectiveName>The Group</CollectiveName></Author></AuthorList>
<Language>eng</Language></Article><MeshHeadingList><MeshHeading><DescriptorName>Water</DescriptorName></MeshHeading>
</MeshHeadingList></MedlineCitation><PubmedData><ReferenceList><Reference><ArticleIdList><ArticleId IdType="doi">10.9999/cited
</ArticleId></ArticleIdList></Reference></ReferenceList><ArticleIdList><ArticleId IdType="doi">10.1000/own</ArticleId>
</ArticleIdList></PubmedData></PubmedArticle><PubmedBookArticle><BookDocument><PMID>8</PMID><Book><BookTitle>A handbook
</BookTitle></Book></BookDocument></PubmedBookArticle></PubmedArticleSet>"""


def test_pubmed_xml(tmp_path: Path) -> None:
    file = read(tmp_path / "a.xml", PUBMED)
    first, second = file.records
    assert (first.id, first.title, first.abstract) == ("7", "H2O and falls.", "AIM: To see. RESULT: p < 5.")
    assert (first.doi, first.date, first.language, first.journal) == ("10.1000/own", "2020-02-03", "eng", "J Bone")
    assert (first.authors, first.keywords) == (("Moreau, Ana", "The Group"), ("Water",))
    assert (second.id, second.title) == ("8", "A handbook")


def test_rayyan_has_decisions_of_each_reviewer(tmp_path: Path) -> None:
    head = "key,title,year,issn,authors,abstract,notes,doi,pubmed_id,pmc_id\n"
    notes = [
        '"RAYYAN-INCLUSION: {""Ana""=>""Included"", ""Bo""=>""Excluded""} | RAYYAN-LABELS: rct | RAYYAN-EXCLUSION-REASONS: population"',
        '"RAYYAN-INCLUSION: {""Ana""=>""Excluded""}"', '"RAYYAN-INCLUSION: {""Ana""=>""Maybe""}"', "",
    ]  # fmt: skip
    rows = [f'rayyan-{n},T{n},2020,,"Moreau, A. and Bo, B.",A.,{note},,,\n' for n, note in enumerate(notes, 1)]
    file = read(tmp_path / "a.csv", head + "".join(rows))
    assert file.tool == "rayyan"
    assert [record.id for record in file.records] == ["rayyan-1", "rayyan-2", "rayyan-3", "rayyan-4"]
    assert file.records[0].decisions == (Decision("included", "Ana"), Decision("excluded", "Bo", reason="population"))
    assert file.records[0].authors == ("Moreau, A.", "Bo, B.")
    assert [combine_decisions(record.decisions) for record in file.records] == ["included", "excluded", "maybe", None]


TABLES = {
    "pubmed": ('\ufeff"PMID","Title","Authors","Journal/Book","Publication Year","Create Date","DOI"\n'
               '"31000001","Falls","Moreau A, Bo B.","J Bone","2020","2019/03/30","10.1/a"\n', ["31000001"], ["2020"], [None]),
    "covidence": ("Title,Authors,Abstract,Published Year,Covidence #,Study,Notes\n"
                  'A,"M, A.; L, B.",T.,2020,#1,M 2020,\nB,"M, A.",U.,2020,#6,M 2020,Exclusion reason: Wrong age; \n',
                  ["#1", "#6"], ["2020", "2020"], [None, "excluded"]),
    "abstrackr": ("(internal) id,(source) id,abstract,title,consensus,labeled_at,Ana,labeled_at,general notes (Ana)\n"
                  "501,7,a,A,o,,1,2024,\n502,9,b,B,o,,-1,2024,\n503,9,b,B,o,,0,2024,\n504,9,b,B,-1,,1,2024,\n"
                  "citations that are not yet labeled by anyone\n505,5,c,C\n",
                  ["501", "502", "503", "504", "505"], [""] * 5, ["included", "excluded", "maybe", "excluded", None]),
    "embase": ('"SEARCH QUERY","vitamin:ti"\n-----\n\n"Title","Author Names","Source","Abstract","DOI"\n'
               '"A","M A.","J Bone 2020","T.","10.1/a"\n', ["1"], [""], [None]),
    "cinahl": ("Article Title,Author,Journal Title,ISSN,Publication Date,Accession Number,Abstract\n"
               'A,"M, A",J Bone,="19326203",="4/3/2024","176",T.\n', ["176"], ["2024-04-03"], [None]),
    "cochrane": ('CENTRAL ID,Author(s),Title,Year,Abstract,PubMed ID\n"CN-1","B, T; H, J","A","2011","T.","PUBMED 21314913"\n',
                 ["CN-1"], ["2011"], [None]),
    "openalex": ("id,doi,title,display_name,publication_year,cited_by_count,abstract,ids.openalex\n"
                 "https://openalex.org/W1,https://doi.org/10.1000/a,A,A,2020,3,T.,x\n", ["https://openalex.org/W1"], ["2020"], [None]),
    "googlescholar": ('Authors,Title,Publication,Volume,Number,Pages,Year,Publisher\n"B, P; W, K; ",A,J Bone,76,3,4,2001,C\n',
                      ["1"], ["2001"], [None]),
    "refworks": ("Reference Type\tReference Id\tAuthors, Primary\tTitle Primary\tPub Year\tAbstract\t\n"
                 "Journal Article\t100\tde Jong,Y;B,A\tA\t2014\tT.\t\n", ["100"], ["2014"], [None]),
    "eppi": ("ItemId,ShortTitle,Full title,I/E/D/S flag\n11,M (2020),A,(I)\n12,N (2020),B,(E)\n13,N (2020),B,(S) Duplicate\n",
             ["11", "12", "13"], [""] * 3, ["included", "excluded", None]),
    "asreview": ("record_id,title,abstract,asreview_label,asreview_prior\n0,A,a,1,1\n1,B,b,0,\n2,C,c,,\n",
                 ["0", "1", "2"], [""] * 3, ["included", "excluded", None]),
}  # fmt: skip


@pytest.mark.parametrize("tool", TABLES)
def test_tables_of_tools(tmp_path: Path, tool: str) -> None:
    text, ids, dates, verdicts = TABLES[tool]
    for name, content in (("a.csv", text), ("a.tsv", text.encode("utf-16")), ("a", text.replace("\n", "\r\n"))):
        file = read(tmp_path / name, content)
        assert file.tool == tool
        assert [record.id for record in file.records] == ids
        assert [record.date for record in file.records] == dates
        assert [combine_decisions(record.decisions) for record in file.records] == verdicts
        assert all(record.title for record in file.records)


def test_cells_are_unwrapped_and_the_first_row_of_cinahl_is_whole(tmp_path: Path) -> None:
    record = read(tmp_path / "a.csv", TABLES["cinahl"][0]).records[0]
    assert dict(record.fields)["ISSN"] == "19326203"
    assert read(tmp_path / "a.csv", TABLES["cochrane"][0]).records[0].pmid == "21314913"
    assert read(tmp_path / "a.csv", TABLES["openalex"][0]).records[0].doi == "10.1000/a"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"),
     ("cp1252", "cp1252"), ("latin-1", "cp1252")],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    text = "TY  - JOUR\nTI  - Säure und Öl\nAU  - Müller\nER  - \n"
    file = read(tmp_path / "a.ris", text.encode(encoding))
    assert (file.records[0].title, file.records[0].authors, file.encoding) == ("Säure und Öl", ("Müller",), name)
    assert file.findings == ({"lines that are not UTF-8, read as Windows-1252": 2} if name == "cp1252" else {})


def test_a_file_joined_of_two_encodings_is_read_line_by_line(tmp_path: Path) -> None:
    one, two = "TY  - JOUR\nTI  - Säure — “x”\nER  - \n".encode(), b"TY  - JOUR\nTI  - S\xe4ure \x97 x\x81\nER  - \n"
    file = read(tmp_path / "a.ris", one + two)
    assert [record.title for record in file.records] == ["Säure — “x”", "Säure \x97 x\x81"]
    assert (file.encoding, dict(file.findings)) == ("utf-8", {"lines that are not UTF-8, read as Latin-1": 1})


HOSTILE = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "pdf": (b"%PDF-1.7 ...", "is a PDF; expected an export of records"),
    "xls": (b"\xd0\xcf\x11\xe0 ...", "is an old Excel workbook"),
    "zip": (b"PK\x03\x04 ...", "is not a whole one"),
    "nul": (b"TY  - JOUR\nTI  - a\0b\nER  - \n", "a.ris:2: holds a NUL character"),
    "json": (b'{"a": 1}\n', "is JSON"),
    "bibtex": (b"@article{a,\n title={b}}\n", "looks like BibTeX; expected RIS"),
    "prose": (b"Dear all,\nhere is my list.\n", "it begins 'Dear all, here is my list.'"),
    "html": (b"<!DOCTYPE html><html><body>x</body></html>", "holds no records that are recognised"),
    "entities": (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><xml><records><record><titles><title>&c;'
                 b"</title></titles></record></records></xml>", "declares XML entities"),
    "entities behind what looks like an element": (b'<!-- <xml> --><!DOCTYPE xml SYSTEM "<xml" [<!ENTITY a "b">]><xml><records>'
                 b"<record><titles><title>&a;</title></titles></record></records></xml>", "declares XML entities"),
    "broken off": (b"<xml><records><record><titles><title>a</title></titles></record>\n<rec", "a.ris:2: not well-formed XML"),
    "ids alone": (b"name,size\na,1\n", "holds no records that are recognised"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_record_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    content, message = HOSTILE[case]
    with pytest.raises(DataError) as error:
        read(tmp_path / "a.ris", content)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "a.ris"))
    assert "\n" not in str(error.value)


def test_a_line_without_end_is_refused_before_anything_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nirank.records.decoding.MAX_LINE_BYTES", 1000)
    with pytest.raises(DataError, match=r"a\.ris:2: the line is longer than"):
        read(tmp_path / "a.ris", "TY  - JOUR\nAB  - " + "x" * 2000 + "\nER  - \n")


def test_a_column_of_the_users_own_is_never_overwritten(tmp_path: Path) -> None:
    file = read(tmp_path / "a.csv", "id,title,rank,decision\na,A,best,because\nb,B,worst,\n")
    write_record_file(tmp_path / "b.csv", file, [1, 0], {"rank": ["2", "1"], "decision": ["included", "excluded"]})
    assert (tmp_path / "b.csv").read_text() == (
        "id,title,rank,decision,nirank_rank,nirank_decision\nb,B,worst,,1,excluded\na,A,best,because,2,included\n"
    )
    again = read_record_file(tmp_path / "b.csv")
    assert [record.added for record in again.records] == [
        (("rank", "1"),),
        (("rank", "2"),),
    ]
    assert [combine_decisions(record.decisions) for record in again.records] == ["excluded", "included"]


def test_a_workbook_refuses_what_a_cell_cannot_hold_and_keeps_what_looks_like_a_formula(tmp_path: Path) -> None:
    file = read(tmp_path / "a.ris", "TY  - JOUR\nTI  - =1+1\nAB  - a_x0041_b \x0b c\nER  - \n")
    write_record_file(tmp_path / "a.xlsx", file, None, {})
    record = read_record_file(tmp_path / "a.xlsx").records[0]
    assert (record.title, record.abstract) == ("=1+1", "a_x0041_b \x0b c")
    file = read(tmp_path / "a.ris", f"TY  - JOUR\nTI  - t\nAB  - {'x' * 40_000}\nER  - \n")
    with pytest.raises(
        DataError, match=r"record 1 has 40,000 characters in 'abstract', and a cell of XLSX holds 32,767"
    ):
        write_record_file(tmp_path / "b.xlsx", file, None, {})
    assert not (tmp_path / "b.xlsx").exists()


def test_one_quote_that_does_not_match_leaves_the_other_rows_as_they_are(tmp_path: Path) -> None:
    rows = 'id,title,abstract\n1,"Cats, dogs","one\ntwo"\n2,"""Quoted"" x","b, c"\n3,"Bad" quote,"d, e"\n'
    file = read(tmp_path / "a.csv", rows)
    assert [record.title for record in file.records] == ["Cats, dogs", '"Quoted" x', "Bad quote"]
    assert [record.abstract for record in file.records] == ["one two", "b, c", "d, e"]
    assert dict(file.findings) == {"lines whose quotes do not match, so that those cells may lack quotes": 1}
    file = read(tmp_path / "a.tsv", 'id\ttitle\tabstract\n1\t"Cats" and dogs\tx\n2\t"An inch\ty\n')  # nothing is quoted
    assert [record.title for record in file.records] == ['"Cats" and dogs', '"An inch']


def test_exports_that_were_put_into_one_file_lose_no_record(tmp_path: Path) -> None:
    one = "TY  - JOUR\nTI  - A\nAB  - TY\nER  - \n\n"
    loose = "TY - JOUR\nTI - B\nAB - x\nER -\n\n"
    file = read(tmp_path / "a.ris", one + loose + "\ufeff" + one)
    assert [record.title for record in file.records] == ["A", "B", "A"]
    assert [record.fields[0] for record in file.records] == [("TY", "JOUR")] * 3
    assert not file.findings


def test_a_word_that_is_no_decision_is_counted_with_its_column(tmp_path: Path) -> None:
    file = read(tmp_path / "a.csv", "id,title,included\n1,A,1\n2,B,0\n3,C,duplicate\n")
    assert not any(record.decisions for record in file.records)
    assert dict(file.findings) == {"cells such as 'duplicate' in column 'included', which is not read for them": 1}
    file = read(tmp_path / "a.csv", "id,title,label\n1,A,1\n2,B,cats\n3,C,dogs\n")  # no column of decisions
    assert not file.findings
