"""Singer's tap for Close: discovery, then a sync of every stream. Prints the catalog and all messages."""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import tap_closeio
import tap_closeio.http
from jsonschema import Draft4Validator

given = json.load(sys.stdin)
tap_closeio.http.BASE_URL = given["url"].rstrip("/")


def run(*options):
    """Run the tap as its command line does and return what it printed."""
    sys.argv = ["tap-closeio", "--config", str(folder / "config.json"), *options]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        tap_closeio.main()
    return printed.getvalue()


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "config.json").write_text(
        json.dumps({"api_key": given["key"], "start_date": given["start_date"], "date_window": 365})
    )
    catalog = json.loads(run("--discover"))
    for stream in catalog["streams"]:
        stream["schema"]["selected"] = True
    (folder / "catalog.json").write_text(json.dumps(catalog))
    messages = [json.loads(line) for line in run("--catalog", str(folder / "catalog.json")).splitlines()]
validators = {stream["tap_stream_id"]: Draft4Validator(stream["schema"]) for stream in catalog["streams"]}
misfits = [
    f"{message['stream']} {message['record'].get('id')}: {'.'.join(map(str, error.path))}: {error.message}"
    for message in messages
    if message["type"] == "RECORD"
    for error in validators[message["stream"]].iter_errors(message["record"])
]
json.dump({"catalog": catalog, "messages": messages, "misfits": misfits}, sys.stdout)
