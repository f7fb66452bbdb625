"""The knowledge check: seven questions, their sealed answers, and their verdict."""
