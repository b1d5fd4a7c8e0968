#!/bin/sh
# Writes server/.sqlx anew, the data from which checked queries compile without a database. Run it after every change of a query or a migration.
# It starts a throw-away PostgreSQL (as user postgres when run by root), migrates it, builds the crate against it and leaves nothing else behind.
set -eu
cd "$(dirname "$0")/.."

bin=${HOWDAH_POSTGRES:+$HOWDAH_POSTGRES/bin}
bin=${bin:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
[ -x "$bin/initdb" ] || { echo "no PostgreSQL found: name its folder in HOWDAH_POSTGRES" >&2; exit 1; }
dir=$(mktemp -d /tmp/howdah-sqlx.XXXXXX)
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --init-groups -- "$@"; else "$@"; fi; }
trap 'as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

[ "$(id -u)" != 0 ] || chown postgres "$dir"
as "$bin/initdb" -D "$dir/data" -U howdah -A trust --no-sync >/dev/null
as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -o "-k $dir -c listen_addresses= -F" start >/dev/null
for file in migrations/*.sql; do "$bin/psql" -q -v ON_ERROR_STOP=1 -h "$dir" -U howdah -d postgres -1 -f "$file"; done

# Written beside and swapped in only when all of it compiled; old queries fall away.
fresh=$dir/sqlx
mkdir "$fresh"
touch server/src/lib.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh DATABASE_URL="postgres://howdah@localhost/postgres?host=$dir" cargo build -p server
mkdir -p server/.sqlx
rm -f server/.sqlx/*.json
cp "$fresh"/*.json server/.sqlx/
touch server/src/lib.rs
echo "$(ls server/.sqlx | wc -l) queries in server/.sqlx"
