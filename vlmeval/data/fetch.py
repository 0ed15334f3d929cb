"""Download a data set from its official home: first the plan (sizes, licence), then the download.

    plan = plan_fetch("ham10000")          # no network; plan.as_dict() for the dry run
    report = fetch(plan, progress=...)     # resumable, verified, several files at a time

This is the door; the work is in `vlmeval.data.fetching`, the addresses are in `vlmeval/data/sources/*.yaml`.
"""

from __future__ import annotations

from vlmeval.data.fetching.download import FetchOptions
from vlmeval.data.fetching.plan import FetchItem, FetchPlan, plan_fetch
from vlmeval.data.fetching.run import FetchReport, fetch
from vlmeval.data.fetching.source import FetchSource, load_source

__all__ = ["FetchItem", "FetchOptions", "FetchPlan", "FetchReport", "FetchSource", "fetch", "load_source", "plan_fetch"]
