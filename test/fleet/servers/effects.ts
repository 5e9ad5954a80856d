import { appendFileSync } from 'node:fs';

/** One execution of a tool that must not be repeated. */
export interface Effect {
  readonly call: string;
  readonly pid: number;
  readonly tool: string;
}

const FILE = process.env['EFFECTS_FILE'] ?? '';

/** Writes down that a call took effect. Append mode: lines of several processes do not mix. */
export function takeEffect(tool: string, call: string): void {
  const effect: Effect = { call, pid: process.pid, tool };
  appendFileSync(FILE, `${JSON.stringify(effect)}\n`);
}
