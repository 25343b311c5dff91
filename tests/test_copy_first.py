"""copy-first holds its prompts."""

import importlib

import numpy as np

from vosbench import registry

plugin = registry.load("methods", "copy-first")


def masks_of(prompts: dict[int, np.ndarray], count: int = 4) -> list[np.ndarray]:
    frames = [np.full((2, 3, 3), index, np.uint8) for index in range(count)]
    return list(plugin.build(plugin.Options(), device="cpu", seed=0).segment(frames, prompts))


def test_the_prompt_is_held() -> None:
    prompt = np.array([[0, 1, 2], [0, 0, 2]], np.uint8)
    assert [mask.tolist() for mask in masks_of({0: prompt})] == [prompt.tolist()] * 4


def test_a_later_prompt_joins_and_wins_where_both_have_an_object() -> None:
    first = np.array([[1, 1, 0], [0, 0, 0]], np.uint8)
    later = np.array([[0, 2, 2], [0, 0, 0]], np.uint8)
    masks = masks_of({1: first, 3: later})
    assert masks[0].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert masks[2].tolist() == first.tolist()
    assert masks[3].tolist() == [[1, 2, 2], [0, 0, 0]]


def test_a_mask_that_a_caller_changes_does_not_come_back() -> None:
    seen = []
    frames = [np.zeros((2, 3, 3), np.uint8)] * 3
    method = plugin.build(plugin.Options(), device="cpu", seed=0)
    for mask in method.segment(frames, {0: np.ones((2, 3), np.uint8)}):
        seen.append(int(mask.sum()))
        mask[:] = 0
    assert seen == [6, 6, 6]


def test_it_imports_without_opencv() -> None:
    assert "cv2" not in vars(importlib.import_module(plugin.__name__))
