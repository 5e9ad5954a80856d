import { LEGACY, MODERN, type Requirement, section } from './requirement.ts';

/** Change notifications in both eras. */
export const SUBSCRIPTIONS: readonly Requirement[] = [
  ...section(
    { side: 'downstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/patterns/subscriptions' },
    [
      {
        id: 'sub.acknowledged-first',
        level: 'MUST',
        at: 'acknowledgment',
        text: 'The first message of a listen stream is notifications/subscriptions/acknowledged.',
      },
      {
        id: 'sub.subset',
        level: 'MUST',
        at: 'acknowledgment',
        text: 'The acknowledgement names what is honoured; what no server supports is left out.',
      },
      {
        id: 'sub.only-requested',
        level: 'MUST',
        at: 'opening-a-stream',
        text: 'Nothing comes that the filter did not ask for.',
      },
      {
        id: 'sub.id',
        level: 'MUST',
        at: 'receiving-notifications',
        text: 'Every notification names the id of the listen request as its subscriptionId, in the client’s own form.',
      },
      {
        id: 'sub.request-scoped',
        level: 'MUST',
        at: 'receiving-notifications',
        text: 'Progress and log messages never come on a listen stream.',
      },
      {
        id: 'sub.concurrent',
        level: 'MUST',
        at: 'multiple-concurrent-subscriptions',
        text: 'Several listens at a time are apart: each gets its own kinds under its own id.',
      },
      {
        id: 'sub.server-close',
        level: 'MUST',
        at: 'cancellation',
        text: 'At shutdown the stream is closed.',
      },
      {
        id: 'sub.client-close',
        level: 'MUST',
        at: 'cancellation',
        text: 'When the client closes the stream, the subscription ends and frees what it held.',
      },
    ],
  ),
  ...section(
    { side: 'upstream', revisions: MODERN, transport: 'any', page: '2026-07-28/basic/patterns/subscriptions' },
    [
      {
        id: 'sub.upstream.reopened',
        level: 'MUST',
        at: 'cancellation',
        text: 'A feed that the server’s end closed is opened again while somebody listens.',
      },
    ],
  ),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server/tools' }, [
    {
      id: 'sub.legacy.list-changed',
      level: 'SHOULD',
      at: 'list-changed-notification',
      text: 'Where listChanged is declared, a change of the list is notified.',
    },
    {
      id: 'sub.legacy.list-changed-resources',
      level: 'SHOULD',
      at: 'list-changed-notification',
      text: 'The same for prompts and resources.',
    },
  ]),
  ...section({ side: 'downstream', revisions: LEGACY, transport: 'any', page: '2025-11-25/server/resources' }, [
    {
      id: 'sub.legacy.updated',
      level: 'MUST',
      at: 'subscriptions',
      text: 'A subscribed resource that changes is notified; after unsubscribe it is not.',
    },
  ]),
];
