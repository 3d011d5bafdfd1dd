"""The standard suite, told what the protocol's client can do.

Its tests of pictures and documents fetch them from the web: they are not asked for.
"""

import os

import kit
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

PROTOCOL = os.environ["CONFORMANCE_PROTOCOL"]
OPENAI = {"base_url": kit.URL, "api_key": kit.KEY, "model": kit.MODEL, "max_retries": 0}
CLIENTS = {
    "chat": (ChatOpenAI, OPENAI | {"use_responses_api": False, "stream_usage": True}),
    "responses": (ChatOpenAI, OPENAI | {"use_responses_api": True}),
    "messages": (
        ChatAnthropic,
        {"base_url": kit.ROOT, "api_key": kit.KEY, "model": kit.MODEL, "max_retries": 0},
    ),
}


class TestStandard(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return CLIENTS[PROTOCOL][0]

    @property
    def chat_model_params(self):
        return CLIENTS[PROTOCOL][1]

    @property
    def supports_json_mode(self):
        return PROTOCOL != "messages"
