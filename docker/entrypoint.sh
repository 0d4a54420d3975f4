#!/bin/sh
# agentos ROLE: api, worker, manager, setup (migrations and the first admin, then it ends), rotate-keys,
# audit-verify, erase-user, seed or demo.
# Where a setting is a secret, NAME_FILE may name a file with its value instead.
# agentos alive: the health check of a worker or manager; whether its main loop has turned in the last minute.
set -eu

if [ "${1:-}" = alive ]; then
  if ! beat=$(stat -c %Y "$PULSE_FILE" 2>/dev/null); then
    echo 'it has not begun to work'
    exit 1
  fi
  age=$(($(date +%s) - beat))
  echo "last sign of life $age s ago"
  [ "$age" -lt 60 ]
  exit
fi

for name in DATABASE_URL MIGRATION_DATABASE_URL REDIS_URL ADMIN_PASSWORD S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  if [ ! -r "$file" ]; then
    echo "${name}_FILE: $file cannot be read" >&2
    exit 1
  fi
  value=$(cat "$file")
  export "$name=$value"
  unset "${name}_FILE"
done

role=${1:-api}
[ $# -gt 0 ] && shift
case "$role" in
  api) entry=main.js ;;
  worker | manager) entry="$role.js" ;;
  setup | rotate-keys | audit-verify | erase-user | seed | demo) entry="up/$role.js" ;;
  *)
    echo "agentos: no role '$role'; there are api, worker, manager, setup, rotate-keys, audit-verify, erase-user, seed, demo" >&2
    exit 64
    ;;
esac
exec node --enable-source-maps "/app/dist/$entry" "$@"
