"""The brands of a model, and its clock."""

from tests.tools.model.stored import Campaign, Code, Refused

DEFAULT = "default"


class Base:
    """Brands with their campaigns and codes, and a clock that jumps."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.brands: dict[str, dict[str, Campaign]] = {}

    def campaign(self, brand: str, campaign: str) -> Campaign:
        """Return a campaign.

        Raises:
            Refused: There is none.
        """
        if brand not in self.brands:
            raise Refused(404, "brand-not-found")
        if campaign not in self.brands[brand]:
            raise Refused(404, "campaign-not-found")
        return self.brands[brand][campaign]

    def code(self, brand: str, code: str) -> Code:
        """Return a code of a brand.

        Raises:
            Refused: There is none.
        """
        if brand not in self.brands:
            raise Refused(404, "brand-not-found")
        for campaign in self.brands[brand].values():
            if code in campaign.codes:
                return campaign.codes[code]
        raise Refused(404, "code-not-found")

    def codes_of(self, brand: str) -> list[Code]:
        """Return all codes of a brand."""
        campaigns = self.brands.get(brand, {}).values()
        return [code for campaign in campaigns for code in campaign.codes.values()]

    def moved(self, code: Code) -> None:
        """Note a transition."""
        code.version += 1
