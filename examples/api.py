"""How the programs of the examples read files of rows, and ask a server: the one that STEWARD_URL names (http://127.0.0.1:7300
where it is not set), with the key that STEWARD_KEY holds."""

import json
import os
import sys
import urllib.error
import urllib.request


def read_rows(path):
    """The rows of a file of JSON Lines."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def ask(method, path, body=None, headers=()):
    """The answer, read as JSON. Where it is none of success the program ends, and says what the server said."""
    url = os.environ.get("STEWARD_URL", "http://127.0.0.1:7300").rstrip("/")
    headers = {"Authorization": f"Bearer {os.environ['STEWARD_KEY']}", "Content-Type": "application/json", **dict(headers)}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            text = json.loads(text)["detail"]
        except (ValueError, KeyError, TypeError):
            pass
        sys.exit(f"✗ {method} {path}: {error.code} {text}")
    except urllib.error.URLError as error:
        sys.exit(f"✗ {url} does not answer: {error.reason}")
