"""Keys: the identities of things in the store."""

from typing import NamedTuple


class PoolKey(NamedTuple):
    """The key of a campaign, which is a pool of codes."""

    brand_id: int
    campaign_id: int


class FileKey(NamedTuple):
    """The key of an import's file."""

    brand_id: int
    id: str


class JobKey(NamedTuple):
    """The key of a job."""

    brand_id: int
    id: str
