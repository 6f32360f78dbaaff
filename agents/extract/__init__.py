"""Extraction: a session's entries cut into tool-use turns."""

from agents.extract.envelope import Words, own_words
from agents.extract.explain import Explanation
from agents.extract.extractor import Extracted, Extractor
from agents.extract.files import FileExtract, extract_file

__all__ = [
    "Explanation",
    "Extracted",
    "Extractor",
    "FileExtract",
    "Words",
    "extract_file",
    "own_words",
]
