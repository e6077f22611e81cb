"""The prompt lab: a new prompt judged in a minute, with honest statistics."""
