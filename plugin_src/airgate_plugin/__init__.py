"""The device plugin."""
