"""Python: data classes of answers, typed dictionaries of what is sent, and the operations twice, sync and async."""

import keyword
import re
import textwrap

from document import NOTICE, Api, Field, Operation, Schema, Type, snake


def files(api: Api) -> dict[str, str]:
    return {"python/src/umoja/_generated.py": _module(api)}


def _paragraphs(text: str) -> list[str]:
    """The lines of a text, without the breaks inside sentences."""
    return re.sub(r"(?<=[^\n:.])\n(?=[^\n])", " ", text).splitlines()


def _doc(text: str, indent: str) -> str:
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    lines = [line for part in _paragraphs(text) for line in (textwrap.wrap(part, 116 - len(indent)) or [""])]
    if not lines:
        return ""
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    rest = "".join(f"{indent}{line}".rstrip() + "\n" for line in lines[1:])
    return f'{indent}"""{lines[0]}\n{rest}{indent}"""\n'


def _type(kind: Type, optional: bool = False) -> str:
    match kind.kind:
        case "ref":
            text = kind.name
        case "list":
            text = f"list[{_type(kind.item)}]"
        case "map":
            text = f"dict[str, {_type(kind.item)}]"
        case other:
            text = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "any": "Any"}[other]
    return f"{text} | None" if kind.nullable or optional else text


def _name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _schema(schema: Schema) -> str:
    if schema.kind == "alias":
        return f"{schema.name} = str\n" + _doc(schema.doc, "")
    if schema.kind == "enum":
        values = ", ".join(f'"{value}"' for value in schema.values)
        return f"{schema.name} = Literal[{values}]\n" + _doc(schema.doc, "")
    if schema.is_input:
        fields = "".join(f"    {field.name}: {_type(field.type)}\n" + _doc(field.doc, "    ") for field in schema.fields)
        return f"class {schema.name}(TypedDict, total=False):\n" + _doc(schema.doc, "    ") + "\n" + fields
    fields = sorted(schema.fields, key=lambda field: not field.required)
    body = "".join(_attribute(field) for field in fields)
    head = "@dataclasses.dataclass(frozen=True, kw_only=True)\n"
    return f"{head}class {schema.name}:\n" + _doc(schema.doc, "    ") + "\n" + body


def _attribute(field: Field) -> str:
    default = "" if field.required else " = None"
    return f"    {_name(field.name)}: {_type(field.type, not field.required)}{default}\n" + _doc(field.doc, "    ")


def _operation(api: Api, operation: Operation, asynchronous: bool) -> str:
    fields = sorted(api.schema(operation.request).fields, key=lambda field: not field.required)
    arguments = ""
    for field in fields:
        required = field.required
        default = "" if required else " = None"
        arguments += f"        {_name(field.name)}: {_type(field.type, not required)}{default},\n"
    members = "".join(f'            "{field.name}": {_name(field.name)},\n' for field in fields)
    doc = f"{operation.summary} {operation.doc}".strip()
    described = "".join(f"\n\n{_name(field.name)}: {' '.join(field.doc.split())}" for field in fields if field.doc)
    a, wait = ("async ", "await ") if asynchronous else ("", "")
    return (
        f"    {a}def {snake(operation.id)}(\n        self,\n        *,\n{arguments}        idk: str | None = None,\n"
        f"    ) -> {operation.response}:\n"
        + _doc(doc + described, "        ")
        + f"        body = {{\n{members}        }}\n"
        f'        answer = {wait}self.call("{operation.path}", without_none(body), idk=idk)\n'
        f"        return decode({operation.response}, answer.body)\n"
    )


def _class(api: Api, asynchronous: bool) -> str:
    name, a = ("AsyncOperations", "async ") if asynchronous else ("Operations", "")
    methods = "\n".join(_operation(api, operation, asynchronous) for operation in api.operations)
    return f'''class {name}:
    """The operations of the API. Each takes `idk`, an idempotency key; a random one if absent."""

    {a}def call(self, path: str, body: Mapping[str, Any], *, idk: str | None = None) -> Answer:
        """Call the operation at a path, and return its verified answer."""
        raise NotImplementedError

{methods}'''


def _module(api: Api) -> str:
    codes = "".join(f'    "{code}",\n' for code in api.codes)
    # Data classes refer to each other as texts, so their order does not matter.
    schemas = sorted(api.schemas, key=lambda schema: (schema.kind == "object", schema.name))
    head = f'''"""{NOTICE}"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from umoja._decode import decode, without_none
from umoja._messages import Answer

ErrorCode = Literal[
{codes}]
"""The `code` of a problem, which never changes its meaning. A newer region may have more."""
'''
    parts = [head, *map(_schema, schemas), _class(api, False), _class(api, True)]
    return "\n\n".join(part.rstrip("\n") + "\n" for part in parts)
