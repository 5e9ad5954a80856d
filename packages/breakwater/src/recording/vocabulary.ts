/** Where a value stands in a message: member names, `*` for the elements of an array. */
export type Path = readonly string[];

const META = 'io.modelcontextprotocol';
/** Values that are words of the protocol: they are kept, and a replay compares them. */
const WORDS: readonly RegExp[] = [
  /^(jsonrpc|method)$/,
  /^(params|result)\/(protocolVersion|resultType|status|level)$/,
  /^params\/(name|ref\/type|ref\/name|argument\/name)$/,
  /^result\/(supportedVersions\/\*|messages\/\*\/role|messages\/\*\/content\/type)$/,
  /^(result|params)\/(content|contents|resources|resourceTemplates)\/\*\/(type|mimeType)$/,
  /^result\/(tools|prompts)\/\*\/name$/,
  /^result\/prompts\/\*\/arguments\/\*\/name$/,
  /^result\/tools\/\*\/(inputSchema|outputSchema)(\/.*)?\/(type|format|\$schema|required\/\*|type\/\*)$/,
  /^error\/(code|data\/supported\/\*|data\/requested)$/,
  new RegExp(`^(params|result)/_meta/${META}/protocolVersion$`),
];
/** Names of programs: kept, but nobody's answer is judged by them. */
const PROGRAMS: readonly RegExp[] = [
  /^(params\/clientInfo|result\/serverInfo)\/(name|version)$/,
  new RegExp(`^(params|result)/_meta/${META}/(clientInfo|serverInfo)/(name|version)$`),
];
const REFERENCES = new Set(['cursor', 'nextCursor', 'taskId', 'requestState', 'sessionId', 'session_id']);
const IDS = new Set(['requestId', 'progressToken', `${META}/subscriptionId`]);

/** Whether the value here is a word of the protocol. */
export function isWord(path: Path): boolean {
  const text = textOf(path);
  return WORDS.some((each) => each.test(text));
}

/** Whether the value here may stand in a recording. */
export function isKept(path: Path): boolean {
  const text = textOf(path);
  return isWord(path) || PROGRAMS.some((each) => each.test(text));
}

/** Whether the value here was given by one side to be given back by the other. */
export function isReference(path: Path): boolean {
  return REFERENCES.has(path.at(-1) ?? '');
}

/** Whether the value here is a JSON-RPC id, or names one. */
export function isId(path: Path): boolean {
  return (path.length === 1 && path[0] === 'id') || IDS.has(path.at(-1) ?? '');
}

// A member called `params/name` is not where it says it is.
function textOf(path: Path): string {
  return path.map((name) => (name.startsWith(`${META}/`) ? name : name.replaceAll('/', '|'))).join('/');
}
