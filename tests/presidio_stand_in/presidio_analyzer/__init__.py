"""Stands in for Presidio where a test needs a process and no model: it knows one name.

What a text asks of it, it does: [die], [hang], [raise], [connect]. And it prints what it reads, as
a library that is debugged might.
"""

import os
import re
import signal
import socket
import sys
from collections import namedtuple

KNOWN = ["LOCATION", "PERSON"]
Result = namedtuple("Result", "start end entity_type score")


class AnalyzerEngine:
    def __init__(self, registry=None, nlp_engine=None, supported_languages=()):
        self.supported_languages = list(supported_languages)

    def get_supported_entities(self, language):
        return list(KNOWN)


class AnalyzerEngineProvider:
    def __init__(self, analyzer_engine_conf_file):
        pass

    def create_engine(self):
        return AnalyzerEngine(supported_languages=["en"])


class RecognizerRegistry:
    def __init__(self, supported_languages):
        pass

    def load_predefined_recognizers(self, languages, nlp_engine):
        pass


class BatchAnalyzerEngine:
    def __init__(self, engine):
        pass

    def analyze_iterator(self, texts, language, batch_size, entities, score_threshold):
        return [_results(text, entities) for text in texts]


def _results(text, entities):
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"read: {text}\n")
        stream.flush()
    if "[die]" in text:
        os._exit(9)
    while "[hang]" in text:
        signal.pause()
    if "[connect]" in text:
        socket.create_connection(("127.0.0.1", 9))
    if "[raise]" in text:
        raise ValueError(text)
    named = re.finditer("Jane Doe", text) if "PERSON" in entities else ()
    return [Result(one.start(), one.end(), "PERSON", 0.85) for one in named]
