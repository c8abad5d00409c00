"""Java: a record for each answer, a builder for each request, the operations, and the codes of problems."""

from document import NOTICE, Api, Field, Operation, Schema, Type, camel

PACKAGE = "java/src/main/java/dev/umoja/sdk"
KEYWORDS = {"default", "class", "new", "public", "switch", "case"}


def files(api: Api) -> dict[str, str]:
    made = {f"{PACKAGE}/ErrorCode.java": _codes(api), f"{PACKAGE}/Operations.java": _operations(api)}
    for schema in api.schemas:
        if schema.kind == "object":
            made[f"{PACKAGE}/model/{schema.name}.java"] = _input(api, schema) if schema.is_input else _record(api, schema)
    return made


def _name(name: str) -> str:
    name = camel(name)
    return f"{name}_" if name in KEYWORDS else name


def _doc(text: str, indent: str = "") -> str:
    lines = text.strip().replace("*/", "* /").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "{@literal @}").splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _type(api: Api, kind: Type) -> str:
    match kind.kind:
        case "ref":
            return kind.name if api.schema(kind.name).kind == "object" else "String"
        case "list":
            return f"List<{_type(api, kind.item)}>"
        case "map":
            return f"Map<String, {_type(api, kind.item)}>"
        case other:
            return {"string": "String", "integer": "Long", "number": "Double", "boolean": "Boolean", "any": "Object"}[other]


def _read(api: Api, kind: Type, value: str) -> str:
    if kind.kind == "ref" and api.schema(kind.name).kind == "object":
        return f"{kind.name}.of(Fields.object({value}))"
    if kind.kind == "list":
        return f"Fields.list({value}, one -> {_read(api, kind.item, 'one')})"
    if kind.kind == "map":
        return f"Fields.map({value}, one -> {_read(api, kind.item, 'one')})"
    name = {"integer": "integer", "number": "number", "boolean": "bool", "any": "any"}.get(kind.kind, "text")
    return f"Fields.{name}({value})"


def _head(package: str) -> str:
    return f"// {NOTICE}\npackage {package};\n\n"


def _record(api: Api, schema: Schema) -> str:
    components, reads = [], []
    for field in schema.fields:
        components.append(f"    {_type(api, field.type)} {_name(field.name)}")
        value = f'members.get("{field.name}")'
        read = _read(api, field.type, value)
        reads.append(f"        {read}" if field.required else f"        {value} == null ? null : {read}")
    params = "".join(
        f" * @param {_name(field.name)} {_escaped(field.doc or 'See the API.')}{'' if field.required else ' May be null.'}\n"
        for field in schema.fields
    )
    doc = "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in _escaped(schema.doc, "\n").splitlines()) + " *\n" + params + " */\n"
    return (
        _head("dev.umoja.sdk.model")
        + "import java.util.List;\nimport java.util.Map;\n\n"
        + doc
        + f"public record {schema.name}(\n"
        + ",\n".join(components)
        + f"\n) {{\n    /**\n     * Reads what a region has answered.\n     *\n     * @param members as the API names them\n     * @return the record\n     */\n"
        f"    public static {schema.name} of(Map<String, Object> members) {{\n        return new {schema.name}(\n    "
        + ",\n    ".join(reads)
        + "\n        );\n    }\n}\n"
    )


def _escaped(text: str, glue: str = " ") -> str:
    text = text.replace("*/", "* /").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "{@literal @}")
    return glue.join(text.splitlines())


def _input(api: Api, schema: Schema) -> str:
    # Null removes a member of a patch, and is no value elsewhere.
    setters, put = "", "putOrNull" if schema.is_patch else "put"
    for field in schema.fields:
        name = _name(field.name)
        note = " Null removes it." if schema.is_patch else ""
        setters += (
            f"\n    /**\n     * {_escaped(field.doc or 'See the API.')}{note}\n     *\n     * @param value the value\n     * @return this\n     */\n"
            f"    public {schema.name} {name}({_type(api, field.type)} value) {{\n"
            f'        {put}("{field.name}", value);\n        return this;\n    }}\n'
        )
    doc = _doc(schema.doc)
    return (
        _head("dev.umoja.sdk.model")
        + "import java.util.List;\nimport java.util.Map;\n\n"
        + doc
        + f"public final class {schema.name} extends Body {{\n    /** Begins an empty one. */\n    public {schema.name}() {{}}\n{setters}}}\n"
    )


def _codes(api: Api) -> str:
    values = ",\n".join(f'    /** {code} */\n    {code.upper()}("{code}")' for code in api.codes)
    return (
        _head("dev.umoja.sdk")
        + "/** The code of a problem, which never changes its meaning. */\npublic enum ErrorCode {\n"
        + values
        + ',\n    /** A code that this version does not know, or none. */\n    UNKNOWN("");\n\n'
        "    private final String text;\n\n    ErrorCode(String text) {\n        this.text = text;\n    }\n\n"
        "    static ErrorCode of(Object text) {\n        for (ErrorCode code : values()) {\n"
        "            if (code.text.equals(text)) {\n                return code;\n            }\n        }\n        return UNKNOWN;\n    }\n}\n"
    )


def _operation(operation: Operation) -> str:
    call = f'Fields.object(call("{operation.path}", body, idk).body())'
    doc = _escaped(f"{operation.summary} {operation.doc}".strip())
    return (
        f"\n    /**\n     * {doc}\n     *\n     * @param body what to send\n     * @return the verified answer\n     */\n"
        f"    public {operation.response} {operation.id}({operation.request} body) {{\n        return {operation.id}(body, null);\n    }}\n"
        f"\n    /**\n     * {doc}\n     *\n     * @param body what to send\n     * @param idk an idempotency key; a random one if null\n     * @return the verified answer\n     */\n"
        f"    public {operation.response} {operation.id}({operation.request} body, String idk) {{\n"
        f"        return {operation.response}.of({call});\n    }}\n"
    )


def _operations(api: Api) -> str:
    methods = "".join(_operation(operation) for operation in api.operations)
    return f"""{_head("dev.umoja.sdk")}import dev.umoja.sdk.model.*;

/** The operations of the API. Each throws an {{@link UmojaException}}. */
public abstract class Operations {{
    Operations() {{}}

    /**
     * Calls the operation at a path, and returns its verified answer.
     *
     * @param path such as {{@code /v1/users/lookup}}
     * @param body what to send
     * @param idk an idempotency key; a random one if null
     * @return the verified answer
     */
    public abstract Answer call(String path, Body body, String idk);
{methods}}}
"""
