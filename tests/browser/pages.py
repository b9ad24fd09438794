"""The shop's pages: an SDK as its vendor says to embed it, with only the host changed."""

from __future__ import annotations

from typing import Final

_PAGE: Final = "<!doctype html><title>Shop</title>{}"


def pages(account: str, tls_host: str, plain_host: str) -> dict[str, str]:
    """HTML by name."""
    return {
        "clevertap": _PAGE.format(_clevertap(account, tls_host)),
        "fetching": _PAGE.format(_clevertap(account, tls_host, "{enableFetchApi: true}")),
        "encrypting": _PAGE.format(_clevertap(account, tls_host, "{enableEncryptionInTransit: true}")),
        "named": _PAGE.format(_clevertap(account, tls_host, "{customId: 'abc123'}")),
        "hasty": _PAGE.format(_hasty(account, tls_host)),
        "silent": _PAGE.format(_clevertap(account, tls_host, first="setLogLevel(0)")),
        "segment": _PAGE.format(_segment(account, plain_host)),
        "configured": _PAGE.format(_configured(account, plain_host)),
    }


def welcome(account: str, tls_host: str, token: str) -> str:
    """The page of somebody whom the shop's server knows."""
    return _PAGE.format(_clevertap(account, f"{tls_host}/t/{token}"))


def _clevertap(
    account: str, host: str, options: str = "{}", first: str = "privacy.push({optOut: false}, {useIP: true})"
) -> str:
    return f"""
<script src="/sdk/clevertap/clevertap.min.js"></script>
<script>
clevertap.{first};
clevertap.enablePersonalization = true;
clevertap.init('{account}', '', '{host}', undefined, {options});
</script>"""


def _hasty(account: str, host: str) -> str:
    """What a page does before the SDK has come is kept in lists, which the SDK then works off."""
    return f"""
<script>
var clevertap = {{event: [], profile: [], account: [{{id: '{account}'}}, '', '{host}'], onUserLogin: [], region: '',
  notifications: [], privacy: []}};
clevertap.onUserLogin.push({{Site: {{Identity: 'hasty-1'}}}});
clevertap.event.push('Early');
</script>
<script src="/sdk/clevertap/clevertap.min.js"></script>
<script>clevertap.init();</script>"""


def _segment(account: str, host: str) -> str:
    return f"""
<script src="/sdk/segment/index.js"></script>
<script>
window.analytics = AnalyticsNext.AnalyticsBrowser.load(
  {{writeKey: '{account}', cdnSettings: {{integrations: {{'Segment.io': {{apiKey: '{account}'}}}}}}}},
  {{integrations: {{'Segment.io': {{apiHost: '{host}/v1', protocol: 'http'}}}}}},
);
</script>"""


def _configured(account: str, host: str) -> str:
    """All else the library asks the gateway for."""
    return f"""
<script src="/sdk/segment/index.js"></script>
<script>window.analytics = AnalyticsNext.AnalyticsBrowser.load({{writeKey: '{account}', cdnURL: 'http://{host}'}});</script>"""
