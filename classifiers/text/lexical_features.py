"""The table of lexical features: what a person would notice about a prompt before reading it.

Counts and shares, taken on the (already cut) final message and its words. All are bounded by
construction or by a logarithm, so that no input gives an infinite or absurd number. A feature is
added here; docs/classifier.md walks through it.
"""

from functools import partial
from typing import Final

from classifiers.text.coded_measures import answer_options, edges, formulas, numbered_lines
from classifiers.text.feature_table import Bound, Coded, Feature, FeatureTable, Scale
from classifiers.text.vocabulary import COUNTED, CUES, PRESENT

FEATURES_VERSION: Final = 3
"""Of all numbers that prompts become: it rises whenever one of them changes, here or in words.py,
bag.py and features.py. An artifact that was trained on others refuses to load."""


def _share(name: str, measure: str, per: str) -> Feature:
    return Feature(name, measure, Scale.SHARE, per)


def _log(name: str, measure: str, per: str = "one") -> Feature:
    return Feature(name, measure, Scale.LOG, per)


def _flag(name: str, measure: str) -> Feature:
    return Feature(name, measure, Scale.FLAG)


_when_problem = partial(Feature, scale=Scale.LOG, when="word_problem")

_OF_ANY_PROMPT: Final = (
    _log("log_chars", "chars"),
    _log("log_words", "words"),
    _log("log_lines", "lines"),
    _log("log_chars_per_word", "length", per="words"),
    _share("distinct_share", "distinct", per="words"),
    _share("upper_share", "upper", per="length"),
    _share("non_ascii_share", "non_ascii", per="length"),
    _share("han_share", "han", per="length"),
    _share("arabic_share", "arabic", per="length"),
    _log("log_options", "options"),
    _log("log_option_chars", "option_chars", per="options"),
    _share("numeric_option_share", "numeric_options", per="options"),
    _log("log_stem_chars", "stem_chars"),
    _flag("code_fence", "fences"),
    _log("log_blanks", "blanks"),
    _log("log_list_lines", "list_lines"),
    _log("log_numbered_lines", "numbered_lines"),
    _log("log_indented_lines", "indented_lines"),
    _log("log_words_per_sentence", "words", per="sentences"),
    _share("long_word_share", "long_words", per="words"),
    _log("log_option_spread", "option_spread"),
    _log("log_sentences", "stops"),
    _flag("ends_with_question", "ends_with_question"),
    _flag("ends_with_colon", "ends_with_colon"),
    _flag("starts_lower", "starts_lower"),
    _log("log_system", "system_chars"),
    _log("log_turns", "turns"),
    _log("log_tools", "tools"),
    _flag("was_cut", "chars_cut"),
    *(_log(f"log_{kind}", kind) for kind in COUNTED),
    *(_share(f"{kind}_share", kind, per="words") for kind in COUNTED),
    *(_flag(name, name) for name in PRESENT),
)

# Zero, all of them, for what is no word problem; they have a place of their own in the trunk.
_OF_WORD_PROBLEMS: Final = (
    _flag("word_problem", "word_problem"),
    _when_problem("problem_log_chars", "length"),
    _when_problem("problem_log_words", "words"),
    _when_problem("problem_log_numbers", "numbers"),
    *(_when_problem(f"problem_log_{cue}", f"cue_{cue}") for cue in CUES),
)

LEXICAL: Final = FeatureTable(
    coded=(
        Coded(
            ("options", "option_chars", "numeric_options", "longest_option", "shortest_option"),
            answer_options,
        ),
        Coded(("numbered_lines",), numbered_lines),
        Coded(("formulas",), formulas),
        Coded(("ends_with_question", "ends_with_colon", "starts_lower"), edges),
    ),
    words={**COUNTED, **PRESENT, **{f"cue_{cue}": words for cue, words in CUES.items()}},
    characters={
        "ascii": ((0x00, 0x7F),),
        "upper": ((ord("A"), ord("Z")),),
        "han": ((0x2E80, 0x9FFF), (0xAC00, 0xD7AF)),  # Chinese, Japanese, Korean
        "arabic": ((0x0590, 0x08FF), (0xFB1D, 0xFEFC)),  # and Hebrew
    },
    phrases={
        "lines": ("\n",),
        "stops": (". ",),
        "asked": ("? ",),
        "fences": ("```",),
        "blanks": ("__",),
        "list_lines": ("\n- ", "\n* ", "\n - "),
        "indented_lines": ("\n    ", "\n\t"),
    },
    sums={
        "non_ascii": {"length": 1, "ascii": -1},
        "sentences": {"stops": 1, "asked": 1, "lines": 1, "one": 1},
        "stem_chars": {"length": 1, "option_chars": -1, "options": -4},
        "option_spread": {"longest_option": 1, "shortest_option": -1},
        "chars_cut": {"chars": 1, "length": -1},
        "numbers": {"digit": 1, "number": 1, "long_number": 1},
        "asked_or_cued": {"asks_how_many": 1, **{f"cue_{cue}": 1 for cue in CUES}},
    },
    conditions={
        # Arithmetic told in words, without formulas, code, answer options, foreign letters; it asks
        # how many or how much, or holds a cue.
        "word_problem": (
            Bound("words", least=16),
            Bound("numbers", least=2),
            Bound("asked_or_cued", least=1),
            Bound("lines", most=3),
            Bound("keyword", most=2),
            Bound("operator", most=0),
            Bound("options", most=0),
            Bound("formulas", most=0),
            Bound("non_ascii", most=0.1, per="length"),
        ),
    },
    features=(*_OF_ANY_PROMPT, *_OF_WORD_PROBLEMS),
)

FEATURE_NAMES: Final = tuple(feature.name for feature in LEXICAL.features)
PROBLEM_FEATURES: Final = tuple(feature.name for feature in _OF_WORD_PROBLEMS)
