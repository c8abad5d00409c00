"""PHP: a class for each answer, the operations with named arguments, and the codes of problems as constants."""

from document import NOTICE, Api, Field, Operation, Schema, Type, camel

HEAD = f"<?php\n\n// {NOTICE}\n\ndeclare(strict_types=1);\n\n"


def files(api: Api) -> dict[str, str]:
    made = {"php/src/ErrorCode.php": _codes(api), "php/src/Operations.php": _operations(api)}
    for schema in api.schemas:
        if schema.kind == "object" and not schema.is_input:
            made[f"php/src/Types/{schema.name}.php"] = _class(api, schema)
    return made


def _doc(lines: list[str], indent: str = "") -> str:
    lines = [line.replace("*/", "* /") for text in lines for line in text.splitlines()]
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _native(api: Api, kind: Type) -> str:
    if kind.kind == "ref":
        schema = api.schema(kind.name)
        if schema.kind != "object":
            return "string"
        return "array" if schema.is_input else f"Types\\{kind.name}"
    return {"string": "string", "integer": "int", "number": "float", "boolean": "bool", "any": "mixed"}.get(kind.kind, "array")


def _documented(api: Api, kind: Type) -> str:
    if kind.kind == "list":
        return f"list<{_documented(api, kind.item)}>"
    if kind.kind == "map" or (kind.kind == "ref" and _native(api, kind) == "array"):
        item = _documented(api, kind.item) if kind.item else "mixed"
        return f"array<string, {item}>"
    return _native(api, kind)


def _codes(api: Api) -> str:
    doc = _doc(["The `code` of a problem, which never changes its meaning. A newer region may have more."])
    constants = "".join(f"    public const {code.upper()} = '{code}';\n" for code in api.codes)
    return f"{HEAD}namespace Umoja;\n\n{doc}final class ErrorCode\n{{\n{constants}}}\n"


def _read(api: Api, kind: Type, value: str) -> str:
    if kind.kind == "ref" and _native(api, kind).startswith("Types"):
        return f"{kind.name}::fromArray({value})"
    if kind.kind in ("list", "map"):
        inner = _read(api, kind.item, "$one")
        return value if inner == "$one" else f"array_map(static fn (array $one) => {inner}, {value})"
    return value


def _class(api: Api, schema: Schema) -> str:
    fields = sorted(schema.fields, key=lambda field: not field.required)
    properties, reads = "", ""
    for field in fields:
        native = _native(api, field.type).removeprefix("Types\\")
        text = [field.doc] if field.doc else []
        if field.type.kind in ("list", "map"):
            text.append(f"@var {_documented(api, field.type)}{'' if field.required else '|null'}".replace("Types\\", ""))
        optional = "" if field.required else "?"
        default = "" if field.required else " = null"
        properties += (_doc(text, "        ") if text else "") + f"        public readonly {optional}{native} ${camel(field.name)}{default},\n"
        value = f"$members['{field.name}']"
        read = _read(api, field.type, value)
        if not field.required:
            read = f"{value} ?? null" if read == value else f"isset({value}) ? {read} : null"
        reads += f"            {read},\n"
    return (
        f"{HEAD}namespace Umoja\\Types;\n\n{_doc([schema.doc])}final class {schema.name}\n{{\n"
        f"    public function __construct(\n{properties}    ) {{\n    }}\n\n"
        "    /** @param array<string, mixed> $members as the API names them */\n"
        f"    public static function fromArray(array $members): self\n    {{\n        return new self(\n{reads}        );\n    }}\n}}\n"
    )


def _argument(api: Api, field: Field) -> str:
    native = _native(api, field.type)
    return f"        {native} ${camel(field.name)},\n" if field.required else f"        ?{native} ${camel(field.name)} = null,\n"


def _operation(api: Api, operation: Operation) -> str:
    fields = sorted(api.schema(operation.request).fields, key=lambda field: not field.required)
    doc = [f"{operation.summary} {operation.doc}".strip(), ""]
    for field in fields:
        text = " ".join(field.doc.split())
        kind = _documented(api, field.type) + ("" if field.required else "|null")
        doc.append(f"@param {kind} ${camel(field.name)} {text}".rstrip())
    doc += ["@param string|null $idk An idempotency key; a random one if null.", "", "@throws UmojaException"]
    members = ""
    for field in fields:
        name = f"${camel(field.name)}"
        # An empty array would be written as a list.
        is_object = field.type.kind == "map" or (field.type.kind == "ref" and _native(api, field.type) == "array")
        value = (f"(object) {name}" if field.required else f"{name} === null ? null : (object) {name}") if is_object else name
        members += f"            '{field.name}' => {value},\n"
    return (
        _doc(doc, "    ")
        + f"    public function {operation.id}(\n{''.join(_argument(api, field) for field in fields)}"
        + f"        ?string $idk = null,\n    ): Types\\{operation.response} {{\n"
        + f"        $body = array_filter([\n{members}        ], static fn (mixed $value) => $value !== null);\n\n"
        + f"        return Types\\{operation.response}::fromArray($this->call('{operation.path}', $body, $idk)->body);\n    }}\n"
    )


def _operations(api: Api) -> str:
    methods = "\n".join(_operation(api, operation) for operation in api.operations)
    return f"""{HEAD}namespace Umoja;

/** The operations of the API. */
abstract class Operations
{{
    /**
     * Calls the operation at a path, and returns its verified answer.
     *
     * @param array<string, mixed> $body
     *
     * @throws UmojaException
     */
    abstract public function call(string $path, array $body, ?string $idk = null): Answer;

{methods}}}
"""
