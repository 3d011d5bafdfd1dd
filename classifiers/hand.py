"""Hand features: what a person would notice about a prompt before reading it.

Counts and shares, taken on the (already cut) final message and its words. All are bounded by
construction or by a logarithm, so that no input gives an infinite or absurd number. Words are
sorted into kinds with one pass over a table; regular expressions are used only where a table
cannot do it, because a prompt of 1 KB has to be read in a fraction of 0.25 ms.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log1p
from string import ascii_uppercase
from typing import Final

from classifiers.prompt import Prompt

_UPPER: Final = ascii_uppercase.encode()
_OPTION: Final = re.compile(r"^\s*[(\[]?[A-J][.):\]]\s*(.*)$", re.MULTILINE)
_NUMBERED: Final = re.compile(r"\n\d+[.)] ")
_HAN: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]")
_ARABIC: Final = re.compile(r"[\u0590-\u08ff\ufb1d-\ufefc]")

_KEYWORDS: Final = """
def return import class elif else print assert function const var void self null true lambda async
await struct public static select from append range str len dict list
"""

_AMOUNTS: Final = """
one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand
million third quarter dozen percent double triple
"""

# Kinds that are counted. Digits arrive as zeros: "0" is one digit, "0000" four.
COUNTED: Final[Mapping[str, frozenset[str]]] = {
    "sign": frozenset(".,:!'-/%&*"),
    "bracket": frozenset("(){}[]<>"),
    "operator": frozenset("=+^|~_;#@"),
    "latex": frozenset({"$", "\\", "frac", "sqrt", "sum", "int", "mathrm", "mathbb", "cdot"}),
    "question": frozenset("?"),
    "quote": frozenset('"`“”'),
    "digit": frozenset({"0"}),
    "number": frozenset({"00", "000"}),
    "long_number": frozenset("0" * size for size in range(4, 20)),
    "keyword": frozenset(_KEYWORDS.split()),
    "loop": frozenset({"for", "while", "if", "elif", "else"}),
    "amount": frozenset(_AMOUNTS.split()),
    "each": frozenset({"each", "every", "per", "times", "twice", "half", "remaining", "left"}),
    "glue": frozenset({"the", "of", "and", "a", "to", "in", "is", "that", "with", "as", "by"}),
    "symbol": frozenset("bcdefghjklmnopqrstuvwxyz"),
}

# Kinds of which it only matters whether one occurs.
PRESENT: Final[Mapping[str, frozenset[str]]] = {
    "asks_what": frozenset({"what", "whats"}),
    "asks_which": frozenset({"which"}),
    "asks_who": frozenset({"who", "whom", "whose"}),
    "asks_when_where": frozenset({"when", "where"}),
    "asks_why": frozenset({"why", "explain", "because", "reason"}),
    "asks_how": frozenset({"how"}),
    "asks_how_many": frozenset({"many", "much", "total", "number", "count"}),
    "asks_proof": frozenset({"prove", "proof", "show", "theorem", "lemma"}),
    "asks_compute": frozenset({"compute", "calculate", "evaluate", "determine", "find", "solve"}),
    "asks_writing": frozenset({"write", "implement", "create", "draft", "generate", "compose"}),
    "asks_change": frozenset({"summarize", "translate", "rewrite", "fix", "debug", "improve"}),
    "negates": frozenset({"not", "except", "never", "false", "incorrect", "least", "cannot"}),
    "all_or_none": frozenset({"none", "neither", "both", "all"}),
    "compares": frozenset({"more", "less", "most", "greater", "larger", "best", "than"}),
    "supposes": frozenset({"if", "suppose", "assume", "given", "let", "consider"}),
    "money": frozenset({"dollars", "cost", "price", "pay", "rate", "interest", "tax", "dollar"}),
    "law": frozenset({"court", "plaintiff", "defendant", "statute", "contract", "liable"}),
    "medicine": frozenset({"patient", "clinical", "disease", "symptoms", "treatment", "blood"}),
    "chemistry": frozenset({"mol", "acid", "reaction", "molecule", "solution", "atoms"}),
    "physics": frozenset({"energy", "force", "velocity", "mass", "electron", "temperature"}),
    "algebra": frozenset({"group", "ring", "matrix", "integral", "polynomial", "theorem"}),
}

# A word of two kinds counts as the later one: `for` is a loop rather than a keyword.
_LONG: Final = 10  # letters

_KIND_OF: Final = {word: kind for kind, words in COUNTED.items() for word in words}

HAND_FEATURES: Final = (
    "log_chars",
    "log_words",
    "log_lines",
    "log_chars_per_word",
    "distinct_share",
    "upper_share",
    "non_ascii_share",
    "han_share",
    "arabic_share",
    "log_options",
    "log_option_chars",
    "numeric_option_share",
    "log_stem_chars",
    "code_fence",
    "log_blanks",
    "log_list_lines",
    "log_numbered_lines",
    "log_indented_lines",
    "log_words_per_sentence",
    "long_word_share",
    "log_option_spread",
    "log_sentences",
    "ends_with_question",
    "ends_with_colon",
    "starts_lower",
    "log_system",
    "log_turns",
    "log_tools",
    "was_cut",
    *(f"log_{kind}" for kind in COUNTED),
    *(f"{kind}_share" for kind in COUNTED),
    *PRESENT,
)


def hand_features(prompt: Prompt, text: str, chars: int, words: Sequence[str]) -> list[float]:
    """One number per name in HAND_FEATURES; `chars` is the length before the text was cut."""
    count = max(len(words), 1)
    distinct = set(words)
    kinds = Counter(map(_KIND_OF.get, words))
    counts = [kinds[kind] for kind in COUNTED]
    *options, spread = _options(text)
    return [
        log1p(chars),
        log1p(len(words)),
        log1p(text.count("\n")),
        log1p(len(text) / count),
        len(distinct) / count,
        *_letters(text),
        *options,
        float("```" in text),
        log1p(text.count("__")),
        *_lines(text),
        log1p(len(words) / (text.count(". ") + text.count("? ") + text.count("\n") + 1)),
        len([word for word in words if len(word) >= _LONG]) / count,
        spread,
        log1p(text.count(". ")),
        *_edges(text),
        log1p(len(prompt.system)),
        log1p(len(prompt.turns)),
        log1p(len(prompt.tools)),
        float(chars > len(text)),
        *map(log1p, counts),
        *(found / count for found in counts),
        *(float(not group.isdisjoint(distinct)) for group in PRESENT.values()),
    ]


def _letters(text: str) -> tuple[float, float, float, float]:
    """Shares of upper case, non-ASCII, Chinese-Japanese-Korean and Arabic-Hebrew letters."""
    size = max(len(text), 1)
    letters = text.encode("ascii", "ignore")
    upper = (len(letters) - len(letters.translate(None, _UPPER))) / size
    if len(letters) == len(text):
        return upper, 0.0, 0.0, 0.0
    foreign = (len(text) - len(letters)) / size
    return (
        upper,
        foreign,
        len(_HAN.findall(text)) / size,
        len(_ARABIC.findall(text)) / size,
    )


def _lines(text: str) -> tuple[float, float, float]:
    """List lines, numbered lines, indented lines."""
    if "\n" not in text:
        return 0.0, 0.0, 0.0
    return (
        log1p(text.count("\n- ") + text.count("\n* ") + text.count("\n - ")),
        log1p(len(_NUMBERED.findall(text))),
        log1p(text.count("\n    ") + text.count("\n\t")),
    )


def _options(text: str) -> tuple[float, float, float, float, float]:
    """Answer options "A. ...": count, mean length, share of numbers, question, spread of length."""
    options = _OPTION.findall(text) if "\n" in text else []
    if not options:
        return 0.0, 0.0, 0.0, log1p(len(text)), 0.0
    sizes = list(map(len, options))
    total = sum(sizes)
    numeric = sum(body[:1].isdigit() or body[1:2].isdigit() for body in options)
    stem = max(len(text) - total - 4 * len(options), 0)
    return (
        log1p(len(options)),
        log1p(total / len(options)),
        numeric / len(options),
        log1p(stem),
        log1p(max(sizes) - min(sizes)),
    )


def _edges(text: str) -> tuple[float, float, float]:
    """Ends with a question mark, ends with a colon, starts in lower case."""
    end = text[-8:].rstrip()
    return float(end.endswith("?")), float(end.endswith(":")), float(text[:1].islower())
