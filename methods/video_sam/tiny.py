"""Tiny networks with random weights, of each family: the same code in a thousandth of the size."""

from __future__ import annotations

from typing import Any

import torch

from .families import FAMILIES

WIDTH = 128  # channels; they must be more than the 64 of a memory
HEADS = {"num_attention_heads": 2, "mlp_dim": 32, "iou_head_hidden_dim": 32}
MEMORY = {
    "memory_attention_hidden_size": WIDTH,
    "memory_attention_num_layers": 1,
    "memory_encoder_hidden_size": WIDTH,
    "mask_downsampler_embed_dim": WIDTH,
    "memory_fuser_embed_dim": WIDTH,
    "memory_fuser_intermediate_dim": 32,
}
SIDES = {"sam2": 64, "sam3-tracker": 56, "edgetam": 64}  # px, multiples of each one's cells


def network(model: str, size: int | None, *, seed: int) -> Any:
    """A network of the family, its weights drawn from the seed.

    Raises:
        UsageError: its cells do not fit frames of that size.
    """
    from .families import at_size

    family = FAMILIES[model]
    config = family.kind("Config")(**_config(model, SIDES[model]))
    config = at_size(config, size or SIDES[model])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = family.kind("Model")(config)
        _draw(drawn)
    return drawn


def _config(model: str, side: int) -> dict[str, Any]:
    """What the network's configuration is made of."""
    common = MEMORY | {
        "image_size": side,
        "vision_config": _VISION[model](side) | {"fpn_hidden_size": WIDTH},
        "prompt_encoder_config": {
            "hidden_size": WIDTH, "image_size": side, "mask_input_channels": 4,
        },
        "mask_decoder_config": HEADS | {"hidden_size": WIDTH},
    }  # fmt: skip
    grid = [side // 16] * 2
    if model == "edgetam":
        return common | {
            "memory_attention_mlp_hidden_size": 32,
            "memory_attention_rope_feat_sizes": grid,
            "memory_attention_rope_k_sizes": [2, 2],
            "perceiver_resampler_num_latents": 4,
            "perceiver_resampler_num_latents_2d": 4,
        }
    common["memory_attention_feed_forward_hidden_size"] = 32
    return common | ({"memory_attention_rope_feat_sizes": grid} if model == "sam2" else {})


def _hiera(side: int) -> dict[str, Any]:
    """SAM 2's encoder; blocks that look everywhere must not be the first of their stage."""
    return {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 16,
            "image_size": [side, side],
            "blocks_per_stage": [1, 1, 2, 1],
            "embed_dim_per_stage": [16, 32, 64, 128],
            "num_attention_heads_per_stage": [1, 1, 2, 4],
            "window_size_per_stage": [8, 4, 4, 2],
            "global_attention_blocks": [3],
            "window_positional_embedding_background_size": [4, 4],
        },
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[side // cell] * 2 for cell in (4, 8, 16)],
    }


def _vit(side: int) -> dict[str, Any]:
    """SAM 3's encoder, in cells of 14 px."""
    return {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": side,
            "pretrain_image_size": side,
            "window_size": 2,
            "global_attn_indexes": [1],
        },
    }


def _repvit(side: int) -> dict[str, Any]:
    """EdgeTAM's encoder: RepViT of timm, thinner."""
    shape = {"embed_dim": (8, 16, 24, 32), "depth": (1, 1, 1, 1)}
    outputs = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    return {
        "model_type": "edgetam_vision_model",
        "backbone_config": {
            "model_type": "timm_wrapper",
            "architecture": "repvit_m1",
            "num_classes": 0,
            "model_args": outputs | shape,
        },
        "backbone_channel_list": [32, 24, 16, 8],
        "backbone_feature_sizes": [[side // cell] * 2 for cell in (4, 8, 16)],
    }


_VISION = {"sam2": _hiera, "sam3-tracker": _vit, "edgetam": _repvit}


@torch.no_grad()
def _draw(drawn: Any) -> None:
    """Give every weight a size at which it matters, so that memory changes the masks.

    As transformers draws them, embeddings are 0 and logits are 1e-4.
    """
    for name, weight in drawn.named_parameters():
        if weight.ndim > 1 and name.endswith("weight"):
            fan_in = weight[0].numel()
            weight.normal_(std=fan_in**-0.5)
        elif weight.ndim > 1:
            weight.normal_(std=0.3)
    last = drawn.mask_decoder.pred_obj_score_head.proj_out
    last.weight.zero_()
    last.bias.fill_(4.0)  # every object is always there, else most masks would be empty
