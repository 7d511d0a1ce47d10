"""The row of a leaderboard: what is known of one system on one collection, and what leaderboard.json says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from nirank.collections.collection_data import SelfMatch
from nirank.diagnostics.diagnosis import Diagnosis
from nirank.evaluation.ties import TieBounds
from nirank.plan.costs import SystemCost
from nirank.results.row_training import Choice, ModelSoup, Training, TrainingQueries, WrittenQueries
from nirank.stopping.outcomes import RuleOutcome

Number = int | float  # a count, or a mean of counts over seeds
Status = Literal["ok", "failed"]
Unit = Literal["query", "pair"]
ZeroShotAnswer = Literal["yes", "no", "unknown", "mixed"]


@dataclass(frozen=True)
class QueryCounts:
    """How many queries a row is about; None: that was not counted, or does not apply.

    declared, judged, answered  of the collection; those that are evaluated; those of them with results
    missing                     evaluated, without results: they count 0
    unjudged, no_relevant       declared without labels; evaluated without a relevant document
    left_out                    by screening measures: nothing relevant in their pool
    negative_labels, not_relevant_labels  labels below 0, and below the least relevant grade
    tied                        with equal scores on both sides of a cut-off
    dangling                    labels of documents that the corpus lacks
    unranked                    documents of the pool that the rankings leave out
    """

    declared: int = 0
    judged: int = 0
    answered: int = 0
    missing: int | None = None
    unjudged: int | None = None
    no_relevant: int | None = None
    left_out: int | None = None
    negative_labels: int | None = None
    not_relevant_labels: int | None = None
    tied: int | None = None
    dangling: int | None = None
    unranked: int | None = None


@dataclass(frozen=True)
class Conventions:
    """The rules that the numbers were computed by, in words.

    ties, mean, gain, min_rel, pairs   of the measures
    self_match, time                   which documents a query may be given
    zero_shot                          why the row's answer is what it is
    comparisons                        how systems were compared
    seeds                              which ones a mean is over
    order_by                           of run files: which column decided the order
    protocol, skipped_topics, absent_topics  of a year's script: its name, topics without relevant records, topics that
                                       the run lacks
    collection                         what the collection states: the version of its queries, its candidates, …
    stages                             what each stage states, by its title
    """

    ties: str | None = None
    mean: str | None = None
    gain: str | None = None
    min_rel: int | None = None
    pairs: str | None = None
    self_match: SelfMatch | None = None
    time: str | None = None
    zero_shot: str | None = None
    comparisons: str | None = None
    seeds: str | None = None
    order_by: str | None = None
    protocol: str | None = None
    skipped_topics: tuple[str, ...] = ()
    absent_topics: tuple[str, ...] = ()
    collection: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class NewDocuments:
    """Means over the queries none of whose relevant documents was relevant in training: `queries` of `total`."""

    queries: int
    total: int
    measures: Mapping[str, float | None]


@dataclass(frozen=True)
class Holes:
    """Means if unjudged documents were left out of the lists, and if they were all relevant; None: no such value."""

    condensed: float | None
    at_most: float | None


@dataclass(frozen=True)
class StagePairs:
    """What a list has of pairs: candidates, candidates a record, matches kept and lost."""

    candidates: int
    per_record: float
    kept: int
    lost: int


@dataclass(frozen=True)
class Source:
    """A list that another was made of: its place in the row's `stages`, and how many relevant documents both have."""

    at: int
    shared: int


@dataclass(frozen=True)
class StageRecall:
    """What is left to find after a stage.

    relevant  judged relevant documents in the stage's list, of `total`
    recall    their share, the mean over the queries that have any
    best      {measure: its mean if the list were put into the best order}
    pairs     where pairs are counted
    sources   the lists that it was made of; a stage that searches the collection itself has none
    """

    stage: str
    relevant: int
    total: int
    recall: float
    best: Mapping[str, float]
    pairs: StagePairs | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class SurvivalBin:
    """Evaluated matches by likeness, from `low` to `high`: its mean, how many they are, how many were kept."""

    low: float
    high: float
    mean: float
    matches: int
    kept: int


@dataclass(frozen=True)
class SurvivalCurve:
    """How likely a hashing stage makes a pair a candidate, by how alike its records are.

    likeness  what is measured, and its unit: an angle, a distance, a similarity
    theory    (likeness, probability); empty where theory gives none
    bins      what became of the evaluated matches
    """

    stage: str
    likeness: str
    theory: tuple[tuple[float, float], ...]
    bins: tuple[SurvivalBin, ...]


@dataclass(frozen=True)
class TopicValues:
    """One query of a screening evaluation: its values, and recall after reading 0 %, 1 %, … 100 % of its pool."""

    topic: str
    measures: Mapping[str, float | None]
    effort: tuple[float, ...]


@dataclass(frozen=True)
class PairFacts:
    """What candidate pairs are, whatever the measures; see `nirank.evaluation.pair_evaluation.PairEvaluation`."""

    candidates: Number
    per_record: Number
    matches: Number
    kept: Number
    lost: Number
    possible: Number | None
    records: Number
    with_match: Number
    reached: Number
    ordered: bool


@dataclass(frozen=True)
class Spread:
    """How a measure varies over seeds: standard deviation (n - 1), least and greatest value."""

    sd: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Difference:
    """The difference `b` - `a` on a measure; see `nirank.evaluation.comparisons.Comparison`. None: not defined."""

    measure: str
    a: str
    b: str
    n: int
    difference: float
    interval: tuple[float, float]
    p: float
    p_adjusted: float
    p_baseline: float | None
    effect: float | None
    wins: int | None
    ties: int | None
    losses: int | None
    minimum_detectable: float | None
    no_value: int = 0


@dataclass(frozen=True)
class Row:
    """One system on one collection and judgement set, or a mean of such rows.

    unit         what is evaluated: queries, or pairs of records
    pipeline, address  what was run, and the address of its ranking
    status       'failed' rows have an `error` and no values
    seed, folds  of trained models; None: nothing depends on them
    seed_of      of the row of one of several seeds: the system's name
    seeds        of a mean over seeds; `spread`: how each measure varies
    summary_of   of a mean over a group: its collections. `pooled_means` are over all their queries together,
                 `average_rank` is among the group's systems, `zero_shot_means` are {answer: {measure: mean over the
                 collections with that answer}}
    depth        how deep all lists are certain; None: to their end. `longest_list`: how far they go on
    measures     {name: value}; None has its reason in `nulls`
    answerable_means  {name: mean over queries with a relevant document}, where some have none
    ceilings     {name: the best mean that any ranking could reach}, where not everything judged can be returned
    ties, holes  how far equal scores and unjudged documents could move each value
    judged_at    {cut-off: share of the results up to it that is judged}
    unreached_queries  {screening measure: on how many queries the list ends before it is decided}
    twins        {name: value if documents with equal texts shared their best label}, where that changes anything
    recall_by_depth  (depth, mean recall) of a ranking: R@1, R@2, R@5, … to its end, or to 1,000; where pairs are
                 counted PC@1, …
    effort       recall after reading 0 %, 1 %, … 100 % of the pool
    topics       the values of single queries, where a screening measure is asked for and they are 100 at most; those
                 without relevant documents are left out, and of several seeds only their mean has them
    stages       recall after each stage
    survival     of hashing stages: which matches were kept, by how alike their records are
    stopping     where stopping rules ended the reviews of the topics; lists that are no whole orders have none
    diagnosis    why its lists are as they are, where diagnostics are asked for; a mean over seeds has none
    pairs        where pairs are counted
    baseline, alpha  of the comparisons; `differences`: from the baseline, by measure
    intervals    {name: bootstrap interval of the mean}
    groups       {name: letters}; systems that share one cannot be told apart
    counts       {name: what stages counted}
    zero_shot    whether the models saw the collection for the first time
    written      queries that the plan wrote to train on, or to append to documents
    trained_on, tuned_on  and whether any of that is evaluated (`…_on_test`)
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # of nested records too

    collection: str
    system: str
    split: str | None = None
    qrels: str | None = None
    unit: Unit = "query"
    pipeline: str = ""
    address: str = ""
    status: Status = "ok"
    error: str | None = None
    seed: int | None = None
    seed_of: str | None = None
    seeds: tuple[int, ...] = ()
    spread: Mapping[str, Spread] = field(default_factory=dict)
    folds: int | None = None
    summary_of: tuple[str, ...] | None = None
    pooled_means: Mapping[str, float] = field(default_factory=dict)
    average_rank: Mapping[str, float] = field(default_factory=dict)
    zero_shot_means: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    depth: int | None = None
    longest_list: int | None = None
    queries: QueryCounts = field(default_factory=QueryCounts)
    measures: Mapping[str, float | None] = field(default_factory=dict)
    nulls: Mapping[str, str] = field(default_factory=dict)
    answerable_means: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    ties: Mapping[str, TieBounds] = field(default_factory=dict)
    holes: Mapping[str, Holes] = field(default_factory=dict)
    judged_at: Mapping[str, float] = field(default_factory=dict)
    unreached_queries: Mapping[str, int] = field(default_factory=dict)
    twins: Mapping[str, float | None] = field(default_factory=dict)
    recall_by_depth: tuple[tuple[int, float], ...] = ()
    effort: tuple[float, ...] = ()
    topics: tuple[TopicValues, ...] = ()
    stages: tuple[StageRecall, ...] = ()
    survival: tuple[SurvivalCurve, ...] = ()
    stopping: tuple[RuleOutcome, ...] = ()
    diagnosis: Diagnosis | None = None
    pairs: PairFacts | None = None
    baseline: str | None = None
    alpha: float | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    cost: SystemCost = field(default_factory=SystemCost)
    conventions: Conventions = field(default_factory=Conventions)
    zero_shot: ZeroShotAnswer | None = None
    trained_on: tuple[TrainingQueries, ...] = ()
    trained_on_test: bool = False
    tuned_on: tuple[TrainingQueries, ...] = ()
    tuned_on_test: bool = False
    choices: tuple[Choice, ...] = ()
    trainings: tuple[Training | ModelSoup, ...] = ()
    written: tuple[WrittenQueries, ...] = ()
    new_documents: NewDocuments | None = None
