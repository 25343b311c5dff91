"""The tables and figures of RPM-Net (WACV 2020): the only room of the core that knows it."""

FILE = "rpmnet"  # the stem of the paper's scores in reports/published
SECONDS = "seconds a frame"
