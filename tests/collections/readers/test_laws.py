"""Laws in XML and HTML: no provision is lost, notes stay apart, parts and dates are those of the source."""

from __future__ import annotations

import dataclasses
import gzip
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.collections.dates import make_date_range, read_dates
from nirank.collections.readers import formats
from nirank.collections.readers.law_grammars import AkomaNtoso
from nirank.collections.readers.law_walk import PART_END, read_law_text
from nirank.collections.readers.laws import LAWS, begins_law
from nirank.collections.readers.plain_texts import begins_html
from nirank.collections.sources.file_set import FileSet
from nirank.collections.sources.text_files import TextFiles
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.experiment.loading import load, load_alone
from nirank.stages.versions import Versions

AKN = """<?xml version="1.0" encoding="UTF-8"?>
<akomaNtoso xmlns="http://docs.oasis-open.org/legaldocml/ns/akn/3.0"><act name="act"><meta><identification source="#x">
<FRBRWork><FRBRthis value="/akn/zz/act/2019/7/main"/><FRBRuri value="/akn/zz/act/2019/7"/>
<FRBRdate date="2019-03-01" name="Generation"/></FRBRWork>
<FRBRExpression><FRBRuri value="/akn/zz/act/2019/7/eng@2021-06-30"/><FRBRdate date="2021-06-30" name="Generation"/>
<FRBRlanguage language="eng"/></FRBRExpression></identification>
<lifecycle source="#x"><eventRef date="2030-01-01" type="repeal" source="#r"/></lifecycle></meta>
<preface><longTitle><p>Water Permits Act</p></longTitle></preface><body>
<article eId="art_1"><num>Article 1</num><heading>Permits</heading><paragraph eId="art_1__para_1"><num>1.</num><content>
<p>A permit<authorialNote marker="1"><p>Note text.</p></authorialNote> is needed.</p></content></paragraph>
<paragraph><num>2.</num><intro><p>It states:</p></intro><point><num>(a)</num><content><p>the volume;</p></content></point>
<point><num>(b)</num><content><p>the source, see <ref href="/akn/zz/act/2000/60">Directive 2000/60/EC</ref>.</p></content>
</point></paragraph></article>
<article eId="art_2"><num>Article 2</num><heading>Fees</heading><content><table><tr><td><p>Band</p></td><td><p>Fee</p></td>
</tr><tr><td><p>A</p></td><td><p>100</p></td></tr></table></content></article>
<chapter><num>CHAPTER II</num><heading>Last things</heading>
<article eId="art_3"><num>Article 3</num><heading>(repealed)</heading></article>
<article eId="art_4"><num>Article 4</num><content><p>The following is inserted: <mod><quotedStructure>
<article eId="art_9a"><num>Article 9a</num><content><p>New text.</p></content></article></quotedStructure></mod></p></content>
</article></chapter></body></act></akomaNtoso>"""

FORMEX = """<?xml version="1.0" encoding="ISO-8859-1"?><CONS.ACT><INFO.CONSLEG CONSLEG.REF="1976L0207" END="NONE"
END.DATE="99999999" LEG.VAL="DIR" START.DATE="20060815"/><CONS.DOC><BIB.INSTANCE><DATE ISO="20060815">20060815</DATE>
<LG.DOC>EN</LG.DOC></BIB.INSTANCE><FAM.COMP LEG.VAL="DIR"><BIB.DATA><BIB.INSTANCE.CONS><DATE ISO="19760214">19760214</DATE>
</BIB.INSTANCE.CONS><NO.CELEX>31976L0207</NO.CELEX><DATE ISO="19760209">19760209</DATE><TITLE><TI><P>Council</P></TI></TITLE>
</BIB.DATA></FAM.COMP><TITLE><TI><P><HT TYPE="UC">Council Directive</HT></P><P>of 9 February 1976</P></TI></TITLE>
<PREAMBLE><PREAMBLE.INIT>THE COUNCIL,</PREAMBLE.INIT><GR.VISA><VISA>Having regard to the Treaty<NOTE NOTE.ID="E1"><P>
<REF.DOC.OJ COLL="L">OJ L 45, 19.2.1975, p. 19</REF.DOC.OJ>.</P></NOTE>,</VISA></GR.VISA><GR.CONSID><CONSID><NP>
<NO.P>(1)</NO.P><TXT>Caf\u00e9s are equal.</TXT></NP></CONSID></GR.CONSID></PREAMBLE><ENACTING.TERMS><DIVISION><TITLE><TI>
<P>CHAPTER I</P></TI><STI><P>General</P></STI></TITLE><ARTICLE IDENTIFIER="001"><TI.ART>Article 1</TI.ART><STI.ART><P>Aim</P>
</STI.ART><PARAG IDENTIFIER="001.001"><NO.PARAG>1.</NO.PARAG><ALINEA>The purpose is equal treatment.</ALINEA></PARAG>
<?CLG.MDFO ID="O1"?><PARAG IDENTIFIER="001.001A"><NO.PARAG>1a.</NO.PARAG><ALINEA><P>In relation to:</P><LIST TYPE="alpha">
<ITEM><NP><NO.P>(a)</NO.P><TXT>access;</TXT></NP></ITEM><ITEM><NP><NO.P>(b)</NO.P><TXT>pay.</TXT></NP></ITEM></LIST></ALINEA>
<ALINEA>A second subparagraph.</ALINEA></PARAG></ARTICLE></DIVISION><ARTICLE IDENTIFIER="002A"><TI.ART>Article 2a</TI.ART>
</ARTICLE></ENACTING.TERMS><FINAL><P>Done at Brussels.</P></FINAL><CONS.ANNEX><TITLE><TI><P>ANNEX II</P></TI><STI><P>List</P>
</STI></TITLE><CONTENTS><TBL><CORPUS><ROW><CELL>A</CELL><CELL>1</CELL></ROW></CORPUS></TBL></CONTENTS></CONS.ANNEX>
</CONS.DOC></CONS.ACT>"""

CLML = """<Legislation xmlns="http://www.legislation.gov.uk/namespaces/legislation" RestrictStartDate="2020-12-31"
DocumentURI="http://www.legislation.gov.uk/uksi/2012/632/2020-12-31" IdURI="http://www.legislation.gov.uk/id/uksi/2012/632">
<ukm:Metadata xmlns:ukm="http://www.legislation.gov.uk/namespaces/metadata" xmlns:dc="http://purl.org/dc/elements/1.1/"
xmlns:dct="http://purl.org/dc/terms/"><dc:title>The Control Regulations 2012</dc:title><dct:valid>2020-12-31</dct:valid>
<ukm:SecondaryMetadata><ukm:Made Date="2012-02-27"/><ukm:ComingIntoForce><ukm:DateTime Date="2012-10-01"/>
<ukm:DateTime Date="2012-04-06"/></ukm:ComingIntoForce></ukm:SecondaryMetadata></ukm:Metadata>
<Contents><ContentsTitle>twice</ContentsTitle></Contents><Secondary><SecondaryPrelims><Number>2012 No. 632</Number>
<Title>The Control Regulations 2012</Title><MadeDate><Text>Made</Text><DateText>27th February 2012</DateText></MadeDate>
<SecondaryPreamble><EnactingText><Para><Text>The Secretary of State makes<FootnoteRef Ref="f1"/> this.</Text></Para>
</EnactingText></SecondaryPreamble></SecondaryPrelims><Body><Part id="part-1"><Number>PART 1</Number><Title>Preliminary</Title>
<P1group><Title>Citation</Title><P1 id="regulation-1"><Pnumber>1</Pnumber><P1para><P2 id="regulation-1-1">
<Pnumber PuncBefore="(" PuncAfter=")">1</Pnumber><P2para><Text>These may be cited, see
<Citation URI="http://www.legislation.gov.uk/id/eudr/2009/148">Directive 2009/148/EC</Citation>, if</Text>
<P3><Pnumber PuncBefore="(" PuncAfter=")">a</Pnumber><P3para><Text>one;</Text></P3para></P3>
<P3><Pnumber PuncBefore="(" PuncAfter=")">b</Pnumber><P3para><Text>two.</Text></P3para></P3></P2para></P2></P1para></P1></P1group>
</Part><P1group><Title>Repeal</Title><P1 id="regulation-2"><Pnumber>2</Pnumber></P1></P1group></Body>
<Schedules><Schedule id="schedule-1"><Number>SCHEDULE 1</Number><TitleBlock><Title>Forms</Title></TitleBlock><ScheduleBody>
<P1><Pnumber>1</Pnumber><P1para><Text>A form.</Text></P1para></P1></ScheduleBody></Schedule></Schedules></Secondary>
<Footnotes><Footnote id="f1"><FootnoteText><Para><Text>1974 c. 37.</Text></Para></FootnoteText></Footnote></Footnotes>
</Legislation>"""

CANADA = """<Regulation xmlns:lims="http://justice.gc.ca/lims" lims:inforce-start-date="2006-03-22" xml:lang="en">
<Identification><InstrumentNumber>SOR/2019-105</InstrumentNumber><RegistrationDate><Date><YYYY>2019</YYYY><MM>4</MM><DD>9</DD>
</Date></RegistrationDate><EnablingAuthority><XRefExternal reference-type="act" link="H-3.3">HEALTH OF ANIMALS ACT</XRefExternal>
</EnablingAuthority><ShortTitle>Hatchery Regulations</ShortTitle><LongTitle>Regulations Respecting Hatcheries</LongTitle>
</Identification><Body><Heading level="1"><TitleText>Short Title</TitleText></Heading><Section><MarginalNote>Name</MarginalNote>
<Label>1</Label><Text>Cite as the <XRefExternal link="SOR-2019-105">Hatchery Regulations</XRefExternal>.</Text></Section>
<Section><Label>5</Label><Subsection><Label>(1)</Label><Text>An application shows</Text><Paragraph><Label>(a)</Label>
<Text>the rooms;</Text></Paragraph><Paragraph><Label>(b)</Label><Text>the light.</Text></Paragraph></Subsection><Subsection>
<Label>(2)</Label><Text>The Minister decides.</Text></Subsection><HistoricalNote><HistoricalNoteSubItem>SOR/82-671
</HistoricalNoteSubItem></HistoricalNote></Section></Body></Regulation>"""

FLAT_PAGE = """<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML//EN" "xhtml-strict.dtd"><html
xmlns="http://www.w3.org/1999/xhtml"><head><title>Consolidated TEXT: 31967L0227 \u2014 EN \u2014 01.01.2007</title></head><body>
<table><tr><td><p class="hd-date">7.6.2016</p></td><td><p class="hd-oj">C 202/89</p></td></tr></table>
<p class="doc-ti">COUNCIL DIRECTIVE</p><p class="doc-ti">of 11 April 1967</p><p class="normal">Having regard to it,</p>
<p id="d1e33-89-1" class="ti-art">Article 103</p><p class="sti-art"><span>(ex Article 83)</span></p>
<p class="normal">1.   Rules are laid down<a id="ntc1" href="#ntr1"> (<span class="super">1</span>)</a>, see
<a href="http://publications.europa.eu/resource/celex/32006L0112">Directive 2006/112/EC</a>.</p>
<table><tr><td><p class="normal">(a)</p></td><td><p class="normal">to ensure;</p></td></tr></table>
<p class="ti-art">Article 104</p><p class="note"><a id="ntr1" href="#ntc1">(1)</a> OJ L 1.</p></body></html>"""

CONSOLIDATED_PAGE = """<html><head><title>Consolidated TEXT: 32016R0679 \u2014 EN \u2014 04.05.2016</title></head><body>
<p class="disclaimer">This text is meant purely as a documentation tool.</p><p class="title-doc-first">REGULATION 2016/679</p>
<div class="eli-subdivision" id="art_4"><p class="title-article-norm" id="id-1">Article 4</p><div class="eli-title">
<p class="stitle-article-norm">Definitions</p></div><div class="norm"><span class="no-parag">1.  </span>
<div class="norm inline-element">For this Regulation:</div></div><div class="grid-container grid-list">
<div class="list grid-list-column-1"><span>(a) </span></div><div class="grid-list-column-2"><p class="norm">data;</p></div></div>
<p class="modref"><a href="#">\u25baM1</a></p></div></body></html>"""

ELI_PAGE = """<html><head><meta property="eli:date_document" content="2016-04-27"/>
<meta property="eli:first_date_entry_in_force" content="2016-05-24"/></head><body><div class="eli-container">
<div class="eli-main-title" id="tit_1"><p class="oj-doc-ti">REGULATION (EU) 2016/679</p></div>
<div class="eli-subdivision" id="pbl_1"><p class="oj-normal">THE PARLIAMENT,</p></div><div id="cpt_I">
<p class="oj-ti-section-1">CHAPTER I</p><div class="eli-title" id="cpt_I.tit_1"><p class="oj-ti-section-2">General</p></div>
<div class="eli-subdivision" id="art_1"><p class="oj-ti-art">Article 1</p><div class="eli-title" id="art_1.tit_1">
<p class="oj-sti-art">Aim</p></div><div id="001.001"><p class="oj-normal">1.   Rules.</p></div></div></div></div>
<div class="eli-container" id="anx_I"><p class="oj-doc-ti">ANNEX I</p><p class="oj-normal">A list.</p></div></body></html>"""


def load_laws(folder: Path, files: dict[str, str | bytes], **options: Any) -> Collection:
    laws = folder / "laws"
    laws.mkdir(exist_ok=True)
    for name, content in files.items():
        raw = (
            content.encode("latin-1" if "ISO-8859-1" in content[:80] else "utf-8")
            if isinstance(content, str)
            else content
        )
        (laws / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    (folder / "q.jsonl").write_text('{"_id": "q", "text": "water permits", "metadata": {"date": "2020-05-01"}}\n')
    return load(docs=laws, queries=folder / "q.jsonl", **options)


def split_parts(text: str) -> list[str]:
    return [part.strip("\n") for part in text.split(PART_END)]


def test_b49_akoma_ntoso_loses_nothing(tmp_path: Path) -> None:
    collection = load_laws(tmp_path, {"act.akn.xml": AKN})
    docs = collection.docs
    assert list(docs.ids) == ["/akn/zz/act/2019/7"]
    assert docs[0]["title"] == "Water Permits Act"
    assert split_parts(docs[0]["text"]) == [
        "Article 1 Permits\n1. A permit is needed.\n2. It states: (a) the volume; (b) the source, see Directive 2000/60/EC.",
        "Article 2 Fees\nBand Fee\nA 100",
        "CHAPTER II Last things\nArticle 3 (repealed)",
        "Article 4\nThe following is inserted:\nArticle 9a\nNew text.",
    ]
    assert docs[0]["metadata"] == {
        "work": "/akn/zz/act/2019/7",
        "version": "eng@2021-06-30",
        "date": "2019-03-01",
        "version_date": "2021-06-30",
        "end": "2030-01-01",
        "language": "eng",
        "cites": ["/akn/zz/act/2000/60"],
        "notes": ["Note text."],
        "parts": ["art_1", "art_2", "art_3", "art_4"],
        "provisions": 10,
        "bare_provisions": ["art_3"],
    }
    bare = next(finding for finding in collection.findings if finding.code == "bare-provisions")
    assert (bare.count, bare.examples) == (1, ("/akn/zz/act/2019/7: art_3",))


def test_the_user_says_which_date_counts(tmp_path: Path) -> None:
    for key, seen in (("date", 1), ("version_date", 0)):
        collection = load_laws(tmp_path, {"a.xml": AKN}, date=key)
        assert collection.doc_dates is not None
        assert collection.query_dates is not None
        rule = make_date_range(collection.doc_dates, read_dates(collection.queries, "date"), "before", None, "keep")
        assert int(rule.allows(0, np.array([0])).sum()) == seen


def test_formex_consolidated_act(tmp_path: Path) -> None:
    record = load_laws(tmp_path, {"cl.fmx.xml.gz": FORMEX}).docs[0]
    assert (record["id"], record["title"]) == ("31976L0207", "Council Directive of 9 February 1976")
    assert dict(zip(record["metadata"]["parts"], split_parts(record["text"]), strict=True)) == {
        "preamble": "THE COUNCIL,\nHaving regard to the Treaty,\n(1) Caf\u00e9s are equal.",
        "art_1": "CHAPTER I\nGeneral\nArticle 1 Aim\n1. The purpose is equal treatment.\n"
        "1a. In relation to: (a) access; (b) pay.\nA second subparagraph.",
        "art_2A": "Article 2a",
        "final": "Done at Brussels.",
        "anx_II": "ANNEX II\nList\nA 1",
    }
    metadata = {key: value for key, value in record["metadata"].items() if key != "parts"}
    assert metadata == {
        "work": "31976L0207",
        "version": "2006-08-15",
        "version_date": "2006-08-15",
        "date": "1976-02-09",
        "language": "EN",
        "cites": ["OJ L 45, 19.2.1975, p. 19"],
        "notes": ["OJ L 45, 19.2.1975, p. 19."],
        "provisions": 7,
        "bare_provisions": ["art_2A"],
    }


def test_legislation_gov_uk(tmp_path: Path) -> None:
    record = load_laws(tmp_path, {"data.xml": CLML}).docs[0]
    assert (record["id"], record["title"]) == ("uksi/2012/632", "The Control Regulations 2012")
    assert dict(zip(record["metadata"]["parts"], split_parts(record["text"]), strict=True)) == {
        "prelims": "2012 No. 632 Made\n27th February 2012\nThe Secretary of State makes this.",
        "regulation-1": "PART 1 Preliminary\nCitation\n"
        "1 (1) These may be cited, see Directive 2009/148/EC, if (a) one; (b) two.",
        "regulation-2": "Repeal\n2",
        "schedule-1": "SCHEDULE 1 Forms\n1 A form.",
    }
    metadata = {key: value for key, value in record["metadata"].items() if key != "parts"}
    assert metadata == {
        "work": "uksi/2012/632",
        "version": "2020-12-31",
        "version_date": "2020-12-31",
        "date": "2012-02-27",
        "in_force": "2012-04-06",
        "cites": ["http://www.legislation.gov.uk/id/eudr/2009/148"],
        "notes": ["1974 c. 37."],
        "provisions": 9,
        "bare_provisions": ["regulation-2"],
    }


def test_a_title_that_only_the_metadata_have(tmp_path: Path) -> None:
    clml = CLML.replace("<Title>The Control Regulations 2012</Title>", "")
    alias = '<FRBRdate date="2019-03-01" name="Generation"/><FRBRalias name="title" value="Alias Act"/></FRBRWork>'
    akn = AKN.replace('<FRBRdate date="2019-03-01" name="Generation"/></FRBRWork>', alias)
    akn = akn.replace("<preface><longTitle><p>Water Permits Act</p></longTitle></preface>", "")
    docs = load_laws(tmp_path, {"a.xml": akn, "b.xml": clml}).docs
    assert [docs[row]["title"] for row in (0, 1)] == ["Alias Act", "The Control Regulations 2012"]
    assert "title" not in docs[1]["metadata"]


def test_canada(tmp_path: Path) -> None:
    record = load_laws(tmp_path, {"SOR-2019-105.xml": CANADA}).docs[0]
    assert (record["id"], record["title"]) == ("SOR/2019-105", "Hatchery Regulations")
    parts = dict(zip(record["metadata"]["parts"], split_parts(record["text"]), strict=True))
    assert parts["s_1"] == "Short Title\nName\n1 Cite as the Hatchery Regulations."
    assert parts["s_5"] == "5 (1) An application shows (a) the rooms; (b) the light.\n(2) The Minister decides."
    assert record["metadata"]["date"] == "2019-04-09"
    assert record["metadata"]["cites"] == ["H-3.3"]


def test_pages_of_eur_lex(tmp_path: Path) -> None:
    docs = load_laws(tmp_path, {"flat.html": FLAT_PAGE, "eli.xhtml": ELI_PAGE}).docs
    eli, flat = docs[0], docs[1]
    assert (eli["id"], eli["title"]) == ("eli.xhtml", "REGULATION (EU) 2016/679")
    assert dict(zip(eli["metadata"]["parts"], split_parts(eli["text"]), strict=True)) == {
        "pbl_1": "THE PARLIAMENT,",
        "art_1": "CHAPTER I\nGeneral\nArticle 1 Aim\n1. Rules.",
        "anx_I": "ANNEX I\nA list.",
    }
    assert (eli["metadata"]["date"], eli["metadata"]["in_force"]) == ("2016-04-27", "2016-05-24")
    assert (flat["id"], flat["title"]) == ("flat.html", "COUNCIL DIRECTIVE of 11 April 1967")
    assert dict(zip(flat["metadata"]["parts"], split_parts(flat["text"]), strict=True)) == {
        "preamble": "Having regard to it,",
        "art_103": "Article 103 (ex Article 83)\n1. Rules are laid down, see Directive 2006/112/EC.\n(a) to ensure;",
        "art_104": "Article 104",
    }
    assert flat["metadata"]["cites"] == ["32006L0112"]
    assert flat["metadata"]["notes"] == ["OJ L 1."]
    assert (flat["metadata"]["work"], flat["metadata"]["version"]) == ("31967L0227", "2007-01-01")


def test_a_consolidated_page_counts_its_paragraphs(tmp_path: Path) -> None:
    record = load_laws(tmp_path, {"a.html": CONSOLIDATED_PAGE}).docs[0]
    assert record["title"] == "REGULATION 2016/679"
    assert record["text"] == "Article 4 Definitions\n1. For this Regulation:\n(a) data;"
    assert (record["metadata"]["parts"], record["metadata"]["provisions"]) == (["art_4"], 2)
    assert (record["metadata"]["work"], record["metadata"]["version"]) == ("32016R0679", "2016-05-04")


def test_how_laws_are_read_is_part_of_what_an_import_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_laws(tmp_path, {"a.xml": AKN})
    files = FileSet("c", TextFiles.find(tmp_path / "laws", "docs"), TextFiles())
    before = files.get_identity("docs")
    assert before["formats"] == [["laws in XML", LAWS.version]]
    monkeypatch.setattr(formats, "LAWS", dataclasses.replace(LAWS, version=99))
    monkeypatch.setattr(formats, "BUILT_IN", (formats.LAWS, *formats.BUILT_IN[1:]))
    assert files.get_identity("docs") != before


def test_a_new_act_as_a_query(tmp_path: Path) -> None:
    load_laws(tmp_path, {"a.xml": AKN})
    (tmp_path / "new.xml").write_bytes(FORMEX.encode("latin-1"))
    collection = load(docs=tmp_path / "laws", queries=tmp_path / "new.xml", time="as_of_query")
    assert list(collection.queries.ids) == ["31976L0207"]
    assert collection.scope is not None
    assert collection.scope.count_rows().tolist() == [0]  # of 1976, and the only law is of 2019


def test_a_page_of_legislation_gov_uk(tmp_path: Path) -> None:
    page = """<html><head><meta name="dct:valid" content="2020-12-31"/></head><body><h1 class="LegTitle">The Control
    Regulations 2012</h1><p class="LegText">The Secretary of State makes this.</p><h2 class="LegPartFirst">
    <span class="LegPartNo">PART 1</span><span class="LegPartTitle">Preliminary</span></h2>
    <h3 class="LegP1GroupTitleFirst">Citation</h3><p class="LegP1ParaText"><span class="LegP1No" id="regulation-1">1.</span>
    These may be cited, see <a href="http://www.legislation.gov.uk/id/eudr/2009/148">Directive 2009/148/EC</a>.</p>
    <p class="LegP2Container"><span class="LegP2No">(2)</span><span class="LegP2Text">They end.</span></p>
    <h3 class="LegP1GroupTitle">Repeal</h3><p><span class="LegP1No" id="regulation-2">2.</span></p></body></html>"""
    record = load_laws(tmp_path, {"a.html": page}).docs[0]
    assert record["title"] == "The Control Regulations 2012"
    assert dict(zip(record["metadata"]["parts"], split_parts(record["text"]), strict=True)) == {
        "preamble": "The Secretary of State makes this.",
        "regulation-1": "PART 1 Preliminary\nCitation\n1. These may be cited, see Directive 2009/148/EC.\n(2) They end.",
        "regulation-2": "Repeal\n2.",
    }
    assert record["metadata"]["version_date"] == "2020-12-31"
    assert record["metadata"]["cites"] == ["http://www.legislation.gov.uk/id/eudr/2009/148"]


def test_several_versions_of_a_work_have_ids_of_their_own(tmp_path: Path) -> None:
    other = AKN.replace("eng@2021-06-30", "eng@2019-03-01").replace('date="2021-06-30"', 'date="2019-03-01"')
    files: dict[str, str | bytes] = {"a.xml": AKN, "b.xml": other, "c.xml": CLML}
    docs = load_laws(tmp_path, files).docs
    assert list(docs.ids) == ["/akn/zz/act/2019/7@eng@2021-06-30", "/akn/zz/act/2019/7@eng@2019-03-01", "uksi/2012/632"]
    assert list(docs.read_metadata("work")) == ["/akn/zz/act/2019/7", "/akn/zz/act/2019/7", "uksi/2012/632"]


def test_a_provision_that_the_text_lacks_is_named(tmp_path: Path) -> None:
    """Where the reader passes over an element, the numbers inside it are missed."""
    hidden = '<toc><article eId="art_8"><num>Article 8</num><content><p>Hidden.</p></content></article></toc></body>'
    collection = load_laws(tmp_path, {"a.xml": AKN.replace("</body>", hidden)})
    assert collection.docs[0]["metadata"]["lost_provisions"] == ["Article 8"]
    lost = next(finding for finding in collection.findings if finding.code == "lost-provisions")
    assert (lost.severity, lost.count, lost.examples) == ("warning", 1, ("/akn/zz/act/2019/7: Article 8",))


def test_files_of_laws_by_themselves_and_queries_are_looked_at_too(tmp_path: Path) -> None:
    load_laws(tmp_path, {"a.xml": AKN})
    alone = load_alone(tmp_path / "laws")
    asked = load(docs=tmp_path / "q.jsonl", queries=tmp_path / "laws" / "a.xml")
    for collection, what in ((alone, "records"), (asked, "queries")):
        bare = next(finding for finding in collection.findings if finding.code == "bare-provisions")
        assert f"1 provisions of 1 {what} without text but number and heading" in bare.message


def test_what_lies_beside_acts_in_a_formex_package_is_not_read(tmp_path: Path) -> None:
    collection = load_laws(tmp_path, {"CL1.0001.xml": FORMEX, "CL1.0001.doc.xml": "<DOC/>", "L_1.toc.fmx.xml": "<X/>"})
    assert list(collection.docs.ids) == ["31976L0207"]
    assert next(finding.count for finding in collection.findings if finding.code == "skipped-files") == 2


ADOPTED = """<ACT><BIB.INSTANCE><DATE ISO="19760214">19760214</DATE><NO.DOC FORMAT="YN" TYPE="OJ"><NO.CURRENT>207</NO.CURRENT>
<YEAR>1976</YEAR><COM>EEC</COM></NO.DOC></BIB.INSTANCE><TITLE><TI><P>Council Directive 76/207/EEC</P><P>of <DATE ISO="19760209">9
February 1976</DATE> amending a Regulation</P></TI></TITLE><ENACTING.TERMS><ARTICLE IDENTIFIER="001"><TI.ART>Article 1</TI.ART>
<ALINEA>As it was.</ALINEA></ARTICLE></ENACTING.TERMS></ACT>"""


def test_an_act_as_adopted_and_its_consolidated_text_are_one_work(tmp_path: Path) -> None:
    docs = load_laws(tmp_path, {"CL.xml": FORMEX, "L.xml": ADOPTED}).docs
    assert list(docs.ids) == ["31976L0207@2006-08-15", "31976L0207"]
    assert docs[1]["metadata"] == {
        "work": "31976L0207",
        "date": "1976-02-09",
        "published": "1976-02-14",
        "parts": ["art_1"],
        "provisions": 1,
    }
    queries = Texts.of(
        {"q": {"text": "x", "metadata": {"date": "1990"}}, "r": {"text": "x", "metadata": {"date": "2010"}}}
    )
    scope = Versions().build_scope(queries, docs, Context())
    rows = [scope.list_rows(query) for query in (0, 1)]
    assert [found.tolist() for found in rows if found is not None] == [[1], [0]]


BOMB = """<?xml version="1.0"?><!DOCTYPE akomaNtoso [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<akomaNtoso><act><body><article><num>&b;</num></article></body></act></akomaNtoso>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE akomaNtoso [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<akomaNtoso><act><body><article><num>&a;</num></article></body></act></akomaNtoso>"""
DTD = '<?xml version="1.0"?><!DOCTYPE akomaNtoso SYSTEM "http://nowhere.invalid/x.dtd"><akomaNtoso><p>&x;</p></akomaNtoso>'
DEEP = f"<akomaNtoso>{'<p>' * 5000}x{'</p>' * 5000}</akomaNtoso>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, "declares XML entities, which are not expanded"),
        (OUTSIDE, "declares XML entities, which are not expanded"),
        (DTD, "(undefined entity|holds|blank)"),
        (DEEP, "more than 150 deep"),
        (AKN[:-30], "not well-formed XML"),
    ],
)
def test_hostile_files_are_refused_and_nothing_is_fetched(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_laws(tmp_path, {"a.xml": content})


@pytest.mark.parametrize("start", [" " * 300_000, "<!-- " * 60_000, "<?x ?>" * 50_000, "<!DOCTYPE a [" * 20_000])
def test_what_only_looks_like_the_start_of_a_law_is_told_at_once(start: str) -> None:
    begin = time.process_time()
    assert not begins_law([start + "{"])
    assert not begins_html([start + "{"])
    assert time.process_time() - begin < 2


def test_a_deep_page_is_read(tmp_path: Path) -> None:
    page = f"<html><body><p class='ti-art'>Article 1</p>{'<div>' * 5000}deep text"
    assert load_laws(tmp_path, {"a.html": page}).docs[0]["text"] == "Article 1\ndeep text"


WORDS = st.lists(st.sampled_from(["water", "permit", "fee", "Member", "State"]), min_size=1, max_size=4).map(" ".join)


@st.composite
def articles(draw: st.DrawFn) -> str:
    """Articles with paragraphs, points, notes, tables and text between them, one after the other."""
    pieces = []
    for number in range(draw(st.integers(0, 4))):
        inner = []
        for at in range(draw(st.integers(0, 3))):
            points = "".join(
                f"<point><num>({chr(97 + p)})</num><content><p>{draw(WORDS)}</p></content></point>"
                for p in range(draw(st.integers(0, 2)))
            )
            table = (
                f"<table><tr><td>{draw(WORDS)}</td><td>{draw(WORDS)}</td></tr></table>" if draw(st.booleans()) else ""
            )
            inner.append(
                f"<paragraph><num>{at + 1}.</num><intro><p>{draw(WORDS)}</p></intro>{points}{table}</paragraph>"
            )
        heading = f"<heading>{draw(WORDS)}</heading>" if draw(st.booleans()) else ""
        loose = f"<p>{draw(WORDS)}</p>" if draw(st.booleans()) else ""
        pieces.append(
            f'<article eId="art_{number}"><num>Article {number}</num>{heading}{"".join(inner)}</article>{loose}'
        )
    return "".join(pieces)


@settings(max_examples=60, deadline=None)
@given(articles())
def test_every_word_and_number_is_in_the_text_in_order(body: str) -> None:
    root = ElementTree.fromstring(f"<akomaNtoso><act><body>{body}</body></act></akomaNtoso>")
    law = read_law_text(root, AkomaNtoso(root))
    source = " ".join(" ".join(root.itertext()).split())
    assert " ".join(law.text.split()) == source
    starts = [part.lines[0] for part in law.parts]
    assert starts == sorted(starts)
    assert sum(last - first for first, last in (part.lines for part in law.parts)) in (len(law.lines), 0)
