import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'fuzz/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // CI may share its cores, and some tests watch real deadlines of seconds: what fails there is run once more, and the report says so.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});
