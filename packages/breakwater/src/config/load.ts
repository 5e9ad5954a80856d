import { readFile } from 'node:fs/promises';
import type { ConfigIssue, Path, Position } from './issue.ts';
import { serversKey, translateServers } from './mcp-servers.ts';
import { type ConfigOverrides, mergeOverrides } from './overrides.ts';
import { describeReadError } from './read-error.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { readSource } from './source.ts';
import { validate } from './validate.ts';
import { findLiteralSecrets, findUnknownAccommodations, findWarnings } from './warnings.ts';

/** A read configuration, or everything that is wrong with it. */
export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: ConfigIssue[];
      /** Where a setting stands in the text, for faults found later, such as a missing variable. */
      readonly locate: (path: Path) => Position;
    }
  | { readonly ok: false; readonly issues: ConfigIssue[] };

/** How a text is read. */
export interface ParseOptions {
  /** Settings from flags and environment variables; they win over the text. */
  readonly overrides?: ConfigOverrides;
  /** Ids a route may switch; others are issues. Not checked when absent. */
  readonly accommodationIds?: readonly string[];
}

/** Reads a configuration file: YAML, JSON, or the ecosystem's `mcpServers` shape. Never rejects. */
export async function loadConfig(path: string, options: ParseOptions = {}): Promise<ConfigResult> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { ok: false, issues: [{ message: describeReadError(error), path: [] }] };
  }
  return parseConfig(text, options);
}

/** Reads a configuration text. Every issue has the line and column it is about. */
export function parseConfig(text: string, options: ParseOptions = {}): ConfigResult {
  const read = readSource(text);
  if (!read.ok) return read;
  const { value, locate } = read.source;
  const place = (issue: ConfigIssue): ConfigIssue => ({ ...issue, ...locate(issue.path) });
  if (value === null || value === undefined) {
    return { ok: false, issues: [place({ message: 'the file is empty; it needs "upstreams"', path: [] })] };
  }
  const key = serversKey(value);
  if (key === undefined) {
    const result = parseInput(value, options);
    if (!result.ok) return { ok: false, issues: result.issues.map(place) };
    const literals = findLiteralSecrets(result.config);
    if (literals.issues.length > 0) return { ok: false, issues: literals.issues.map(place) };
    const warnings = [...result.warnings, ...literals.warnings].map(place);
    return { ok: true, config: result.config, warnings, locate };
  }
  const translation = translateServers(value as Record<string, unknown>, key);
  const home = (issue: ConfigIssue): ConfigIssue => place({ ...issue, path: translation.origin(issue.path) });
  const result = parseInput(translation.input, options);
  const issues = [...translation.issues.map(place), ...(result.ok ? [] : result.issues.map(home))];
  if (!result.ok || issues.length > 0) return { ok: false, issues };
  const warnings = [...translation.warnings.map(place), ...result.warnings.map(home)];
  return { ok: true, config: result.config, warnings, locate: (path) => locate(translation.origin(path)) };
}

function parseInput(
  input: unknown,
  { overrides = {}, accommodationIds }: ParseOptions,
):
  | { readonly ok: true; readonly config: Config; readonly warnings: ConfigIssue[] }
  | { readonly ok: false; readonly issues: ConfigIssue[] } {
  const result = validate(ConfigSchema, mergeOverrides(input, overrides));
  if (!result.ok) return result;
  const config = result.value;
  const issues = accommodationIds === undefined ? [] : findUnknownAccommodations(config, accommodationIds);
  return issues.length > 0 ? { ok: false, issues } : { ok: true, config, warnings: findWarnings(config) };
}
