import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDescendants, type Program, REPOSITORY, startProgram } from '../e2e/support/programs.ts';
import { at } from '../requirements/support/json.ts';
import { type Headers, send, type WireAnswer } from '../requirements/support/wire.ts';

/** The program as several processes. */
export interface Workers extends AsyncDisposable {
  readonly program: Program;
  /** Where it listens, without a path. */
  readonly origin: string;
  /** Writes another configuration into the file that it watches. */
  reconfigure(config: object): Promise<void>;
  /** What the admin port says of each worker, by its number. */
  status(): Promise<Readonly<Record<string, unknown>>>;
  metrics(): Promise<string>;
  /** The processes of workers. */
  pids(): number[];
  /** Every process below the primary. */
  family(): number[];
}

const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');

/** Starts `serve --workers <count>` and resolves when all of them listen. */
export async function startWorkers(config: object, count = 2): Promise<Workers> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-workers-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  const reconfigure = (next: object): Promise<void> =>
    writeFile(file, JSON.stringify({ listen: { port: 0 }, admin: { port: 0 }, ...next }));
  await reconfigure(config);
  const program = stack.use(startProgram(process.execPath, [BIN, 'serve', '-c', file, '--workers', String(count)]));
  const [, origin = ''] = await program.until(/MCP +(https?:\/\/[^/\s]+)/);
  const [, admin = ''] = await program.until(/Console +(http:\S+)/);
  const rest = stack.move();
  const family = (): string[] => findDescendants(program.child.pid);
  return {
    program,
    origin,
    reconfigure,
    async status() {
      return at((await send('GET', `${admin}/api/status`, {})).json(), 'workers') as Record<string, unknown>;
    },
    metrics: async () => (await send('GET', `${admin}/metrics`, {})).text,
    pids: () => family().flatMap((line) => (line.includes(BIN) ? [Number.parseInt(line, 10)] : [])),
    family: () => family().map((line) => Number.parseInt(line, 10)),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** Of requests over connections of their own: the primary chooses anew who gets each. */
export const ALONE: Headers = { connection: 'close' };

/** True while there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // no such process
  }
}

/** Asks several times, each over a connection of its own. */
export async function ask(url: string, times: number): Promise<WireAnswer[]> {
  return await Promise.all(Array.from({ length: times }, () => send('GET', url, ALONE)));
}
