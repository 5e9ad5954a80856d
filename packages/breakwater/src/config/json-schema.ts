import { z } from 'zod';
import { ConfigSchema } from './schema.ts';

/** The configuration file's JSON Schema, as editors read it. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(ConfigSchema, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'Breakwater configuration', ...schema };
}
