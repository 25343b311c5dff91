"""What a session of transformers must remember of the frames before, and nothing else.

A session keeps every frame, and for each object every output; of a frame that was seen the network
reads only the following later on: the object's pointer, for as many frames as `pointers` says, and
the features of its mask, for as many as `features` says; of the frames with prompts all pointers,
and the features of the newest `prompted`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vosbench.errors import UsageError

READ = ("maskmem_features", "maskmem_pos_enc", "object_pointer")  # what is read of an earlier frame


class Reach(NamedTuple):
    """How many frames back the network looks, for each of what it remembers.

    prompted: of the frames with prompts, how many are looked at for their features; None is all.
    beside: as far back it also takes those of other frames with prompts.
    """

    features: int
    pointers: int
    prompted: int | None
    beside: int


def reach(config: Any, memory: int | None) -> Reach:
    """What a network needs, or less where `memory` says so.

    Raises:
        UsageError: it never looks so far back.
    """
    features, pointers = config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1
    limit = config.max_cond_frame_num
    whole = Reach(features, pointers, None if limit < 0 else limit, features)
    most = max(features, pointers)
    if memory is None:
        return whole
    if memory > most:
        raise UsageError(
            f"memory={memory} frames, but this network looks back at most {most}; give fewer, or "
            "none for all of them"
        )
    return whole._replace(features=min(features, memory), pointers=min(pointers, memory))


def forget(session: Any, index: int, reach: Reach) -> None:
    """Drop what no later frame reads, now that frame `index` is done."""
    session.processed_frames.clear()
    for given in (*session.mask_inputs_per_obj.values(), *session.point_inputs_per_obj.values()):
        given.clear()
    for tracked in session.frames_tracked_per_obj.values():
        tracked.clear()
    oldest = index + 1 - max(reach.features, reach.pointers)
    for outputs in session.output_dict_per_obj.values():
        prompted, others = outputs["cond_frame_outputs"], outputs["non_cond_frame_outputs"]
        for frame in [frame for frame in others if frame < oldest]:
            del others[frame]
        for frame, output in others.items():
            _keep(output, features=frame > index - reach.features)
        newest = sorted(prompted)[-reach.prompted :] if reach.prompted else prompted
        for frame, output in prompted.items():
            _keep(output, features=frame in newest or frame > index - reach.beside)


def _keep(output: dict[str, Any], *, features: bool) -> None:
    """Of one object's output on a frame keep what is read later."""
    for name in [name for name in output if name not in (READ if features else READ[2:])]:
        del output[name]


def widen(session: Any, index: int) -> None:
    """Keep the features of a frame's masks as float32; they are made as bfloat16.

    Under autocast to float16 the network cannot put bfloat16 beside other types.
    """
    for outputs in session.output_dict_per_obj.values():
        for kept in outputs.values():
            if index in kept:
                kept[index]["maskmem_features"] = kept[index]["maskmem_features"].float()
