import { isObject, type JsonObject } from '../protocol/capabilities.ts';

/** Arguments of a `tools/call`. */
export interface ToolCall extends JsonObject {
  readonly name: string;
  readonly arguments: JsonObject;
}

/**
 * A call that changes nothing: of the first tool that says `readOnlyHint`, or that the operator allowed, whose required arguments can be made
 * up. Undefined when there is none.
 */
export function chooseCall(tools: readonly JsonObject[], allowed: readonly string[]): ToolCall | undefined {
  for (const tool of tools) {
    const name = tool['name'];
    if (typeof name !== 'string' || !isSafe(tool, allowed)) continue;
    const made = makeArguments(tool['inputSchema']);
    if (made !== undefined) return { name, arguments: made };
  }
  return undefined;
}

/** Whether a tool may be called: it says that it only reads, or the operator named it. */
export function isSafe(tool: JsonObject, allowed: readonly string[]): boolean {
  const { annotations, name } = tool;
  return (
    (isObject(annotations) && annotations['readOnlyHint'] === true) ||
    (typeof name === 'string' && allowed.includes(name))
  );
}

function makeArguments(schema: unknown): JsonObject | undefined {
  if (!isObject(schema)) return {};
  const { required, properties } = schema;
  const made: Record<string, unknown> = {};
  for (const name of Array.isArray(required) ? required : []) {
    const property = isObject(properties) && typeof name === 'string' ? properties[name] : undefined;
    const value = isObject(property) ? makeValue(property) : undefined;
    if (value === undefined) return undefined;
    made[String(name)] = value;
  }
  return made;
}

function makeValue(schema: JsonObject): unknown {
  const { type } = schema;
  if (Array.isArray(schema['enum'])) return schema['enum'][0];
  if ('default' in schema) return schema['default'];
  if (type === 'string' && schema['format'] === undefined && schema['pattern'] === undefined) return 'ping';
  if (type === 'number' || type === 'integer') return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
  return type === 'boolean' ? false : undefined;
}
