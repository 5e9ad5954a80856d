#!/bin/sh
# A client of 2026-07-28, by hand: no session, every request says everything; the headers repeat what the body says.
# breakwater demo & examples/curl/modern.sh [http://127.0.0.1:8808]
set -eu
mcp="${1:-http://127.0.0.1:8808}/mcp"
meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"curl","version":"1"}}'

# ask METHOD BODY [NAME]: NAME is the tool, the prompt or the URI, where the method has one.
ask() {
  curl -sS --max-time 30 "$mcp" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $1" ${3:+-H "Mcp-Name: $3"} -d "$2"
}

# expect WORDS ANSWER
expect() {
  case $2 in
    *"$1"*) echo "ok: $1" ;;
    *) echo "expected $1 in: $2" >&2; exit 1 ;;
  esac
}

expect '"supportedVersions"' "$(ask server/discover '{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{'"$meta"'}}')"
expect '"name":"echo"' "$(ask tools/list '{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{'"$meta"'}}')"
expect '"text":"ahoy"' \
  "$(ask tools/call '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"text":"ahoy"},'"$meta"'}}' echo)"
expect '# Breakwater demo' \
  "$(ask resources/read '{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"demo://readme",'"$meta"'}}' demo://readme)"

# A header that says something else than the body is refused: proxies in between may have decided by the header.
expect '-32020' \
  "$(ask tools/call '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo","arguments":{"text":"ahoy"},'"$meta"'}}' add)"
