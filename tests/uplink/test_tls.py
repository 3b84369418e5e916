"""https by the station itself: with a certificate made here, and what a wrong one says."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect

from uplink.errors import StationError
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.server import running

from .makers import make_config
from .people import cheap_passwords, settle_in, sign_in


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a station")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


def with_tls(folder: Path, cert_file: Path, key_file: Path) -> StationConfig:
    config = make_config(folder).model_dump()
    return StationConfig.model_validate(
        config | {"sign_in": True, "tls_cert_file": cert_file, "tls_key_file": key_file}
    )


async def test_people_sign_in_and_look_over_https_and_the_cookie_never_leaves_it(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    config = with_tls(tmp_path, *certificate)
    await settle_in(config.data_dir)
    trust = ssl.create_default_context(cafile=certificate[0])
    with cheap_passwords():
        async with (
            running(config) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", verify=trust, trust_env=False) as http,
        ):
            assert url.startswith("https://127.0.0.1:")
            answer = await sign_in(http, "Vera")
            assert answer.json()["name"] == "Vera"
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-emberwatch=")
            assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert (await http.get("/snapshot")).status_code == 200
            live = url.replace("https", "wss") + "/api/v1/live"
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}
            async with connect(live, ssl=trust, additional_headers=headers, proxy=None) as page:
                assert '"type":"snapshot"' in str(await page.recv())
            plain = httpx.AsyncClient(trust_env=False)
            with pytest.raises(httpx.HTTPError):
                await plain.get(url.replace("https", "http"))
            await plain.aclose()


async def test_over_http_no_browser_is_told_to_insist_on_https(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    async with running(config, create_app(config)) as url, httpx.AsyncClient(trust_env=False) as http:
        assert "strict-transport-security" not in (await http.get(f"{url}/healthz")).headers


@pytest.mark.parametrize("broken", ["missing", "no certificate", "another's key", "a passphrase"])
def test_a_certificate_that_cannot_be_shown_is_one_clear_line(
    tmp_path: Path, certificate: tuple[Path, Path], broken: str
) -> None:
    cert_file, key_file = certificate
    key = ec.generate_private_key(ec.SECP256R1())
    if broken == "missing":
        cert_file.unlink()
    elif broken == "no certificate":
        cert_file.write_text("nonsense")
    else:
        lock = (
            serialization.BestAvailableEncryption(b"secret")
            if broken == "a passphrase"
            else serialization.NoEncryption()
        )
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        )
    with pytest.raises(StationError, match="are no certificate and its key") as caught:
        create_app(with_tls(tmp_path, cert_file, key_file))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "station").exists(), "nothing was begun"
