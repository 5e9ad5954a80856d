import type { EventId, EventStore, JSONRPCMessage, StreamId } from '@modelcontextprotocol/server';

const MAX_EVENTS = 1000;

/** Creates the store that lets one session resume its streams with `Last-Event-ID`; it keeps the last 1000 events. */
export function createEventStore(): EventStore {
  const events = new Map<EventId, { streamId: StreamId; message: JSONRPCMessage }>();
  let last = 0;

  return {
    async storeEvent(streamId, message) {
      last += 1;
      const id = String(last);
      events.set(id, { streamId, message });
      events.delete(String(last - MAX_EVENTS));
      return id;
    },
    async getStreamIdForEventId(id) {
      return events.get(id)?.streamId;
    },
    async replayEventsAfter(lastId, { send }) {
      const streamId = events.get(lastId)?.streamId;
      if (streamId === undefined) throw new RangeError(`unknown event ${lastId}`);
      for (const [id, event] of events) {
        // An event that opens a stream carries no message, only an id to resume from.
        if (event.streamId !== streamId || Number(id) <= Number(lastId) || !('jsonrpc' in event.message)) continue;
        await send(id, event.message);
      }
      return streamId;
    },
  };
}
