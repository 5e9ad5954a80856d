import { type Browser, chromium } from 'playwright-core';
import { needDebian } from '../fixtures/debian.ts';

/** Debian's Chromium without a window; installed first where it is missing and can be. */
export async function startBrowser(): Promise<Browser> {
  needDebian(['chromium'], ['chromium']);
  // The sandbox wants rights that root in a container does not have; the page under test is ours and comes from loopback.
  const args = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'];
  return await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
}
