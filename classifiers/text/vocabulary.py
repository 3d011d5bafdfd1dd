"""Classes of words: those that are counted, those of which one is enough, and cues."""

from collections.abc import Mapping
from typing import Final

_KEYWORDS: Final = """
def return import class elif else print assert function const var void self null true lambda async
await struct public static select from append range str len dict list
"""

_AMOUNTS: Final = """
one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand
million third quarter dozen percent double triple
"""

_PARTS: Final = """
half halves third thirds quarter quarters fourth fifth sixth tenth twice double triple
"""

# Kinds that are counted. A word of two kinds counts as the later one: `for` is a loop rather than a
# keyword. Digits arrive as zeros: "0" is one digit, "0000" four.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
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

_KIND_OF: Final = {word: kind for kind, words in _KINDS.items() for word in words}
COUNTED: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(word for word in words if _KIND_OF[word] == kind)
    for kind, words in _KINDS.items()
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

# Cue words of arithmetic told in words, counted in word problems alone: they tell where a stronger
# model gets further than a weaker one (ADR 25).
CUES: Final[Mapping[str, frozenset[str]]] = {
    "percent": frozenset({"percent", "%"}),
    "part": frozenset(_PARTS.split()),
    "comparison": frozenset({"more", "less", "fewer", "than"}),
    "each": frozenset({"each", "every", "per"}),
    "rest": frozenset({"left", "remaining", "rest", "remainder"}),
    "sum": frozenset({"total", "altogether", "combined", "sum"}),
    "money": frozenset("$"),
}
