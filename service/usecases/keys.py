"""Keys: what tells a thing from every other in the store, as use cases hand it back."""

from typing import NamedTuple


class Pool(NamedTuple):
    """The keys of a campaign: what every statement on its codes begins with."""

    brand_id: int
    campaign_id: int
