"""The schema's history, one file a step in `versions`, oldest first; a step that was released never changes."""
