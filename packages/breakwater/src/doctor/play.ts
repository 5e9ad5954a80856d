import type { Answer } from './answer.ts';
import { bearerOf } from './bearer.ts';
import { type Exchange, type HeaderLines, Redactor } from './exchange.ts';
import { Pace } from './pace.ts';
import type { Persona, Verdict } from './persona.ts';
import type { PlayedPersona, Report } from './report.ts';
import type { Target } from './target.ts';
import { lessonOf } from './teaching.ts';
import { Refused, Wire } from './wire.ts';

/** How an examination is to be made. */
export interface Examination {
  readonly target: Target;
  readonly personas: readonly Persona[];
  /** Requests a second, over all personas. */
  readonly rate: number;
  /** Longest visit of one persona. */
  readonly visitMs: number;
  readonly extra: HeaderLines;
  readonly allowedTools: readonly string[];
  /** Version of the examiner, for the report. */
  readonly version: string;
  /** Called before each visit. */
  readonly onVisit?: (persona: Persona, index: number, count: number) => void;
  /** Called after each visit. */
  readonly onVerdict?: (played: PlayedPersona) => void;
}

/** Part of a visit's time that one answer may take. */
const ANSWER_SHARE = 3;

/** Plays the personas one after the other and reports. */
export async function examine(examination: Examination): Promise<Report> {
  const { target, personas, version, onVisit, onVerdict } = examination;
  const pace = new Pace(examination.rate);
  const startedAt = new Date().toISOString();
  const played: PlayedPersona[] = [];
  const notPlayed: Report['notPlayed'][number][] = [];
  for (const [index, persona] of personas.entries()) {
    if (persona.needsToken && bearerOf(examination.extra) === undefined) {
      notPlayed.push({
        id: persona.id,
        title: persona.title,
        reason: 'No bearer token was given (--header "Authorization: Bearer …").',
      });
      continue;
    }
    onVisit?.(persona, index, personas.length);
    const one = await visit(persona, examination, pace);
    played.push(one);
    onVerdict?.(one);
  }
  return { target: target.url.href, startedAt, version, played, notPlayed };
}

async function visit(persona: Persona, examination: Examination, pace: Pace): Promise<PlayedPersona> {
  const { target, extra, allowedTools, visitMs } = examination;
  const { id, title, group, who, evidence, fix, agent } = persona;
  const over = AbortSignal.timeout(visitMs);
  const answerMs = Math.ceil(visitMs / ANSWER_SHARE);
  const wire = new Wire({ target, pace, agent, extra, answerMs, over, allowedTools });
  const began = performance.now();
  // Neither the timers of abort signals nor an unread socket keep a process alive.
  const awake = setInterval(() => undefined, visitMs);
  const verdict = await play(persona, wire, over);
  clearInterval(awake);
  wire.close();
  const redactor = new Redactor(secretsOf(extra));
  for (const exchange of wire.exchanges) for (const id of sessionsOf(exchange)) redactor.addSession(id);
  const exchanges = wire.exchanges.toSorted((a, b) => a.n - b.n).map((exchange) => redactor.redact(exchange));
  return {
    ...{ id, title, group, who, evidence },
    outcome: verdict.outcome,
    reason: redactor.text(verdict.reason),
    ...(verdict.decidedBy !== undefined && { decidedBy: verdict.decidedBy }),
    ...(verdict.needed !== undefined && { needed: redactor.text(verdict.needed) }),
    ...(verdict.outcome === 'stuck' && { fix }),
    remarks: wire.remarks.map((remark) => redactor.text(remark)),
    tookMs: Math.round(performance.now() - began),
    exchanges,
  };
}

async function play(persona: Persona, wire: Wire, over: AbortSignal): Promise<Verdict> {
  try {
    return await persona.script(wire);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (over.aborted) return { outcome: 'stuck', reason: 'The visit was not over in time.', decidedBy: error.answer.n };
    return judge(persona, wire, error.answer, error.message);
  }
}

function judge(persona: Persona, wire: Wire, answer: Answer, wanted: string): Verdict {
  const { n } = answer;
  const lesson = persona.group === 'hostile' ? undefined : lessonOf(answer, wire.target, persona);
  if (lesson !== undefined) {
    return { outcome: 'told', reason: `Refused with ${answer.status}, naming ${lesson}.`, decidedBy: n };
  }
  return { outcome: 'stuck', reason: `Needed: ${wanted}. Got ${answer.describe()}.`, needed: wanted, decidedBy: n };
}

function sessionsOf({ request, response }: Exchange): string[] {
  const named = [...request.headers, ...(response?.headers ?? [])].filter(
    ([name]) => name.toLowerCase() === 'mcp-session-id',
  );
  const inText = `${request.url}\n${response?.body ?? ''}`.matchAll(/session_?id=([\w-]{8,})/gi);
  return [...named.map(([, value]) => value), ...[...inText].map(([, value = '']) => value)];
}

function secretsOf(extra: HeaderLines): string[] {
  return extra.flatMap(([, value]) => [value, ...value.split(/\s+/).slice(1)]);
}
