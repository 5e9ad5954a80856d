import { expect, it } from 'vitest';
import { isAtLeast, isLogLevel, LOG_LEVELS } from './logging.ts';

it('orders levels by severity', () => {
  expect(LOG_LEVELS.filter((level) => isAtLeast(level, 'warning'))).toEqual([
    'warning',
    'error',
    'critical',
    'alert',
    'emergency',
  ]);
  expect(LOG_LEVELS.every((level) => isAtLeast(level, 'debug') && isAtLeast('emergency', level))).toBe(true);
});

it('knows the levels of the specification only', () => {
  expect(LOG_LEVELS.every(isLogLevel)).toBe(true);
  for (const value of ['warn', 'Debug', '', 3, null, undefined]) expect(isLogLevel(value)).toBe(false);
});
