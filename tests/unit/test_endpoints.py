"""Which server an object asks, read from what it keeps."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from callspan.langchain.providers import endpoint


class URL:
    """As httpx's: the port is None where it is the scheme's."""

    def __init__(self, scheme, host, port=None):
        self.scheme, self.host, self.port = scheme, host, port


def within(path, url):
    """Give an object that keeps a URL at the end of this path."""
    for name in reversed(path.split(".")):
        url = SimpleNamespace(**{name: url})
    return url


@pytest.mark.parametrize(
    ("path", "url", "expected"),
    [
        ("root_client._base_url", URL("https", "api.openai.com"), ("api.openai.com", 443)),
        ("root_client._base_url", URL("http", "localhost", 8000), ("localhost", 8000)),
        ("root_async_client._base_url", URL("http", "inside"), ("inside", 80)),
        ("client._client._base_url", URL("https", "api.groq.com"), ("api.groq.com", 443)),
        ("client.meta._endpoint_url", "https://vpce-1.amazonaws.com", ("vpce-1.amazonaws.com", 443)),
        (
            "client._api_client._http_options.base_url",
            "https://eu-aiplatform.googleapis.com/",
            ("eu-aiplatform.googleapis.com", 443),
        ),
        ("_client._client._base_url", URL("http", "127.0.0.1", 11434), ("127.0.0.1", 11434)),
        ("anthropic_api_url", "https://api.anthropic.com", ("api.anthropic.com", 443)),
        ("api_endpoint", "us-central1-aiplatform.googleapis.com", ("us-central1-aiplatform.googleapis.com", 443)),
        ("base_url", "http://user:secret@proxy:8080/v1?key=x", ("proxy", 8080)),
        ("base_url", "http://[::1]:9/v1", ("::1", 9)),
        ("endpoint", "localhost:7", ("localhost", 7)),
    ],
)
def test_the_server_is_found_where_integrations_keep_it(path, url, expected):
    assert endpoint(within(path, url)) == expected


@pytest.mark.parametrize(
    "url", [None, "", 3, "chat", "http://", "http://[::1", "http://host:port/", object(), MagicMock()]
)
def test_what_is_no_url_names_no_server(url):
    assert endpoint(SimpleNamespace(base_url=url, endpoint=None)) is None


def test_the_clients_own_url_counts_more_than_the_setting():
    model = SimpleNamespace(openai_api_base="http://a:1", root_client=within("_base_url", URL("http", "b", 2)))
    assert endpoint(model) == ("b", 2)


def test_an_object_without_a_server_names_none():
    assert [endpoint(each) for each in (None, object(), SimpleNamespace(), MagicMock(), 3)] == [None] * 5


def test_no_client_is_made_to_be_asked():
    class Lazy:
        def __init__(self):
            self.anthropic_api_url = None

        @property
        def client(self):
            raise AssertionError("made a client")

        root_client = _client = base_url = client

    assert endpoint(Lazy()) is None
