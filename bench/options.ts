import { parseArgs } from 'node:util';
import type { Contender } from './contenders/contender.ts';
import { BARE_PROXY_NAME, CONTENDERS, DIRECT_NAME } from './contenders/table.ts';
import type { Load } from './loads/load.ts';
import { LOADS } from './loads/table.ts';

/** What one run does. */
export interface Options {
  readonly contenders: readonly Contender[];
  readonly loads: readonly Load[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmupMs: number;
  readonly jsonFile: string | undefined;
}

/** The text of `--help`. */
export const USAGE = `npm run bench -- [options]

  --only NAMES     loads and contenders to run, comma-separated; direct and bare-proxy always run, as every ratio needs them
  --rounds N       passes over the contenders, every other one backwards (4)
  --seconds S      measured window per contender and load, after the warm-up (3)
  --warmup S       warm-up before each window (2.5)
  --json FILE      also write everything to FILE, for example bench/results/<date>-<what>.json

loads:      ${LOADS.map(({ name }) => name).join(', ')}
contenders: ${CONTENDERS.map(({ name }) => name).join(', ')}
`;

/** Reads the command line; absent for `--help`. Throws a TypeError that says what is wrong. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '3' },
      warmup: { type: 'string', default: '2.5' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const names = values.only.split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => ![...LOADS, ...CONTENDERS].some((each) => each.name === name));
  if (unknown.length > 0) throw new TypeError(`--only: no load or contender named ${unknown.join(', ')}`);
  return {
    contenders: select(CONTENDERS, names, [DIRECT_NAME, BARE_PROXY_NAME]),
    loads: select(LOADS, names, []),
    rounds: readNumber('--rounds', values.rounds, 1),
    windowMs: readNumber('--seconds', values.seconds, 0.5) * 1000,
    warmupMs: readNumber('--warmup', values.warmup, 0) * 1000,
    jsonFile: values.json,
  };
}

/** Keeps the named entries and those always wanted; naming none of a kind means all of it. */
function select<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[],
  always: readonly string[],
): readonly T[] {
  const named = all.filter(({ name }) => names.includes(name));
  return named.length === 0 ? all : all.filter((each) => named.includes(each) || always.includes(each.name));
}

function readNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw new TypeError(`${option}: "${text}" is not a number of at least ${least}`);
}
