"""Command-line options of endpoints, from the fields of :class:`Endpoint`. Light: ``--help``."""

from __future__ import annotations

import json
import typing
from dataclasses import fields
from typing import Any

from colllm_bench.cli.field_docs import field_docs
from colllm_bench.errors import ConfigError
from colllm_bench.teams.endpoint.client import Endpoint

ENDPOINT_OPTIONS = (
    *(field.name for field in fields(Endpoint) if field.name != "options"), "request_option",
)
"""Names of the options, as argparse stores them."""
_METAVARS = {int: "N", float: "X"}


def add_endpoint_options(group: Any) -> None:
    """Add a flag for every field of :class:`Endpoint` to an argparse group."""
    kinds = typing.get_type_hints(Endpoint)
    for name, doc in field_docs(Endpoint).items():
        if name == "options":
            group.add_argument(
                "--request-option", metavar="KEY=VALUE", action="append",
                help="a further field of every request, such as top_p=0.9; null leaves one out",
            )
            continue
        plain = [kind for kind in (*typing.get_args(kinds[name]), kinds[name]) if kind in _METAVARS]
        kind = plain[0] if plain else str
        default = getattr(Endpoint, name, None)
        help_text = doc.text.replace("%", "%%")
        help_text += "" if default is None else f" (default: {default})"
        metavar = _METAVARS.get(kind, name.rpartition("_")[2].upper())
        flag = f"--{name.replace('_', '-')}"
        group.add_argument(flag, type=kind, metavar=metavar, help=help_text)


def endpoint_of(options: dict[str, Any]) -> Endpoint:
    """The endpoint that a command line describes.

    Args:
        options: the options that were given, by name; others are ignored.

    Raises:
        ConfigError: a value out of its range, or no ``KEY=VALUE``.
    """
    request_options = {}
    for text in options.get("request_option", []):
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--request-option {text!r} is no pair", allowed="KEY=VALUE",
                fix="--request-option top_p=0.9",
            )
        try:
            request_options[key] = json.loads(value)
        except ValueError:
            request_options[key] = value
    names = [name for name in ENDPOINT_OPTIONS if name in options and name != "request_option"]
    endpoint = Endpoint(**{name: options[name] for name in names}, options=request_options)
    endpoint.check()
    return endpoint
