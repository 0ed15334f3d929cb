"""Single cases: which ones a report shows (`choose`), what it says of them (`view`), and their thumbnails (`pictures`).

Comes in: the leading method's predictions. Goes out: the ``cases`` part of a report's view.
"""

from vlmeval.report.cases.pictures import check_gallery, shown_pictures, with_thumbnails
from vlmeval.report.cases.view import cases_view

__all__ = ["cases_view", "check_gallery", "shown_pictures", "with_thumbnails"]
