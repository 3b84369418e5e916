"""Webhooks go to public addresses only, unless the configuration says otherwise, whatever a name leads to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from uplink.station.webhooks.config import WebhookConfig
from uplink.station.webhooks.guard import (
    GuardedBackend,
    GuardedTransport,
    NameLookup,
    RefusedAddressError,
    Resolve,
    UnknownHostError,
    refused_literal,
    why_refused,
)

from .makers import SECRET, write_secret
from .receiver import receiving
from .webhook_bench import webhook_bench

NAME = "incidents.test"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",  # carrier-grade NAT
        "100.100.100.200",  # a cloud's metadata
        "168.63.129.16",  # another's
        "169.254.169.254",  # and the most common one
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",  # IPv4 in IPv6
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",  # through NAT64
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",  # 6to4
        "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"],
)
def test_a_public_address_is_not(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]", "10.0.0.1"])
def test_the_configuration_is_refused_where_the_address_stands_in_it(tmp_path: Path, host: str) -> None:
    secret = write_secret(tmp_path / "webhook.secret", SECRET)
    given = {"url": f"https://{host}/hook", "secret_file": secret}
    with pytest.raises(ValueError, match=r"allow_private = true"):
        WebhookConfig.model_validate(given)
    WebhookConfig.model_validate({**given, "allow_private": True})


def test_a_name_is_not_looked_up_for_that() -> None:
    assert refused_literal("incidents.example.org") is None


async def test_a_name_that_leads_to_this_machine_is_not_connected_to() -> None:
    async with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        assert port is not None
        backend = GuardedBackend(_leads_to("127.0.0.1"), allow_private=False)
        with pytest.raises(RefusedAddressError) as caught:
            await backend.connect_tcp(NAME, port)
        assert receiver.received == []
    assert caught.value.message == "incidents.test leads to 127.0.0.1 (this machine itself)"
    assert "allow_private" in caught.value.hint


async def test_a_name_that_was_public_when_it_was_looked_at_is_looked_at_again() -> None:
    """DNS rebinding: what counts is the answer that is connected to."""
    answers = [["127.0.0.1"], ["1.1.1.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop()

    tried: list[str] = []
    backend = _noting(GuardedBackend(resolve, allow_private=False), tried)
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp(NAME, 443)
    with pytest.raises(RefusedAddressError):
        await backend.connect_tcp(NAME, 443)
    assert tried == ["1.1.1.1"]


async def test_of_several_addresses_only_public_ones_are_tried_and_as_they_were_looked_up() -> None:
    tried: list[str] = []
    leads_to = _leads_to("10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111")
    backend = _noting(GuardedBackend(leads_to, allow_private=False), tried)
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp(NAME, 443)
    assert tried == ["1.1.1.1", "2606:4700::1111"], "addresses, never the name"


async def test_a_second_address_serves_where_the_first_is_dead() -> None:
    async with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        assert port is not None
        backend = GuardedBackend(_leads_to("127.0.0.2", "127.0.0.1"), allow_private=True)
        stream = await backend.connect_tcp(NAME, port, timeout=5.0)
        await stream.aclose()


@pytest.mark.parametrize("found", [[], None])
async def test_a_name_that_leads_nowhere_is_told_as_that(found: list[str] | None) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        if found is None:
            raise OSError("Name or service not known")
        return found

    with pytest.raises(UnknownHostError):
        await GuardedBackend(resolve, allow_private=True).connect_tcp(NAME, 443)


async def test_what_was_refused_is_in_the_log_of_the_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NameLookup, "__call__", staticmethod(_leads_to("192.168.7.7")))
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", NAME)
        secret = write_secret(tmp_path / "webhook.secret", SECRET)
        config = WebhookConfig.model_validate({"url": url, "secret_file": secret})
        async with webhook_bench(tmp_path, configs=[config]) as bench:
            await bench.put()
            await bench.deliver()
            (delivery,) = await bench.log()
    assert delivery.last_error is not None
    assert delivery.last_error.startswith("incidents.test leads to 192.168.7.7 (private).")
    assert receiver.received == []


async def test_a_name_that_is_slow_to_look_up_keeps_only_its_own_endpoint_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host == "slow.test":
            answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("uplink.station.webhooks.guard.socket.getaddrinfo", getaddrinfo)
    lookups = [NameLookup() for _ in range(50)]
    waiting = [asyncio.create_task(lookup("slow.test", 443)) for lookup in lookups]
    other = NameLookup()
    try:
        async with asyncio.timeout(20):
            assert await other("fast.test", 443) == ["127.0.0.1"]
        assert not any(task.done() for task in waiting)
    finally:
        answered.set()
        await asyncio.gather(*waiting)
        for lookup in [*lookups, other]:
            lookup.close()


async def test_tls_and_host_use_the_name_although_the_address_is_connected_to(tmp_path: Path) -> None:
    async with _tls_server(tmp_path, NAME) as (port, trust, heads):
        backend = GuardedBackend(_leads_to("127.0.0.1"), allow_private=True)
        async with httpx.AsyncClient(transport=GuardedTransport(backend, trust, connections=1)) as http:
            answer = await http.post(f"https://{NAME}:{port}/hook", content=b"{}")
        assert answer.status_code == 204
        assert f"host: {NAME}:{port}" in heads[0].lower()


async def test_a_certificate_of_another_name_does_not_hold(tmp_path: Path) -> None:
    async with _tls_server(tmp_path, "elsewhere.test") as (port, trust, heads):
        backend = GuardedBackend(_leads_to("127.0.0.1"), allow_private=True)
        async with httpx.AsyncClient(transport=GuardedTransport(backend, trust, connections=1)) as http:
            with pytest.raises(httpcore.ConnectError, match=r"incidents\.test"):
                await http.post(f"https://{NAME}:{port}/hook", content=b"{}")
        assert heads == []


def _leads_to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def _noting(backend: GuardedBackend, tried: list[str]) -> GuardedBackend:
    """Notes which addresses would be connected to, and connects to none."""

    class Inner(httpcore.AnyIOBackend):
        async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
            tried.append(host)
            raise httpcore.ConnectError("nobody is there")

    backend._inner = Inner()
    return backend


@asynccontextmanager
async def _tls_server(folder: Path, name: str) -> AsyncIterator[tuple[int, ssl.SSLContext, list[str]]]:
    """Answers 204 with a certificate of this name; gives the port, what trusts it, and what it was asked."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    chain = folder / "server.pem"
    chain.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(chain)
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 204 Yes\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=serving)
    try:
        trust = ssl.create_default_context(cadata=pem.decode())
        yield server.sockets[0].getsockname()[1], trust, heads
    finally:
        server.close()
        await server.wait_closed()
