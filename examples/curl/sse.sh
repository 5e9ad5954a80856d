#!/bin/sh
# A client of 2024, by hand: one stream brings all answers, and its first event says where to post.
# breakwater demo & examples/curl/sse.sh [http://127.0.0.1:8808]
set -eu
base="${1:-http://127.0.0.1:8808}"
dir=$(mktemp -d)
mkfifo "$dir/stream"
curl -sSN --max-time 30 "$base/sse" > "$dir/stream" &
curl=$!
trap 'kill "$curl" 2> /dev/null || true; rm -rf "$dir"' EXIT
exec 3< "$dir/stream"

# next: prints the data of the next event.
next() {
  while IFS= read -r line <&3; do
    case $line in data:*) printf '%s\n' "$line" | tr -d '\r' | sed 's/^data: *//'; return ;; esac
  done
  echo 'the stream ended' >&2
  exit 1
}

# expect WORDS ANSWER
expect() {
  case $2 in
    *"$1"*) echo "ok: $1" ;;
    *) echo "expected $1 in: $2" >&2; exit 1 ;;
  esac
}

endpoint=$(next)
expect '/messages' "$endpoint"

# post BODY: the answer of the POST itself is empty.
post() {
  status=$(curl -sS --max-time 30 -o "$dir/body" -w '%{http_code}' "$base$endpoint" -H 'Content-Type: application/json' -d "$1")
  expect 202 "$status"
}

post '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'
expect '"protocolVersion":"2024-11-05"' "$(next)"
post '{"jsonrpc":"2.0","method":"notifications/initialized"}'
post '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"ahoy"}}}'
expect '"text":"ahoy"' "$(next)"
