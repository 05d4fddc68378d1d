"""Tests of the serving runtime."""
