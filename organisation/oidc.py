"""Talking to the institution's OpenID Connect server: allauth's client, with our addresses, PKCE, and signatures checked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, cast

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from organisation import sign_on

SIGNED_WITH = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
SKEW = 5  # seconds between the clocks of the two servers
TROUBLE = (OAuth2Error, requests.RequestException, jwt.PyJWTError, KeyError, ValueError)
"""What can come of talking to another server."""


class Client(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """allauth's client of the one server there is."""

    answer = "organisation:sign-on-answer"

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, sign_on.PROVIDER)

    def get_provider(self) -> Provider:
        app = SocialApp(
            provider=sign_on.PROVIDER,
            name=sign_on.name(),
            client_id=settings.OIDC_CLIENT_ID,
            secret=settings.OIDC_CLIENT_SECRET,
            settings={"server_url": settings.OIDC_ISSUER},
        )
        return Provider(self.request, app=app)

    @property
    def openid_config(self) -> dict[str, Any]:
        found = cast(dict[str, Any], super().openid_config)
        if str(found["issuer"]).rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error(f"The server calls itself {found['issuer']}, not {settings.OIDC_ISSUER}.")
        return found

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return request.build_absolute_uri(reverse(self.answer))

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """The claims, their signature checked, though allauth would take them unchecked from the server itself."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        keys = jwt.PyJWKSet.from_dict(answer.json())
        header = jwt.get_unverified_header(id_token)
        key = keys[header["kid"]] if "kid" in header else keys.keys[0]
        return jwt.decode(
            id_token,
            key=key.key,
            algorithms=SIGNED_WITH,
            audience=app.client_id,
            issuer=self.openid_config["issuer"],
            leeway=SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    id = sign_on.PROVIDER
    oauth2_adapter_class = Client
    pkce_enabled_default = True
    nonce = ""

    def get_oauth2_adapter(self, request: HttpRequest) -> Client:
        return Client(request)

    def extract_uid(self, data: Mapping[str, Any]) -> str:
        claims = data["id_token"]
        if "userinfo" in data and data["userinfo"].get("sub") != claims["sub"]:
            raise OAuth2Error("The id token and the user information are about different people.")
        return sign_on.uid(claims["iss"], claims["sub"])

    def extract_extra_data(self, data: Mapping[str, Any]) -> dict[str, str]:
        """What is kept: not what the server tells of the person."""
        self.nonce = str(data["id_token"].get("nonce", ""))
        return {"iss": data["id_token"]["iss"], "sub": data["id_token"]["sub"]}


def address_to_sign_in(request: HttpRequest, *, after: str | None) -> str:
    """Where someone signs in. What was asked waits in the session, under `state`."""
    nonce = secrets.token_urlsafe(32)
    answer = (
        Client(request)
        .get_provider()
        .redirect(request, AuthProcess.LOGIN, next_url=after, data={"nonce": nonce}, auth_params={"nonce": nonce})
    )
    return str(answer["Location"])


def answers(login: SocialLogin) -> bool:
    """Whether the answer is one to what was asked."""
    return constant_time_compare(login.provider.nonce, login.state["data"]["nonce"])


class ProofClient(Client):
    answer = "organisation:prove-sign-on-answer"


def address_to_prove(request: HttpRequest, *, state: str, nonce: str, hint: str) -> tuple[str, str]:
    """Where someone signs in anew, and the secret with which the code is then redeemed."""
    client, provider = ProofClient(request), ProofClient(request).get_provider()
    pkce = generate_code_challenge()
    verifier = str(pkce.pop("code_verifier"))
    talk = client.get_client(request, provider.app)
    talk.state = state
    asked = {"prompt": "login", "max_age": "0", "nonce": nonce, "login_hint": hint, **pkce}
    return str(talk.get_redirect_url(client.authorize_url, ["openid"], asked)), verifier


def claims_of_proof(request: HttpRequest, *, code: str, verifier: str) -> dict[str, Any]:
    """What the server says of whoever signed in anew, its signature checked."""
    client = ProofClient(request)
    app = client.get_provider().app
    token = client.get_client(request, app).get_access_token(code, pkce_code_verifier=verifier)
    return client._decode_id_token(app, token["id_token"])
