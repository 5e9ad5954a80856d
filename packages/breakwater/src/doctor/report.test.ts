import { describe, expect, it } from 'vitest';
import type { Group, Outcome } from './persona.ts';
import { type PlayedPersona, type Report, scoreOf } from './report.ts';

function played(outcome: Outcome, group: Group = 'later'): PlayedPersona {
  const texts = { id: 'x', title: '', who: '', evidence: '', reason: '' };
  return { ...texts, group, outcome, remarks: [], tookMs: 0, exchanges: [] };
}

function report(fine: number, stuck: number, gaveWay = 0): Report {
  const personas = [
    ...Array.from({ length: fine }, (_, index) => played(index % 2 === 0 ? 'in' : 'told')),
    ...Array.from({ length: stuck }, () => played('stuck')),
    ...Array.from({ length: gaveWay }, () => played('stuck', 'hostile')),
  ];
  return { target: 'http://localhost/mcp', startedAt: '', version: '', played: personas, notPlayed: [] };
}

describe('scoreOf', () => {
  it.each([
    ['A', 20, 0, 0],
    ['B', 18, 2, 0],
    ['C', 19, 0, 1],
    ['C', 15, 5, 0],
    ['D', 10, 10, 0],
    ['F', 9, 11, 0],
    ['F', 0, 0, 0],
  ])('%s for %i fine, %i stuck, %i gave way', (grade, fine, stuck, gaveWay) => {
    expect(scoreOf(report(fine, stuck, gaveWay)).grade).toBe(grade);
  });

  it('counts', () => {
    expect(scoreOf(report(3, 1, 1))).toMatchObject({ in: 2, told: 1, stuck: 2 });
  });
});
