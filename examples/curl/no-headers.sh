#!/bin/sh
# What clients in the field forget, and how the gateway helps them all the same.
# breakwater demo & examples/curl/no-headers.sh [http://127.0.0.1:8808]
set -eu
base="${1:-http://127.0.0.1:8808}"
json='Content-Type: application/json'
list='{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
call='{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"ahoy"}}}'

ask() { curl -sS --max-time 30 -w ' HTTP %{http_code}' "$@"; }

# expect WHAT WORDS ANSWER
expect() {
  case $3 in
    *"$2"*) echo "ok: $1" ;;
    *) echo "$1: expected $2 in: $3" >&2; exit 1 ;;
  esac
}

expect 'no initialize, no session, no version, no Accept' '"name":"echo"' "$(ask "$base/mcp" -H "$json" -d "$list")"
expect 'a tool can be called just so' '"text":"ahoy"' "$(ask "$base/mcp" -H "$json" -d "$call")"
expect 'Accept without event streams' '"text":"ahoy"' "$(ask "$base/mcp" -H "$json" -H 'Accept: application/json' -d "$call")"
expect 'Accept without JSON' 'data: {' "$(ask "$base/mcp" -H "$json" -H 'Accept: text/event-stream' -d "$call")"
expect 'a slash too many' '"text":"ahoy"' "$(ask "$base/mcp/" -H "$json" -d "$call")"
expect 'a POST to the path of 2024' '"text":"ahoy"' "$(ask "$base/mcp/sse" -H "$json" -d "$call")"
expect 'a look with GET' 'HTTP 200' "$(ask "$base/mcp")"
expect 'an end without a session' 'HTTP 200' "$(ask -X DELETE "$base/mcp")"

# What cannot be helped is refused, and the answer says what to send instead.
expect 'no Content-Type: a web page could send this' 'Content-Type: application/json' "$(ask "$base/mcp" -d "$call")"
expect 'a session from another day' 'HTTP 404' "$(ask "$base/mcp" -H "$json" -H 'Mcp-Session-Id: yesterday' -d "$call")"
expect 'a path where nothing is' '/mcp' "$(ask "$base/api/mcp" -H "$json" -d "$call")"
expect 'no JSON' '-32700' "$(ask "$base/mcp" -H "$json" -d '{')"
