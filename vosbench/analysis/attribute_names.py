"""The attributes of DAVIS sequences in words (Perazzi et al., CVPR 2016)."""

NAMES = {
    "AC": "appearance change",
    "BC": "background clutter",
    "CS": "camera shake",
    "DB": "dynamic background",
    "DEF": "deformation",
    "EA": "edge ambiguity",
    "FM": "fast motion",
    "HO": "heterogeneous object",
    "IO": "interacting objects",
    "LR": "low resolution",
    "MB": "motion blur",
    "OCC": "occlusion",
    "OV": "out of view",
    "ROT": "rotation",
    "SC": "shape complexity",
    "SV": "scale variation",
}


def name_of(code: str) -> str:
    """An attribute in words; a code of one's own stays as it is."""
    return NAMES.get(code, code)
