"""vosbench: how well does a method carry an object's mask through a video, and why does it fail?"""

__version__ = "0.1.0"
