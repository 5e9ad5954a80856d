import type { Persona } from '../../packages/breakwater/src/doctor/persona.ts';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { type Examination, examine } from '../../packages/breakwater/src/doctor/play.ts';
import type { Report } from '../../packages/breakwater/src/doctor/report.ts';
import { Target } from '../../packages/breakwater/src/doctor/target.ts';

/** Examines without holding back, and with much patience for a busy machine. */
export async function examineFast(
  url: string,
  personas: readonly Persona[] = PERSONAS,
  more: Partial<Examination> = {},
): Promise<Report> {
  const target = new Target(new URL(url));
  const asked = { target, personas, rate: 1_000, visitMs: 45_000, extra: [], allowedTools: [], version: 'test' };
  return await examine({ ...asked, ...more });
}

/** One persona of the catalogue. */
export function personaOf(id: string): Persona {
  const persona = PERSONAS.find((each) => each.id === id);
  if (persona === undefined) throw new RangeError(`no persona ${id}`);
  return persona;
}
