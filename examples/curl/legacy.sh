#!/bin/sh
# A client of 2025, by hand: initialize, initialized, list, call, the session's end.
# breakwater demo & examples/curl/legacy.sh [http://127.0.0.1:8808]
set -eu
mcp="${1:-http://127.0.0.1:8808}/mcp"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# post BODY [HEADER...]: prints the answer; its head is in $dir/head.
post() {
  body=$1
  shift
  for header in "$@"; do set -- "$@" -H "$header"; shift; done
  curl -sS --max-time 30 -D "$dir/head" "$mcp" "$@" \
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$body"
}

# expect WORDS ANSWER
expect() {
  case $2 in
    *"$1"*) echo "ok: $1" ;;
    *) echo "expected $1 in: $2" >&2; exit 1 ;;
  esac
}

answer=$(post '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}')
expect '"protocolVersion":"2025-11-25"' "$answer"
session=$(tr -d '\r' < "$dir/head" | sed -n 's/^mcp-session-id: *//Ip')
test -n "$session"
echo "ok: session $session"

# From here on every request names the session and the version that was agreed.
post '{"jsonrpc":"2.0","method":"notifications/initialized"}' "Mcp-Session-Id: $session" 'MCP-Protocol-Version: 2025-11-25'
expect ' 202' "$(head -n 1 "$dir/head")"

answer=$(post '{"jsonrpc":"2.0","id":2,"method":"tools/list"}' "Mcp-Session-Id: $session" 'MCP-Protocol-Version: 2025-11-25')
expect '"name":"echo"' "$answer"

answer=$(post '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"text":"ahoy"}}}' \
  "Mcp-Session-Id: $session" 'MCP-Protocol-Version: 2025-11-25')
expect '"text":"ahoy"' "$answer"

curl -sS --max-time 30 -X DELETE -D "$dir/head" "$mcp" -H "Mcp-Session-Id: $session" > "$dir/body"
expect ' 20' "$(head -n 1 "$dir/head")"

# A session that is over is 404: the sign for a client to initialize anew.
post '{"jsonrpc":"2.0","id":4,"method":"tools/list"}' "Mcp-Session-Id: $session" > "$dir/body"
expect ' 404' "$(head -n 1 "$dir/head")"
