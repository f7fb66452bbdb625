"""The course proves its own grader: every check is failed by a named mistake, and by nothing right."""
