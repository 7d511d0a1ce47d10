"""SQuAD's JSON: articles with paragraphs, each a context with questions that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Question(NamedTuple):
    """A question as its file has it; `answered`: its context holds the answer."""

    id: Any
    text: Any
    answered: bool


class Context(NamedTuple):
    """A paragraph: its place `article-paragraph` from 1 is its id."""

    id: str
    title: Any
    text: Any
    questions: tuple[Question, ...]


def is_squad(value: Any) -> bool:
    """Tell whether a JSON value has SQuAD's form: `{data: [{paragraphs: [{context, qas}]}]}`."""
    articles = value.get("data") if isinstance(value, Mapping) else None
    return isinstance(articles, list) and all(
        isinstance(article, Mapping) and "paragraphs" in article for article in articles[:3]
    )


def read_contexts(value: Mapping[str, Any]) -> Iterator[Context]:
    """Yield the paragraphs of all articles; raise ValueError, naming the place, where a part is missing."""
    for article_number, article in enumerate(value["data"], 1):
        paragraphs = article.get("paragraphs") if isinstance(article, Mapping) else None
        if not isinstance(paragraphs, list):
            raise ValueError(f"article {article_number} has no list of paragraphs")
        for paragraph_number, paragraph in enumerate(paragraphs, 1):
            place = f"{article_number}-{paragraph_number}"
            if not isinstance(paragraph, Mapping) or "context" not in paragraph:
                raise ValueError(f"paragraph {place} has no context")
            questions = paragraph.get("qas") or []
            if not isinstance(questions, list):
                raise ValueError(f"paragraph {place}: qas is no list")
            yield Context(place, article.get("title"), paragraph["context"], tuple(_read_questions(questions, place)))


def _read_questions(questions: list[Any], place: str) -> Iterator[Question]:
    for question in questions:
        if not isinstance(question, Mapping) or "question" not in question or "id" not in question:
            raise ValueError(f"paragraph {place}: a question without id or text")
        yield Question(question["id"], question["question"], not question.get("is_impossible", False))
