import type { Held } from './audit-held.ts';
import type { Moment } from './audit-moment.ts';
import type { SessionStory } from './audit-session.ts';
import { printable } from './audit-text.ts';
import type { AuditVerdict } from './audit-verify.ts';

/** The outcome of `audit verify`, for people. */
export function verdictText(verdict: AuditVerdict): string {
  const { ok, records, firstSeq, last, faults, faultCount, notes } = verdict;
  const range = last === undefined ? '' : `, ${firstSeq} to ${last.seq}`;
  const [first, ...more] = faults;
  const lines =
    ok || first === undefined
      ? [`whole: ${records} records${range}`]
      : [
          `BROKEN: ${first.file}:${first.line}: ${first.reason}`,
          ...more.map(({ file, line, reason }) => `  also ${file}:${line}: ${reason}`),
          ...(faultCount > faults.length ? [`  and ${faultCount - faults.length} more`] : []),
        ];
  if (last !== undefined) lines.push(`last: ${last.seq}:${last.mac}`);
  return write([...lines, ...notes.map((note) => `note: ${note}`)]);
}

/** The life of a session, for people. */
export function storyText(story: SessionStory): string {
  const { ref, session, owned, usedHandles, exchanges, unfinished, outcomes, steps } = story;
  const counts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  if (unfinished > 0) counts.push(`${unfinished} more without an end`);
  return write([
    `session ${ref}${session === undefined ? '' : `  ${session.about}`}`,
    session === undefined ? '  its open and close are not in these files' : `  ${lifeOf(session)}`,
    ...(session?.principal === undefined ? [] : [`  principal ${session.principal}`]),
    `  ${exchanges} exchanges${counts.length === 0 ? '' : ` (${counts.join(', ')})`}`,
    '',
    'owned:',
    ...(owned.length === 0 ? ['  nothing'] : owned.map((held) => `  ${heldLine(held)}`)),
    ...(usedHandles.length === 0
      ? []
      : [`used, and shared with others: ${usedHandles.map((id) => `handle ${id}`).join(', ')}`]),
    '',
    'timeline:',
    ...steps.map(({ t, event, about, ref: id, reason }) =>
      [
        ' ',
        t,
        event.padEnd(18),
        about,
        id === undefined || id === ref ? '' : `[${id}]`,
        reason === undefined ? '' : `(${reason})`,
      ]
        .filter((word) => word !== '')
        .join(' '),
    ),
  ]);
}

/** What was open at a time, for people. */
export function momentText({ time, sessions, others, orphans, notes }: Moment): string {
  const all = [
    ...sessions.map(({ session }) => session),
    ...sessions.flatMap(({ owned }) => owned),
    ...others,
    ...orphans,
  ];
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  const counts = kinds.map((kind) => `${all.filter((held) => held.kind === kind).length} ${kind}`);
  return write([
    `open at ${time}: ${counts.length === 0 ? 'nothing' : counts.join(', ')}`,
    ...sessions.flatMap(({ session, owned }) => [heldLine(session), ...owned.map((held) => `  ${heldLine(held)}`)]),
    ...(others.length === 0 ? [] : ['of no session:', ...others.map((held) => `  ${heldLine(held)}${ownersOf(held)}`)]),
    ...(orphans.length === 0
      ? []
      : [
          'ORPHANS, whose session is not open:',
          ...orphans.map((held) => `  ${heldLine(held)} of session ${held.session ?? ''}`),
        ]),
    ...notes.map((note) => `note: ${note}`),
  ]);
}

function heldLine(held: Held): string {
  return `${held.kind} ${held.ref}  ${held.about}${held.about === '' ? '' : '  '}${lifeOf(held)}`;
}

function lifeOf({ opened, closed, reason }: Held): string {
  const end = closed === undefined ? 'still open' : `to ${closed} (${reason ?? 'no reason'})`;
  return `${opened === undefined ? 'from before these records' : `from ${opened}`} ${end}`;
}

function ownersOf({ stream, principal }: Held): string {
  const owners = [
    stream === undefined ? '' : `stream ${stream}`,
    principal === undefined ? '' : `principal ${principal}`,
  ];
  const named = owners.filter((owner) => owner !== '');
  return named.length === 0 ? '' : `  of ${named.join(', ')}`;
}

// What clients call themselves stands in these lines.
function write(lines: readonly string[]): string {
  return `${lines.map((line) => printable(line)).join('\n')}\n`;
}
