"""The engine: everything that Cutaway computes. It knows no screen."""

__version__ = "0.1.0"
