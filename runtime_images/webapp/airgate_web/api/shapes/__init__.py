"""What goes in and out as JSON, by what it is about."""
