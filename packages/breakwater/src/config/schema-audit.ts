import { z } from 'zod';
import { count, duration, durationsInMs, Reference, size } from './fields.ts';

/** Where the audit log is kept, and how much of it. */
export const Audit = durationsInMs(
  z.strictObject({
    file: z.string().min(1).meta({
      description:
        'File the records are appended to, relative to the configuration file; full ones get the number of their first record added to the name. Give each gateway a file of its own.',
    }),
    key: Reference.meta({
      description:
        'Where the secret of the hash chain is kept: at least 32 characters, such as `openssl rand -base64 48` prints.',
    }),
    mode: z.enum(['best-effort', 'required']).default('best-effort').meta({
      description:
        'What happens while records cannot be written. `best-effort`: everything is served, and what finds no room is dropped and counted. `required`: what a server is asked is in the file before the server hears of it, and new requests get 503 (`audit.unavailable`).',
    }),
    maxBytes: size().prefault('64MiB').meta({ description: 'Size at which a new file is begun.' }),
    keepFiles: z
      .int()
      .min(0)
      .default(30)
      .meta({ description: 'Full files that are kept; older ones are deleted. 0 keeps all.' }),
    exchanges: z.enum(['all', 'forwarded']).default('all').meta({
      description: 'Which finished exchanges are recorded: all, or only those an upstream was asked for.',
    }),
    principals: z.enum(['hashed', 'plain']).default('hashed').meta({
      description: 'Whether principals are written as keyed hashes or by their own keys.',
    }),
    flush: duration().prefault('1s').meta({ description: 'Longest time a record waits to be written.' }),
    queueBytes: size().prefault('16MiB').meta({
      description:
        'Records held while the disk is slow or full; beyond it they are counted and dropped, or with `mode: required` new requests are refused.',
    }),
    anchorEvery: count().default(10_000).meta({
      description:
        'Records after which the end of the chain is written to the log as well; once a minute in any case while there are records.',
    }),
  }),
  ['flush'],
);

/** The audit log's settings; the key is still a reference. */
export type Audit = z.output<typeof Audit>;
