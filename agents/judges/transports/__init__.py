"""Ways for a request to leave this machine other than httpx's own."""

from agents.judges.transports.curl import CurlTransport

__all__ = ["CurlTransport"]
