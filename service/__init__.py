"""The Discount Service: brands own pools of secret codes, users get one each, for ever."""

__version__ = "0.1.0"
