"""The Flask service."""

import os

from flask import Flask, request

from bgtasks_adapters.flask import init_app
from notifications import welcome

app = Flask(__name__)
init_app(app, receipt=os.environ.get("RECEIPT"))


@app.post("/members")
def join() -> str:
    for member in request.get_json():
        welcome(member["id"], member["address"])
    return "Welcome!"
