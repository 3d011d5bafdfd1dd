"""The language of a text, guessed from its script and its commonest words.

Good enough to send a language to a backend that speaks it; "" where it is not sure: short texts,
code, mixtures, and languages without a row here.
"""

import re
from collections.abc import Mapping
from typing import Final

_LOOKED_AT: Final = 2_000  # characters
_WORD: Final = re.compile(r"[^\W\d_]+")
_SCRIPTS: Final[Mapping[str, re.Pattern[str]]] = {
    "ja": re.compile("[\u3040-\u30ff]"),  # before Chinese: Japanese has its characters too
    "zh": re.compile("[\u4e00-\u9fff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
_COMMON: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(words.split())
    for name, words in {
        "en": "the of and to is in that it for was on are with as what how this have you be can",
        "de": "der die das und ist nicht ein eine zu den mit von für auf wie was sich auch ich es",
        "fr": "le la les des et est une un dans que qui pour pas sur avec vous je ce comment du",
        "es": "el la los las y es una un en que de por con para no como qué se del mi",
        "it": "il lo la gli le di e è una un che in per con non come del sono mi si",
        "pt": "o a os as e é uma um em que de por com para não como do da se no",
        "nl": "de het een en is niet van in op te dat voor met zijn wat hoe ik je die ook",
    }.items()
}


def guess_language(text: str) -> str:
    """An ISO 639-1 code, or "" where nothing is clear."""
    head = text[:_LOOKED_AT]
    letters = sum(char.isalpha() for char in head)
    for name, script in _SCRIPTS.items():
        if len(script.findall(head)) * 4 > letters > 0:
            return name
    words = [word.lower() for word in _WORD.findall(head)]
    votes = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    ranked = sorted(votes, key=lambda name: -votes[name])
    first, second = votes[ranked[0]], votes[ranked[1]]
    sure = first >= 2 and first > second and first * 10 >= len(words)
    return ranked[0] if sure else ""
