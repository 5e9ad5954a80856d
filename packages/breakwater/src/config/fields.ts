import { z } from 'zod';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './units.ts';

/** A zod field that reads a duration text (or a number of milliseconds) and yields milliseconds. */
export function duration() {
  return z
    .union([z.string(), z.number()])
    .meta({ pattern: DURATION_PATTERN })
    .transform((input, context) => readMeasure(parseDuration(input), context));
}

/** A zod field that reads a size text (or a number of bytes) and yields bytes. */
export function size() {
  return z
    .union([z.string(), z.number()])
    .meta({ pattern: SIZE_PATTERN })
    .transform((input, context) => readMeasure(parseSize(input), context));
}

function readMeasure(result: ReturnType<typeof parseDuration>, context: z.RefinementCtx): number {
  if (result.ok) return result.value;
  context.addIssue({ code: 'custom', message: result.message });
  return z.NEVER;
}

/** A whole number of at least one: a count that bounds something. */
export function count() {
  return z.int().min(1);
}

const EnvReference = z.strictObject({
  env: z.string().min(1).meta({ description: 'Name of the environment variable that holds the value.' }),
});
const FileReference = z.strictObject({
  file: z.string().min(1).meta({
    description:
      'Path of the file that holds the value, relative to the configuration file. A newline at its end is dropped.',
  }),
});
const TemplateReference = z.strictObject({
  template: z.string().meta({
    description: `Text in which \${NAME}, \${env:NAME} and \${NAME:-default} stand for environment variables.`,
  }),
});

/** A secret that must not stand in the file itself: a reference to where it is kept. */
export const Reference = z.union([EnvReference, FileReference]).meta({
  id: 'Reference',
  title: 'reference',
  description: 'Where to find a secret: { env: NAME } or { file: path }.',
});

/** A value written in place, or a reference to where it is kept. */
export const Text = z.union([z.string(), EnvReference, FileReference, TemplateReference]).meta({
  id: 'Text',
  title: 'text or reference',
  description: `A text, or where to find it: { env: NAME }, { file: path }, { template: "Bearer \${NAME}" }.`,
});

/** A value written in place, or a reference to where it is kept. */
export type Text = z.output<typeof Text>;

type InMs<T, K extends string> = { [P in keyof T as P extends K ? `${P & string}Ms` : P]: T[P] };

/** Renames the duration keys of a validated object to `…Ms`: in the file the unit is in the value, in code in the name. */
export function durationsInMs<S extends z.ZodObject, K extends keyof z.output<S> & string>(
  schema: S,
  keys: readonly K[],
) {
  const renamed: ReadonlySet<string> = new Set(keys);
  return schema.transform((value) => {
    const entries = Object.entries(value).map(([key, field]) => [renamed.has(key) ? `${key}Ms` : key, field]);
    return Object.fromEntries(entries) as InMs<z.output<S>, K>;
  });
}
