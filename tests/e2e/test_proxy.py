"""A whole gateway whose backends are beyond a proxy: the environment's, and a backend's own."""

import asyncio
import json
from urllib.parse import urlsplit

import httpx
import yaml
from gatewaykit import RunningGateway, config_text, start_gateway
from ports import free_port
from proxyserver import ForwardProxy, forward_proxy

SECRET = "hunter2"


async def test_backends_beyond_a_proxy_are_asked_through_it(tmp_path, simulators):
    seen, urls = simulators
    model = urlsplit(urls["moe"])
    knows = {"model.internal": (model.hostname, model.port)}
    async with forward_proxy(ForwardProxy(wants=f"gate:{SECRET}", knows=knows)) as proxy:
        url = proxy.url.replace("://", f"://gate:{SECRET}@")
        port = free_port()
        config = yaml.safe_load(config_text(port, urls | {"local": urls["moe"]}))
        far = config["backends"]["moe"] | {"base_url": "http://model.internal/v1"}
        near = config["backends"]["moe"] | {"proxy": url}
        config["backends"] |= {"premium": far, "strict": near}  # names that the policy knows
        gateway = RunningGateway(tmp_path, port, seen)
        process = start_gateway(tmp_path, json.dumps(config), HTTP_PROXY=url)
        try:
            await asyncio.to_thread(gateway.until_ready, process)
            key = await asyncio.to_thread(gateway.key, "enterprise")
            asked = {"premium": 1, "moe": 1, "strict": 2}  # by then through the proxy
            for backend, through in asked.items():
                body = {"model": backend, "messages": [{"role": "user", "content": "Hello"}]}
                async with httpx.AsyncClient(trust_env=False) as client:
                    headers = {"authorization": f"Bearer {key}"}
                    url = f"{gateway.url}/chat/completions"
                    reply = await client.post(url, json=body, headers=headers)
                assert reply.status_code == 200, reply.text
                assert len(proxy.lines) == through
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
    assert SECRET not in (tmp_path / "gateway.log").read_text()
