import numpy as np
import pytest
from small_outcomes import read

from classifiers.training.dataset import Outcomes
from classifiers.training.episodes import EPISODES, Episode
from classifiers.training.problems import WORD_PROBLEMS

PAIR = ("moe-a", "premium-a", ("moe", "premium"), (100,))


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return read(tmp_path_factory.mktemp("episodes"), "train")


def test_an_episode_keeps_out_its_whole_source_and_nothing_else(train: Outcomes) -> None:
    kept_out = Episode("made_up_1", *PAIR).kept_out(train)
    assert kept_out.tolist() == [source == "made_up_1" for source in train.sources]
    assert kept_out.sum() == 240


def test_an_episode_of_a_task_keeps_out_every_second_prompt_of_it_whatever_their_source(
    train: Outcomes,
) -> None:
    kept_out = Episode("made_up_1", *PAIR, task=WORD_PROBLEMS).kept_out(train)
    result = np.flatnonzero([task == WORD_PROBLEMS for task in train.tasks])
    assert np.flatnonzero(kept_out).tolist() == result[::2].tolist()
    assert {train.sources[row] for row in np.flatnonzero(kept_out)} == set(train.sources)
    assert kept_out.sum() == 180


def test_an_episode_of_a_source_or_task_that_is_not_there_keeps_nothing_out(
    train: Outcomes,
) -> None:
    assert not Episode("elsewhere", *PAIR).kept_out(train).any()
    assert not Episode("made_up_1", *PAIR, task="elsewhere").kept_out(train).any()


def test_one_of_the_episodes_is_of_word_problems() -> None:
    assert [episode.task for episode in EPISODES if episode.task] == [WORD_PROBLEMS]
