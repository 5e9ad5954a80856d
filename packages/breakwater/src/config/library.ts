import { formatIssues } from './issue.ts';
import { type Config, type LibraryConfig, LibraryConfigSchema } from './schema.ts';
import { validate } from './validate.ts';

/** Completes a configuration written in a program. Throws a `TypeError` that lists every issue when it is invalid. */
export function parseLibraryConfig(input: LibraryConfig): Config {
  const result = validate(LibraryConfigSchema, input);
  if (result.ok) return result.value;
  throw new TypeError(`Invalid configuration:\n${formatIssues(result.issues)}`);
}
