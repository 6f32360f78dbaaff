"""Offers: what tools a model was offered, out of the events that OpenClaw writes. Pure."""

from agents.offers.event import Offered, OfferedTool, UnusableEvent, is_offer, offered

__all__ = ["Offered", "OfferedTool", "UnusableEvent", "is_offer", "offered"]
