import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HeaderLines } from './exchange.ts';
import { failureOf, sendHttp } from './http.ts';
import type { Persona } from './persona.ts';
import { PERSONAS } from './personas/catalogue.ts';
import { examine } from './play.ts';
import { type PlayedPersona, type Report, scoreOf } from './report.ts';
import { renderHtml } from './report-html.ts';
import { renderJson } from './report-json.ts';
import { renderJunit } from './report-junit.ts';
import { renderGroup, renderLine, renderSummary } from './report-table.ts';
import { isLoopbackHost, Target } from './target.ts';
import { styleOf } from './terminal.ts';

/** What `breakwater doctor` was asked for. */
export interface DoctorRequest {
  /** Undefined only with `list`. */
  readonly url: string | undefined;
  readonly list: boolean;
  /** Ids; empty for all. */
  readonly only: readonly string[];
  readonly headers: HeaderLines;
  readonly allowedTools: readonly string[];
  /** Hosts that the operator says may be tested. */
  readonly permitted: readonly string[];
  /** Requests a second. */
  readonly rate: number | undefined;
  readonly visitMs: number;
  readonly json: boolean;
  readonly junitPath: string | undefined;
  readonly htmlPath: string | undefined;
}

/** Where the doctor writes, and under what name. */
export interface DoctorPlace {
  readonly version: string;
  readonly out: DoctorStream;
  readonly err: DoctorStream;
}

/** What the doctor needs of `process.stdout` and `process.stderr`. */
export interface DoctorStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Requests a second where none are named: a server of one's own can take more than somebody else's. */
const RATE_OWN = 50;
const RATE_REMOTE = 5;
const USAGE = 2;

/** Examines a server and writes what was found. Resolves with the exit code: 0 all in or told, 1 somebody stuck, 2 wrong usage. */
export async function runDoctor(request: DoctorRequest, place: DoctorPlace): Promise<number> {
  const { out, err } = place;
  const unknown = request.only.find((id) => !PERSONAS.some((persona) => persona.id === id));
  if (unknown !== undefined)
    return complain(err, `there is no persona ${JSON.stringify(unknown)}; --list names them all`);
  const personas = request.only.length === 0 ? PERSONAS : PERSONAS.filter(({ id }) => request.only.includes(id));
  if (request.list) {
    out.write(personas.map(({ id, title, who }) => `${id.padEnd(20)} ${title}\n${' '.repeat(21)}${who}\n`).join(''));
    return 0;
  }
  if (request.url === undefined) return complain(err, 'no server is named. Write: breakwater doctor <url>');
  const target = new Target(new URL(request.url));
  const { hostname } = target.url;
  const isOwn = isLoopbackHost(hostname);
  if (!isOwn && !request.permitted.some((host) => host.toLowerCase() === hostname)) {
    return complain(
      err,
      `${hostname} is not this machine: the doctor sends hostile traffic too. If its operator agrees, add --i-may-test ${hostname}`,
    );
  }
  const failure = await findFailure(target, request.visitMs);
  if (failure !== undefined) return complain(err, `${target.url.href}: ${failure}`);
  const report = await examine({
    target,
    personas,
    rate: request.rate ?? (isOwn ? RATE_OWN : RATE_REMOTE),
    visitMs: request.visitMs,
    extra: request.headers,
    allowedTools: request.allowedTools,
    version: place.version,
    ...(request.json ? {} : progress(place)),
  });
  return await publish(report, request, place);
}

/** Whether anything answers at all; without it every verdict would say the same. */
async function findFailure({ url }: Target, waitMs: number): Promise<string | undefined> {
  const headers: HeaderLines = [
    ['Host', url.host],
    ['Connection', 'close'],
  ];
  try {
    (await sendHttp({ method: 'HEAD', url, headers }, AbortSignal.timeout(waitMs))).destroy();
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

async function publish(report: Report, request: DoctorRequest, { out, err }: DoctorPlace): Promise<number> {
  out.write(request.json ? renderJson(report) : renderSummary(report, styleOf(out)));
  const files = [
    [request.junitPath, renderJunit],
    [request.htmlPath, renderHtml],
  ] as const;
  for (const [path, render] of files) {
    if (path === undefined) continue;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, render(report));
    } catch (error) {
      return complain(err, `${path} could not be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return scoreOf(report).stuck === 0 ? 0 : 1;
}

function progress({ out, err }: DoctorPlace) {
  const style = styleOf(out);
  let group: Persona['group'] | undefined;
  // A line that comes and goes, for a person who waits; never in a file.
  const show = (text: string): void => {
    if (err.isTTY === true) err.write(`\r\x1b[2K${text}`);
  };
  return {
    onVisit: (persona: Persona, index: number, count: number) => show(`  ${index + 1}/${count} ${persona.id} …`),
    onVerdict: (played: PlayedPersona) => {
      show('');
      if (played.group !== group) out.write(`${renderGroup(played.group, style)}\n`);
      group = played.group;
      out.write(`${renderLine(played, style)}\n`);
    },
  };
}

function complain(err: DoctorStream, sentence: string): number {
  err.write(`breakwater: ${sentence}\n`);
  return USAGE;
}
