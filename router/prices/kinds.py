"""What the price list prices, in its own words, beside our counters and units: a row each.

The list's words are those of `genai_prices.units`; a test holds this table against them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from router import counters, units

# The first word that a row of the list knows counts.
TOKEN_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        counters.INPUT: ("input_mtok", "input_text_mtok"),
        counters.OUTPUT: ("output_mtok", "output_text_mtok"),
        counters.CACHED: ("cache_read_mtok", "cache_text_read_mtok"),
        counters.WRITTEN: (
            *("cache_write_5m_mtok", "cache_write_mtok"),
            *("cache_text_write_5m_mtok", "cache_text_write_mtok"),
        ),
        counters.WRITTEN_1H: ("cache_write_1h_mtok", "cache_text_write_1h_mtok"),
        counters.AUDIO_IN: ("input_audio_mtok",),
        counters.IMAGE_IN: ("input_image_mtok",),
        counters.VIDEO_IN: ("input_video_mtok",),
        counters.CACHED_AUDIO: ("cache_audio_read_mtok",),
        counters.CACHED_IMAGE: ("cache_image_read_mtok",),
        counters.CACHED_VIDEO: ("cache_video_read_mtok",),
        counters.REASONING: ("output_reasoning_mtok", "output_text_reasoning_mtok"),
        counters.AUDIO_OUT: ("output_audio_mtok",),
        counters.IMAGE_OUT: ("output_image_mtok",),
        counters.VIDEO_OUT: ("output_video_mtok",),
        counters.CITATION: ("output_citation_mtok", "output_text_citation_mtok"),
    }
)
# The list's words, and how many of the unit its price is for.
UNIT_KINDS: Final[Mapping[str, tuple[tuple[str, ...], int]]] = MappingProxyType(
    {
        units.CHARACTER: (("input_mchars",), 1_000_000),
        units.CODE_EXECUTION: (("code_executions_kcount",), 1000),
        units.FILE_SEARCH: (("storage_searches_kcount",), 1000),
        units.PAGE: (("input_document_kpages",), 1000),
        units.REQUEST: (("requests_kcount",), 1000),
        units.SEARCH: (("rerank_searches_kcount",), 1000),
        units.SECOND: (("input_audio_hours", "audio_hours"), 3600),
        units.SOCIAL_SEARCH: (("social_searches_kcount",), 1000),
        units.WEB_SEARCH: (("web_searches_kcount",), 1000),
    }
)
# What no answer tells that passes through here: caches written by kind, tools' texts by kind,
# thoughts and citations in sound and pictures, speech by the hour, messages of live voices.
UNREAD: Final = frozenset(
    {
        *(
            f"cache_{kind}_write{life}_mtok"
            for kind in ("audio", "image", "video")
            for life in ("", "_5m", "_1h")
        ),
        *(f"input{kind}_tool_mtok" for kind in ("", "_text", "_audio", "_image", "_video")),
        *(
            f"output_{kind}_{part}_mtok"
            for kind in ("audio", "image", "video")
            for part in ("reasoning", "citation")
        ),
        *("input_annotated_document_kpages", "input_gpixels", "input_text_messages_kcount"),
        "output_audio_hours",
    }
)
