"""What other processes say and load: without the extensions in C, with hashes of their own."""

import subprocess
import sys

from classifiers.text.reading import READS_IN
from classifiers.text.words import number_of


def printed(program: str) -> str:
    """What a new interpreter prints."""
    ran = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    return ran.stdout.decode().strip()


def test_without_the_extension_bodies_are_scanned_in_python() -> None:
    program = """
from sys import modules
modules['router._scan'] = None
from router.protocols.scan import SCANS_IN, scan
print(SCANS_IN, scan(b'{"model":"m"}'))
"""
    assert printed(program) == "python {'model': (1, 9, 12)}"


def test_without_the_extension_the_classifier_says_the_same() -> None:
    program = """
from sys import modules
{hide}
from classifiers.prompt import prompt_of_text
from classifiers.text.reading import READS_IN
from classifiers.serving import Classifier
said = Classifier.load(device="cpu").score([prompt_of_text("Prove that 2 + 2 = 4, naïvely.")])
print(READS_IN, said[0].success)
"""
    installed, hidden = (
        printed(program.format(hide=hide)).split(maxsplit=1)
        for hide in ("", "modules['classifiers._reader'] = None")
    )
    assert installed[0] == READS_IN
    assert hidden[0] == "python"
    assert installed[1] == hidden[1]


def test_a_word_has_the_same_number_in_every_process() -> None:
    program = "from classifiers.text.words import number_of; print(number_of('naïve'))"
    assert int(printed(program)) == number_of("naïve")


def test_the_hash_that_finds_twins_differs_in_every_process() -> None:
    hashes = {printed("print(hash('max_tokens'))") for _ in range(3)}
    assert len(hashes) > 1 or not sys.flags.hash_randomization


def test_serving_loads_neither_training_nor_scikit_learn() -> None:
    program = (
        "import sys, classifiers.serving, router.cli.score;"
        "print([name for name in sys.modules if name.startswith(('sklearn', 'scipy', "
        "'classifiers.training', 'pyarrow', 'onnx.'))])"
    )
    assert printed(program) == "[]"
