#!/usr/bin/env python3
"""Has generated Python clients read the bodies of recorded exchanges, and write them again without a difference.

    exchanges.py DOCUMENT EXCHANGES OPENAPI_GENERATOR_CLIENT OPENAPI_PYTHON_CLIENT FOLDER

Writes a body of each form into two files of FOLDER: `bodies.ts`, for the compiler of TypeScript to compare with the types
beside it, and `bodies.json`, for `exchanges.mjs`.
"""

import importlib
import json
import re
import sys


def schema_of(document, exchange, part):
    """The name of the schema of a body, or None if there is none of that name."""
    operation = document["paths"][exchange["path"]][exchange["method"]]
    message = operation.get("requestBody", {}) if part == "request" else operation["responses"][str(exchange["status"])]
    if "$ref" in message:
        message = document["components"]["responses"][message["$ref"].rsplit("/", 1)[1]]
    (content,) = message["content"].values()
    return content["schema"].get("$ref", "").rsplit("/", 1)[-1] or None


def form(value):
    if isinstance(value, dict):
        return {name: form(member) for name, member in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(form(member)) for member in value})
    return value if isinstance(value, bool) else type(value).__name__


def main():
    document, exchanges, *generated, folder = sys.argv[1:]
    with open(document) as file:
        document = json.load(file)
    sys.path[:0] = generated
    pydantic = importlib.import_module("openapi_client.models")
    attrs = importlib.import_module("umoja_client.models")

    read, wrong, forms = 0, [], {}
    with open(exchanges) as file:
        for line in file:
            exchange = json.loads(line)
            for part in ("request", "answer"):
                body = exchange[part]
                name = None if body is None else schema_of(document, exchange, part)
                if name is None:
                    continue
                read += 1
                forms.setdefault((name, json.dumps(form(body))), (name, body))
                try:
                    # `from_dict` is made for answers: it takes an absent member for null, which removes in a patch.
                    read_by = getattr(pydantic, name)
                    model = read_by.from_dict(body) if part == "answer" else read_by.model_validate(body)
                    written = json.loads(model.to_json())
                    again = getattr(attrs, name).from_dict(body).to_dict()
                except Exception as error:  # what any of the generated classes raises
                    wrong.append(f"{name}: {error!r}: {body}")
                    continue
                for client, value in ("openapi-generator", written), ("openapi-python-client", again):
                    if value != body:
                        wrong.append(f"{name}: {client} writes {value}, of {body}")

    # The longest bodies have no other form than shorter ones, only longer texts.
    bodies = [(name, body) for name, body in forms.values() if len(json.dumps(body)) < 20_000]
    with open(f"{folder}/bodies.json", "w") as file:
        json.dump(bodies, file)
    with open(f"{folder}/bodies.ts", "w") as file:
        file.write('import type { components } from "./types";\n\n')
        for number, (name, body) in enumerate(bodies):
            file.write(f'export const body{number} = {json.dumps(body)} satisfies components["schemas"]["{name}"];\n')
    for line in wrong[:20]:
        print(line[:600], file=sys.stderr)
    names = sorted({name for name, _ in forms})
    print(f"{read} bodies of {len(names)} schemas in {len(forms)} forms: {len(wrong)} were not read as they are")
    missing = set(document["components"]["schemas"]) - reached(document, names)
    if missing:
        print(f"no exchange has {', '.join(sorted(missing))}", file=sys.stderr)
    return 1 if wrong or missing or not read else 0


def reached(document, names):
    """These schemas, and those that they refer to."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += re.findall(r"#/components/schemas/(\w+)", json.dumps(document["components"]["schemas"][name]))
    return found


if __name__ == "__main__":
    sys.exit(main())
