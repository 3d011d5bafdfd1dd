"""What pyproject.toml cannot say of the build: the C extension, where it can be built."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "classifiers._reader",
            [f"classifiers/native/{part}.c" for part in ("bags", "hand", "module", "words")],
            depends=["classifiers/native/reader.h"],
            optional=True,  # without a C compiler the same is read in Python
        )
    ]
)
