"""TypeScript: one file of types, and a class with a method for each operation."""

from document import NOTICE, Api, Field, Operation, Schema, Type


def files(api: Api) -> dict[str, str]:
    parts = [f"// {NOTICE}", _codes(api), *(_schema(schema) for schema in api.schemas), _operations(api)]
    return {"typescript/src/generated.ts": "\n\n".join(parts) + "\n"}


def _doc(text: str, indent: str = "") -> str:
    lines = text.replace("*/", "* /").splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _type(kind: Type) -> str:
    match kind.kind:
        case "ref":
            text = kind.name
        case "list":
            text = f"{_type(kind.item)}[]"
        case "map":
            text = f"Record<string, {_type(kind.item)}>"
        case "integer" | "number":
            text = "number"
        case "any":
            text = "unknown"
        case other:
            text = other
    return f"{text} | null" if kind.nullable else text


def _codes(api: Api) -> str:
    values = "\n".join(f'  | "{code}"' for code in api.codes)
    return _doc("The `code` of a problem, which never changes its meaning. A newer region may have more.") + (
        f"export type ErrorCode =\n{values};"
    )


def _field(field: Field) -> str:
    return _doc(field.doc, "  ") + f"  {field.name}{'' if field.required else '?'}: {_type(field.type)};"


def _schema(schema: Schema) -> str:
    doc = _doc(schema.doc)
    if schema.kind == "alias":
        return f"{doc}export type {schema.name} = string;"
    if schema.kind == "enum":
        values = " | ".join(f'"{value}"' for value in schema.values)
        return f"{doc}export type {schema.name} = {values};"
    fields = "\n".join(_field(field) for field in schema.fields)
    return f"{doc}export interface {schema.name} {{\n{fields}\n}}"


def _operation(api: Api, operation: Operation) -> str:
    optional = not any(field.required for field in api.schema(operation.request).fields) and operation.id == "listEvents"
    body = f"body: {operation.request}" + (" = {}" if optional else "")
    return _doc(f"{operation.summary} {operation.doc}".strip(), "  ") + (
        f"  async {operation.id}({body}, options?: CallOptions): Promise<{operation.response}> {{\n"
        f'    return (await this.call("{operation.path}", body, options)).body as {operation.response};\n'
        "  }"
    )


def _operations(api: Api) -> str:
    methods = "\n\n".join(_operation(api, operation) for operation in api.operations)
    return f"""/** How one call is made. */
export interface CallOptions {{
  /** The idempotency key, 1 to 64 characters; a random one if absent. All repetitions of the call have the same. */
  idk?: string;
  /** Ends the call, and its repetitions. */
  signal?: AbortSignal;
}}

/** An answer that a region has signed for the request. */
export interface Answer {{
  /** The HTTP status, as it was signed. */
  status: number;
  /** The result of the operation. */
  body: unknown;
  /** The base URL of the region that answered. */
  region: string;
  /** The id under which the region has logged the request. */
  requestId: string | undefined;
  /** The signed answer itself, a compact JWS: evidence for anyone who has the region's public keys. */
  token: string;
}}

/** The operations of the API. */
export abstract class Operations {{
  /** Calls the operation at a path, and returns its verified answer. */
  abstract call(path: string, body: object, options?: CallOptions): Promise<Answer>;

{methods}
}}"""
