import {
  findMember,
  memberObject,
  memberValue,
  ownText,
  type RawObject,
  scanArray,
  scanObject,
} from '../jsonrpc/raw.ts';
import { buildParamHeaders, compileParamHeaders, type ParamHeader } from '../protocol/modern/param-headers.ts';

/** What {@link ToolHeaders} asks for schemas. */
export interface ToolHeadersOptions {
  /** A tool's `inputSchema` as JSON bytes, from somebody who has it at hand; undefined when unknown there. */
  readonly toolSchema?: ((tool: string) => Promise<Buffer | undefined>) | undefined;
  /** One page of the server's own `tools/list`: the result's bytes; undefined when it cannot be had. */
  readonly readPage: (cursor: string | undefined) => Promise<Buffer | undefined>;
}

type Declarations = readonly ParamHeader[];

const NONE: Declarations = [];
const MAX_PAGES = 1_000;

/** Which arguments of which tool of one server travel as `Mcp-Param-*` headers; schemas are compiled once and kept until they are refreshed. */
export class ToolHeaders {
  readonly #options: ToolHeadersOptions;
  readonly #known = new Map<string, Declarations>();
  #isListed = false;
  #reading: Promise<void> | undefined;

  constructor(options: ToolHeadersOptions) {
    this.#options = options;
  }

  /** The headers of a call; a promise only when the tool's schema is not known yet. A tool that nobody knows has none. */
  headersOf(
    params: RawObject | undefined,
  ): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>> {
    const name = params === undefined ? undefined : memberValue(params, 'name');
    if (params === undefined || typeof name !== 'string') return {};
    const known = this.#known.get(name) ?? (this.#isListed ? NONE : undefined);
    if (known !== undefined) return build(known, params);
    return this.#learn(name).then((declarations) => build(declarations, params));
  }

  /** Reads the server's list anew, whoever else might know: the server said that a header was wrong. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** The server's tools have changed. */
  forget(): void {
    this.#known.clear();
    this.#isListed = false;
  }

  async #learn(name: string): Promise<Declarations> {
    const schema = await this.#options.toolSchema?.(name).catch(() => undefined); // then the server itself is asked
    if (schema === undefined) await this.refresh();
    else this.#known.set(ownText(name), compile(schema));
    return this.#known.get(name) ?? NONE;
  }

  // A server whose list cannot be had is called without such headers until it refuses a call for it.
  async #read(): Promise<void> {
    const found = new Map<string, Declarations>();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const bytes = await this.#options.readPage(cursor);
      const result = bytes === undefined ? undefined : scanObject(bytes);
      const list = result === undefined ? undefined : findMember(result, 'tools');
      if (result === undefined || list === undefined) break;
      for (const tool of scanArray(result.bytes, list.start, result.view) ?? []) readTool(tool, found);
      const next = memberValue(result, 'nextCursor');
      if (typeof next !== 'string' || next === cursor) break;
      cursor = next;
    }
    this.#known.clear();
    for (const [name, declarations] of found) this.#known.set(name, declarations);
    this.#isListed = true;
  }
}

function build(declarations: Declarations, params: RawObject): Readonly<Record<string, string>> {
  return declarations.length === 0 ? {} : buildParamHeaders(declarations, memberObject(params, 'arguments'));
}

function readTool(bytes: Buffer, found: Map<string, Declarations>): void {
  const tool = scanObject(bytes);
  const name = tool === undefined ? undefined : memberValue(tool, 'name');
  if (tool === undefined || typeof name !== 'string') return;
  const compiled = compileParamHeaders(memberValue(tool, 'inputSchema'));
  found.set(name, compiled.ok ? compiled.value : NONE);
}

// A schema that declares nonsense belongs to a tool that is not listed; a call of it all the same goes without.
function compile(schema: Buffer): Declarations {
  try {
    const compiled = compileParamHeaders(JSON.parse(schema.toString()));
    return compiled.ok ? compiled.value : NONE;
  } catch {
    return NONE; // not JSON: the server will say what is wrong with the call
  }
}
