"""nirank: neural information-retrieval pipelines, compared on leaderboards that can be trusted.

    from nirank import BM25, Dense, Experiment, load, rrf

    scifact = load("path/to/scifact")
    hybrid = rrf(BM25(), Dense("sentence-transformers/all-MiniLM-L6-v2"))
    Experiment(scifact, {"BM25": BM25(), "Hybrid": hybrid}, measures=["nDCG@10", "R@100"]).run().table()

Names are imported when they are first used, so that `import nirank` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "nirank.algebra.application": ("fold", "rewrite", "within"),
    "nirank.algebra.context": ("Context",),
    "nirank.algebra.stage": ("Combiner", "Retriever", "ScopeStage", "Scorer", "TextMap", "option", "stage"),
    "nirank.collections.collection": ("Collection",),
    "nirank.collections.texts": ("Texts",),
    "nirank.evaluation.evaluate": ("evaluate",),
    "nirank.experiment.experiment": ("Experiment",),
    "nirank.flow.ids": ("Ids",),
    "nirank.experiment.loading": ("load",),
    "nirank.flow.pairs": ("Pairs",),
    "nirank.flow.qrels": ("Qrels",),
    "nirank.flow.ranking": ("Ranking",),
    "nirank.experiment.result": ("Result",),
    "nirank.report.saved_report": ("read_report",),
    "nirank.searching.searcher": ("Searcher",),
    "nirank.stages.append_queries": ("AppendQueries",),
    "nirank.stages.apply": ("apply",),
    "nirank.stages.boolean_terms": ("BooleanTerms",),
    "nirank.stages.best_parts": ("BestParts",),
    "nirank.stages.bm25": ("BM25",),
    "nirank.stages.bm25f": ("BM25F",),
    "nirank.stages.token_blocking": ("TokenBlocking",),
    "nirank.stages.tfidf": ("TFIDF",),
    "nirank.stages.sorted_neighbourhood": ("SortedNeighbourhood",),
    "nirank.stages.same": ("Same",),
    "nirank.stages.minhash": ("MinHash",),
    "nirank.stages.lsh": ("LSH",),
    "nirank.stages.hamming": ("Hamming",),
    "nirank.stages.range_search": ("RangeSearch",),
    "nirank.stages.centroid": ("Centroid",),
    "nirank.stages.comb": ("Comb",),
    "nirank.stages.citations": ("Citations",),
    "nirank.stages.mask_citations": ("MaskCitations",),
    "nirank.stages.co_citation": ("CoCitation",),
    "nirank.stages.coupling": ("Coupling",),
    "nirank.stages.citation_walk": ("CitationWalk",),
    "nirank.stages.complete": ("Complete",),
    "nirank.stages.cross_encoder": ("CrossEncoder",),
    "nirank.stages.cut": ("Cut",),
    "nirank.stages.date_decay": ("DateDecay",),
    "nirank.stages.date_density": ("DateDensity",),
    "nirank.stages.dated": ("Dated",),
    "nirank.stages.dense": ("Dense",),
    "nirank.stages.first_words": ("FirstWords",),
    "nirank.stages.fold_versions": ("FoldVersions",),
    "nirank.stages.hnsw": ("HNSW",),
    "nirank.stages.in_force": ("InForce",),
    "nirank.stages.interaction": ("Interaction",),
    "nirank.stages.intersection": ("Intersection",),
    "nirank.stages.ivf": ("IVF",),
    "nirank.stages.key_sentences": ("KeySentences",),
    "nirank.stages.language_model": ("LanguageModel",),
    "nirank.stages.llm_listwise": ("LLMListwise",),
    "nirank.stages.max_sim": ("MaxSim",),
    "nirank.stages.only": ("Only",),
    "nirank.stages.parts": ("Parts",),
    "nirank.experiment.run_files": ("evaluate_runs",),
    "nirank.experiment.sampling": ("sample_documents",),
    "nirank.report.merging": ("merge_reports",),
    "nirank.stages.query_likelihood": ("QueryLikelihood",),
    "nirank.stages.rm3": ("RM3",),
    "nirank.stages.rprs": ("RPRS",),
    "nirank.stages.rrf": ("RRF", "rrf"),
    "nirank.stages.rules": ("Rules", "rule_function"),
    "nirank.stages.run": ("RunFile",),
    "nirank.stages.sections": ("Sections",),
    "nirank.stages.sentences": ("Sentences",),
    "nirank.stages.sparse": ("Sparse",),
    "nirank.stages.top_terms": ("TopTerms",),
    "nirank.stages.union": ("Union",),
    "nirank.stages.weighted_sum": ("WeightedSum", "weighted_sum"),
    "nirank.stages.versions": ("Versions",),
    "nirank.stages.where": ("Where",),
    "nirank.stages.windows": ("Windows",),
    "nirank.store": ("open_store",),
    "nirank.synthesis.selection": ("Selection",),
    "nirank.experiment.folds": ("Folds",),
    "nirank.algebra.judged": ("Judged",),
    "nirank.diagnostics.diagnosis": ("Diagnostics",),
    "nirank.synthesis.cleaning": ("Cleaning",),
    "nirank.synthesis.endpoint_generator": ("EndpointGenerator",),
    "nirank.synthesis.extractive": ("Extractive",),
    "nirank.synthesis.few_shot": ("FewShot",),
    "nirank.synthesis.filters.likeness": ("NearDuplicates", "TitleCopies"),
    "nirank.synthesis.filters.round_trip": ("RoundTrip",),
    "nirank.synthesis.filters.scores": ("LikelihoodRatio", "LogProbability", "ScoreFilter"),
    "nirank.synthesis.seq2seq_generator": ("Seq2SeqGenerator",),
    "nirank.synthesis.synthetic": ("Synthetic",),
    "nirank.synthesis.synthetic_queries": ("SyntheticQueries",),
    "nirank.training.codes": ("Codes",),
    "nirank.training.copies": ("Copies",),
    "nirank.inference.ngram_models": ("HashedNGrams",),
    "nirank.training.interaction_models": ("InteractionRecipe", "TrainInteraction"),
    "nirank.training.models": ("Soup", "Train"),
    "nirank.training.negatives": ("LabelledNegatives", "Mined"),
    "nirank.training.recipe": ("Lora", "Recipe"),
    "nirank.training.rule_pairs": ("RulePairs",),
    "nirank.training.training_sets": ("Fields", "Mixture", "TrainingFile", "TrainingSet"),
    "nirank.training.watch": ("Watch", "WatchCodes"),
    "nirank.synthesis.causal_generator": ("CausalGenerator",),
    "nirank.algebra.learned_sum": ("learned_sum",),
    "nirank.algebra.tuned": ("grid", "tune"),
    "nirank.flow.trec": ("read_run", "write_run"),
}
_HOMES = {name: module for module, names in _PLACES.items() for name in names}

if TYPE_CHECKING:
    from nirank.algebra.application import fold as fold
    from nirank.algebra.application import rewrite as rewrite
    from nirank.algebra.application import within as within
    from nirank.algebra.context import Context as Context
    from nirank.algebra.judged import Judged as Judged
    from nirank.algebra.learned_sum import learned_sum as learned_sum
    from nirank.algebra.stage import Combiner as Combiner
    from nirank.algebra.stage import Retriever as Retriever
    from nirank.algebra.stage import ScopeStage as ScopeStage
    from nirank.algebra.stage import Scorer as Scorer
    from nirank.algebra.stage import TextMap as TextMap
    from nirank.algebra.stage import option as option
    from nirank.algebra.stage import stage as stage
    from nirank.algebra.tuned import grid as grid
    from nirank.algebra.tuned import tune as tune
    from nirank.collections.collection import Collection as Collection
    from nirank.collections.texts import Texts as Texts
    from nirank.diagnostics.diagnosis import Diagnostics as Diagnostics
    from nirank.evaluation.evaluate import evaluate as evaluate
    from nirank.experiment.experiment import Experiment as Experiment
    from nirank.experiment.folds import Folds as Folds
    from nirank.experiment.loading import load as load
    from nirank.experiment.result import Result as Result
    from nirank.experiment.run_files import evaluate_runs as evaluate_runs
    from nirank.experiment.sampling import sample_documents as sample_documents
    from nirank.flow.ids import Ids as Ids
    from nirank.flow.pairs import Pairs as Pairs
    from nirank.flow.qrels import Qrels as Qrels
    from nirank.flow.ranking import Ranking as Ranking
    from nirank.flow.trec import read_run as read_run
    from nirank.flow.trec import write_run as write_run
    from nirank.inference.ngram_models import HashedNGrams as HashedNGrams
    from nirank.report.merging import merge_reports as merge_reports
    from nirank.report.saved_report import read_report as read_report
    from nirank.searching.searcher import Searcher as Searcher
    from nirank.stages.append_queries import AppendQueries as AppendQueries
    from nirank.stages.apply import apply as apply
    from nirank.stages.best_parts import BestParts as BestParts
    from nirank.stages.bm25 import BM25 as BM25
    from nirank.stages.bm25f import BM25F as BM25F
    from nirank.stages.boolean_terms import BooleanTerms as BooleanTerms
    from nirank.stages.centroid import Centroid as Centroid
    from nirank.stages.citation_walk import CitationWalk as CitationWalk
    from nirank.stages.citations import Citations as Citations
    from nirank.stages.co_citation import CoCitation as CoCitation
    from nirank.stages.comb import Comb as Comb
    from nirank.stages.complete import Complete as Complete
    from nirank.stages.coupling import Coupling as Coupling
    from nirank.stages.cross_encoder import CrossEncoder as CrossEncoder
    from nirank.stages.cut import Cut as Cut
    from nirank.stages.date_decay import DateDecay as DateDecay
    from nirank.stages.date_density import DateDensity as DateDensity
    from nirank.stages.dated import Dated as Dated
    from nirank.stages.dense import Dense as Dense
    from nirank.stages.first_words import FirstWords as FirstWords
    from nirank.stages.fold_versions import FoldVersions as FoldVersions
    from nirank.stages.hamming import Hamming as Hamming
    from nirank.stages.hnsw import HNSW as HNSW
    from nirank.stages.in_force import InForce as InForce
    from nirank.stages.interaction import Interaction as Interaction
    from nirank.stages.intersection import Intersection as Intersection
    from nirank.stages.ivf import IVF as IVF
    from nirank.stages.key_sentences import KeySentences as KeySentences
    from nirank.stages.language_model import LanguageModel as LanguageModel
    from nirank.stages.llm_listwise import LLMListwise as LLMListwise
    from nirank.stages.lsh import LSH as LSH
    from nirank.stages.mask_citations import MaskCitations as MaskCitations
    from nirank.stages.max_sim import MaxSim as MaxSim
    from nirank.stages.minhash import MinHash as MinHash
    from nirank.stages.only import Only as Only
    from nirank.stages.parts import Parts as Parts
    from nirank.stages.query_likelihood import QueryLikelihood as QueryLikelihood
    from nirank.stages.range_search import RangeSearch as RangeSearch
    from nirank.stages.rm3 import RM3 as RM3
    from nirank.stages.rprs import RPRS as RPRS
    from nirank.stages.rrf import RRF as RRF
    from nirank.stages.rrf import rrf as rrf
    from nirank.stages.rules import Rules as Rules
    from nirank.stages.rules import rule_function as rule_function
    from nirank.stages.run import RunFile as RunFile
    from nirank.stages.same import Same as Same
    from nirank.stages.sections import Sections as Sections
    from nirank.stages.sentences import Sentences as Sentences
    from nirank.stages.sorted_neighbourhood import SortedNeighbourhood as SortedNeighbourhood
    from nirank.stages.sparse import Sparse as Sparse
    from nirank.stages.tfidf import TFIDF as TFIDF
    from nirank.stages.token_blocking import TokenBlocking as TokenBlocking
    from nirank.stages.top_terms import TopTerms as TopTerms
    from nirank.stages.union import Union as Union
    from nirank.stages.versions import Versions as Versions
    from nirank.stages.weighted_sum import WeightedSum as WeightedSum
    from nirank.stages.weighted_sum import weighted_sum as weighted_sum
    from nirank.stages.where import Where as Where
    from nirank.stages.windows import Windows as Windows
    from nirank.store import open_store as open_store
    from nirank.synthesis.causal_generator import CausalGenerator as CausalGenerator
    from nirank.synthesis.cleaning import Cleaning as Cleaning
    from nirank.synthesis.endpoint_generator import EndpointGenerator as EndpointGenerator
    from nirank.synthesis.extractive import Extractive as Extractive
    from nirank.synthesis.few_shot import FewShot as FewShot
    from nirank.synthesis.filters.likeness import NearDuplicates as NearDuplicates
    from nirank.synthesis.filters.likeness import TitleCopies as TitleCopies
    from nirank.synthesis.filters.round_trip import RoundTrip as RoundTrip
    from nirank.synthesis.filters.scores import LikelihoodRatio as LikelihoodRatio
    from nirank.synthesis.filters.scores import LogProbability as LogProbability
    from nirank.synthesis.filters.scores import ScoreFilter as ScoreFilter
    from nirank.synthesis.selection import Selection as Selection
    from nirank.synthesis.seq2seq_generator import Seq2SeqGenerator as Seq2SeqGenerator
    from nirank.synthesis.synthetic import Synthetic as Synthetic
    from nirank.synthesis.synthetic_queries import SyntheticQueries as SyntheticQueries
    from nirank.training.codes import Codes as Codes
    from nirank.training.copies import Copies as Copies
    from nirank.training.interaction_models import InteractionRecipe as InteractionRecipe
    from nirank.training.interaction_models import TrainInteraction as TrainInteraction
    from nirank.training.models import Soup as Soup
    from nirank.training.models import Train as Train
    from nirank.training.negatives import LabelledNegatives as LabelledNegatives
    from nirank.training.negatives import Mined as Mined
    from nirank.training.recipe import Lora as Lora
    from nirank.training.recipe import Recipe as Recipe
    from nirank.training.rule_pairs import RulePairs as RulePairs
    from nirank.training.training_sets import Fields as Fields
    from nirank.training.training_sets import Mixture as Mixture
    from nirank.training.training_sets import TrainingFile as TrainingFile
    from nirank.training.training_sets import TrainingSet as TrainingSet
    from nirank.training.watch import Watch as Watch
    from nirank.training.watch import WatchCodes as WatchCodes

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nirank' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
