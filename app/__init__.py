"""The window: Qt, no training code."""
