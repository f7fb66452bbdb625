"""The course proves its own grader: every check is failed by a mistake, by nothing right."""
