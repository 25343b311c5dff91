"""A dataset's card -> one screen: what to fetch, how it must lie, how to check it, what counts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vosbench.types import DatasetCard

_INDENT = 11  # of what stands beside the labels


def describe(card: DatasetCard, *, width: int = 100) -> str:
    """What a user without the data needs to know of it; lines of at most `width` characters."""
    lines = [", ".join(filter(None, (f"{card.title} ({card.name})", card.url)))]
    for label, text in _parts(card):
        indent = " " * _INDENT
        if "\n" in text:  # a tree or a citation, whose lines stay as they are
            first, *rest = text.splitlines()
            lines += [f"{label:{_INDENT}}{first}", *(indent + line for line in rest)]
        elif text:
            lines += textwrap.wrap(
                text,
                width,
                initial_indent=f"{label:{_INDENT}}",
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def _parts(card: DatasetCard) -> Iterator[tuple[str, str]]:
    """Labels and what stands beside them, in the order in which a user needs it."""
    download = f"vosbench data download {card.name} --root DIR"
    yield "fetch", "; ".join(filter(None, [download if card.archives else "", card.registration]))
    yield "put it as", card.layout.strip()
    if card.folder:
        yield "check it", f"vosbench data check {card.name} --root DIR/{card.folder}"
        yield "", "(without --root: set VOSBENCH_DATA to DIR)"
    yield "splits", ", ".join(_splits(card))
    yield "frames", card.frame_rate
    yield "prompts", card.prompts
    yield "scored", card.scored
    yield "server", card.server
    for each in card.submissions:
        yield "hand in", f"vosbench pack MASKS --for {each.name} --out X.zip ({_or(each.splits)})"
    first, *others = card.protocols
    yield "protocol", f"{first.name} (default): {first.description}"
    yield "", f"source: {first.source}"
    if others:
        names = ", ".join(protocol.name for protocol in others)
        yield "", f"others for --protocol: {names}"
    yield "licence", card.licence
    yield "cite", card.citation


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _splits(card: DatasetCard) -> Iterator[str]:
    """Each split with the number of its sequences, the default one first."""
    for split in sorted(card.splits, key=lambda name: name != card.default_split):
        count = len(card.splits[split]) or card.counts.get(split)
        default = " (default)" if split == card.default_split and len(card.splits) > 1 else ""
        yield f"{split}{default}: {f'{count} sequences' if count else 'as listed on disk'}"
