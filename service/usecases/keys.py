"""Keys: what tells a thing from every other in the store, as use cases hand it back."""

from typing import NamedTuple


class PoolKey(NamedTuple):
    """The keys of a campaign: what every statement on its codes begins with."""

    brand_id: int
    campaign_id: int


class FileKey(NamedTuple):
    """What tells a file of an import from every other."""

    brand_id: int
    id: str


class JobKey(NamedTuple):
    """What tells a job from every other."""

    brand_id: int
    id: str
