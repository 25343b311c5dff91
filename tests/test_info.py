from __future__ import annotations

from dataclasses import replace

from vosbench import registry
from vosbench.data.info import describe


def test_one_screen_says_how_to_get_the_data_and_what_counts() -> None:
    screen = describe(registry.load("datasets", "mosev2").CARD, width=100)
    words = " ".join(screen.split())
    for said in (
        "MOSEv2 (mosev2), https://mose.video",
        "fetch https://huggingface.co/datasets/FudanCVL/MOSEv2 (train and valid archives",
        "MOSEv2/{train,valid}/meta.json",
        "check it vosbench data check mosev2 --root DIR/MOSEv2",
        "splits valid (default): as listed on disk, train: as listed on disk",
        "server https://www.codabench.org/competitions/10062/ scores valid; whether it lives",
        "mosev2 (default): MOSEv2: the objects of meta.json",
        "others for --protocol: united, ",
        "licence CC BY-NC-SA 4.0",
        "cite @article{MOSEv2,",
    ):
        assert said in words, said
    narrow = describe(registry.load("datasets", "mosev2").CARD, width=60).splitlines()
    assert max(len(line) for line in narrow[1:4]) <= 60


def test_what_can_be_downloaded_says_so() -> None:
    card = registry.load("datasets", "davis2016").CARD
    assert "fetch      vosbench data download davis2016 --root DIR" in describe(card)
    later = describe(registry.load("datasets", "davis2017").CARD, width=200)
    assert "data download davis2017 --root DIR; test-dev comes in an archive of its own: " in later
    assert "val (default): 20 sequences, train: 30 sequences, trainval: 50" in describe(card)


def test_a_dataset_without_a_page_is_named_alone() -> None:
    card = replace(registry.load("datasets", "synthetic").CARD, url="")
    assert describe(card).splitlines()[0] == "vosbench synthetic (synthetic)"


def test_a_dataset_without_a_folder_has_no_check() -> None:
    screen = describe(registry.load("datasets", "synthetic").CARD)
    assert "check it" not in screen
    assert "protocol" in screen
