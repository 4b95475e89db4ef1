"""Asks the server that STEWARD_URL and STEWARD_KEY name."""

import calendar
import json
import os
import sys
import time
import urllib.error
import urllib.request


class Api:
    def __init__(self):
        self.url, self.key = os.environ["STEWARD_URL"].rstrip("/"), os.environ["STEWARD_KEY"]

    def get(self, path):
        return self.ask(path, None, None)

    def post(self, path, body, kind):
        return self.ask(path, json.dumps(body).encode(), kind)

    def ask(self, path, body, kind):
        headers = {"Authorization": f"Bearer {self.key}"} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"{path}: the server answered with {error.code}: {error.read().decode(errors='replace')}")
        except urllib.error.URLError as error:
            sys.exit(f"{self.url} does not answer: {error.reason}")

    def events(self, kind):
        """Every event of a type, in the order of the log."""
        after = 0
        while True:
            page = self.get(f"/api/v1/events?type={kind}&after={after}&limit=500")
            yield from page["events"]
            if not page["events"]:
                return
            after = page["next"]

    @staticmethod
    def seconds(time_of):
        return calendar.timegm(time.strptime(time_of, "%Y-%m-%dT%H:%M:%SZ"))
