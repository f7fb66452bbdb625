"""Results as self-contained HTML pages: one for a submission, one for a class."""

from grader.report.page.pages import class_page, picture_of, result_page

__all__ = ["class_page", "picture_of", "result_page"]
