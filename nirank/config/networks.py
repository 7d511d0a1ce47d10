"""Networks over term interactions in the section `models` of a configuration: DRMM and PACRR."""

from __future__ import annotations

from nirank.algebra.model import NetworkKind
from nirank.config.sections import Words, make_form, make_section, mark_form
from nirank.training.interaction_models import InteractionRecipe, TrainInteraction

InteractionKeys = make_section(
    TrainInteraction,
    Words(
        "an interaction network",
        "an interaction network has no key",
        "{base: …, kind: drmm, data: …}",
        "an interaction network needs '{key}'; it has base, data, kind, query_terms, date_key, recipe, watch, seed, and"
        " as pacrr doc_terms, ngrams, filters, k_max",
    ),
    base=mark_form("model"),
    data=mark_form("data"),
    kind=(NetworkKind, ...),
    watch=mark_form("watch"),
    recipe=mark_form("interaction_recipe"),
    seed=int,
)
InteractionRecipeKeys = make_section(
    InteractionRecipe,
    Words("recipe", "a network's recipe has no key", "{epochs: 20, batch: 16, learning_rate: 0.01, margin: 1}"),
)
FORMS = {"interaction_recipe": make_form(InteractionRecipeKeys, InteractionRecipe)}
