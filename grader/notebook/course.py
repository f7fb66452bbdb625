"""An nbgrader course on disk: its configuration, and one assignment for each notebook."""

from __future__ import annotations

from pathlib import Path

from grader.errors import MachineError
from grader.model.lab import Lab
from grader.notebook import source
from grader.notebook.copies import QUIZ, Copied, notebook_of, put, quiz_notebook, with_links

CONFIG = '''"""nbgrader's configuration for this course. docs/classroom.md of mlk8s explains it."""

from grader.notebook.nbgrading import configure

c = get_config()  # noqa: F821 - nbgrader brings it

c.CourseDirectory.course_id = "{course}"
c.CourseDirectory.root = "{root}"

# Where hand-ins are graded. It decides which points an assignment has: those that this cluster
# can prove. After a change, generate the assignments again.
configure(c, cluster="{cluster}")

# The exchange is a folder that all learners of a shared machine can reach. Without one, put
# hand-ins into submitted/NAME/ASSIGNMENT/ yourself and leave out release, fetch and collect.
# c.Exchange.root = "/srv/nbgrader/exchange"
'''


def prepare_course(
    folder: Path, labs: list[Lab], course: str, cluster: str, quiz: bool = True
) -> Copied:
    """Write what is not there yet: nbgrader_config.py, source/LAB/ for each lab's notebook, and the
    knowledge check's.

    Raises MachineError where the folder cannot be written.
    """
    copied = Copied()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = CONFIG.format(course=course, root=folder.absolute(), cluster=cluster)
        put(folder, "nbgrader_config.py", config, copied)
        for lab in labs:
            if not notebook_of(lab).is_file():
                continue
            notebook = with_links(source.read(notebook_of(lab)), r"](README.md\2)")
            put(folder, f"source/{lab.id}/{lab.id}.ipynb", source.dumps(notebook), copied)
            put(folder, f"source/{lab.id}/README.md", lab.readme.read_text("utf-8"), copied)
        if quiz:
            text = source.dumps(source.read(quiz_notebook()))
            put(folder, f"source/{QUIZ}/{QUIZ}.ipynb", text, copied)
    except OSError as error:
        raise MachineError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return copied
