"""Frames and prompts -> each object's logits on each frame, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .memory import Reach, forget, widen
from .prompts import Group, Told, groups, tell

if TYPE_CHECKING:
    from vosbench.types import Frame

    from .weights import Network


class Tracker:
    """The sessions of one video; they share the features of a frame, which is embedded once.

    reach: what is remembered; None never drops anything.
    """

    def __init__(
        self, network: Network, prompts: Mapping[int, Told], *, reach: Reach | None
    ) -> None:
        self.network, self.prompts, self.reach = network, prompts, reach
        self.waiting = groups(prompts)
        self.running: list[tuple[Group, Any]] = []

    @torch.inference_mode()
    def step(self, index: int, frame: Frame) -> dict[int, Tensor]:
        """Go on by one frame.

        Args:
            index: of the frame, ascending.
            frame: (h, w, 3).

        Returns:
            Each object that has started -> its logits, at a quarter of the input's size.
        """
        network, shape = self.network, (frame.shape[0], frame.shape[1])
        while self.waiting and self.waiting[0].frames[0] == index:
            self.running.append((self.waiting.pop(0), self._begun()))
        picture = network.view.frame(frame)
        logits: dict[int, Tensor] = {}
        for group, session in self.running:
            if index in group.frames:
                tell(session, index, group.numbers, self.prompts[index], network.view, shape)
            with network.precision():
                seen = network.model(inference_session=session, frame=picture, frame_idx=index)
            logits.update(zip(seen.object_ids, seen.pred_masks[:, 0].float(), strict=True))
            if network.dtype == torch.float16:
                widen(session, index)
            if self.reach is not None:
                forget(session, index, self.reach)
        return logits

    def _begun(self) -> Any:
        """A new session, with the frame's features that the others have."""
        device = self.network.view.device
        session = self.network.session(
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        if self.running:
            session.cache = self.running[0][1].cache
        return session
