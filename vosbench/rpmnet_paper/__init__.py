"""The tables and figures of RPM-Net (WACV 2020): the only room of the core that knows it."""
