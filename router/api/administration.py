"""The admin API as whoever serves it has it, whether or not it is imported."""

from dataclasses import dataclass

from fastapi import FastAPI

from router.api.inference import Inference


@dataclass(frozen=True, slots=True)
class Administration:
    """Its application, and what a connection of its listener asks before that."""

    application: FastAPI
    inference: Inference
