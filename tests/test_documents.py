"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/**/*.md")]


def test_files_of_tests_that_documents_name_exist() -> None:
    paths = [(page.name, path) for page in DOCUMENTS for path in re.findall(r"\btests/[\w/]+\.py", page.read_text())]
    assert len(paths) > 50
    assert [(page, path) for page, path in paths if not (ROOT / path).is_file()] == []


def test_modules_that_documents_name_exist() -> None:
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("nirank/**/*.py")}
    paths = [(page.name, path) for page in DOCUMENTS for path in re.findall(r"\bnirank/[\w/]+\.py", page.read_text())]
    assert [(page, path) for page, path in paths if path not in modules] == []
    relative = [  # `folder/file.py`, as the page on architecture writes them
        (page.name, path)
        for page in (ROOT / "docs/architecture.md", ROOT / "docs/design.md", ROOT / "docs/extending.md")
        for path in re.findall(r"`(\w+/[\w/]+\.py)`", page.read_text())
        if not path.startswith(("tests/", "experiments/", "nirank/"))
    ]
    endings = [(page, f"/{path}") for page, path in relative]
    assert [(page, end) for page, end in endings if not any(module.endswith(end) for module in modules)] == []
