"""What pyproject.toml cannot say of the build: the C extensions, where they can be built."""

from pathlib import Path

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "classifiers._reader",
            sorted(str(path) for path in Path("classifiers/native").glob("*.c")),
            depends=["classifiers/native/reader.h"],
            optional=True,  # without a C compiler the same is read in Python
        ),
        Extension("router._scan", ["router/native/scan.c"], optional=True),  # likewise
        Extension("router._weigh", ["router/native/weigh.c"], optional=True),
        Extension("router._burden", ["router/native/burden.c"], optional=True),
        Extension("router._join", ["router/native/join.c"], optional=True),
        Extension("router._filling", ["router/native/filling.c"], optional=True),
        Extension(
            "router._cut",
            ["router/native/cut.c", "router/native/json_text.c"],
            depends=["router/native/json_text.h"],
            optional=True,
        ),
    ]
)
