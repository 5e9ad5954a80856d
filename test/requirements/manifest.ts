import { GATEWAY } from './manifest/gateway.ts';
import { HTTP_LEGACY } from './manifest/http-legacy.ts';
import { HTTP_MODERN } from './manifest/http-modern.ts';
import { LIFECYCLE } from './manifest/lifecycle.ts';
import { MESSAGES } from './manifest/messages.ts';
import { OTHER_TRANSPORTS } from './manifest/other-transports.ts';
import type { Requirement } from './manifest/requirement.ts';
import { SECURITY } from './manifest/security.ts';
import { SUBSCRIPTIONS } from './manifest/subscriptions.ts';
import { UTILITIES } from './manifest/utilities.ts';

/** Every line of the specification that concerns a gateway, and those of our own. Each is cited by at least one test. */
export const REQUIREMENTS: readonly Requirement[] = [
  ...LIFECYCLE,
  ...HTTP_LEGACY,
  ...HTTP_MODERN,
  ...OTHER_TRANSPORTS,
  ...UTILITIES,
  ...MESSAGES,
  ...SUBSCRIPTIONS,
  ...SECURITY,
  ...GATEWAY,
];
