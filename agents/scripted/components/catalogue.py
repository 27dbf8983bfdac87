"""Every component there is, read from the files beside this one.

`<name>.toml` describes the component of `<name>.html.j2`.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from recursor.agents.scripted.components.component import Component
from recursor.agents.scripted.components.options import OPTIONS, Options


def _read() -> dict[str, Component]:
    found: dict[str, Component] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        name, dot, kind = file.name.partition(".")
        if dot and kind == "toml":
            described = tomllib.loads(file.read_text(encoding="utf-8"))
            options = OPTIONS.get(name, Options)
            component = Component.model_validate({**described, "name": name, "options": options})
            for variant in component.variants:
                options.model_validate(dict(variant.options))
            found[name] = component
    return found


COMPONENTS: Mapping[str, Component] = _read()
"""Every component by name, sorted by name."""
