"""The official client of Close when it is told to wait: it sleeps and asks again, without a word to its caller."""

import json
import sys
import time

from closeio_api import API

given = json.load(sys.stdin)
api = API(given["url"], given["key"])
slept = []
sleep = time.sleep
time.sleep = lambda seconds: slept.append(seconds) or sleep(seconds)

made = [api.post("lead", {"name": f"In spite of refusals {number}"}) for number in range(given["posts"])]
slept_posting, slept[:] = list(slept), []
read = [api.get("lead", params={"_limit": 1, "_fields": "id"})["total_results"] for _ in range(given["gets"])]
json.dump({"made": made, "slept_posting": slept_posting, "read": read, "slept_reading": slept}, sys.stdout)
