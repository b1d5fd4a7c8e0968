# One or three instances of PostgreSQL as somebody would make them by hand who wants what the portal makes: the same programs, the same flags and
# settings, checksums, TLS and SCRAM, and nothing waited for that need not be. Without HAProxy, which the portal starts as well.
#
# DIR empty folder · BIN programs · MAJOR · PORTS one or three, separated by spaces
set -e
cd "$DIR"
primary=${PORTS%% *}

conf() {
    cat >"$1.conf" <<TEXT
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = '$DIR'
hba_file = '$DIR/hba.conf'
cluster_name = 'hand-$1'
ssl = on
ssl_cert_file = '$DIR/server.crt'
ssl_key_file = '$DIR/server.key'
ssl_min_protocol_version = 'TLSv1.2'
password_encryption = 'scram-sha-256'
wal_level = replica
hot_standby = on
wal_log_hints = on
max_replication_slots = 40
max_wal_senders = 40
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
log_timezone = 'UTC'
timezone = 'UTC'
shared_buffers = 128MB
effective_cache_size = 384MB
maintenance_work_mem = 25MB
work_mem = 1MB
max_wal_size = 1024MB
min_wal_size = 80MB
max_slot_wal_keep_size = 2048MB
wal_keep_size = 256MB
TEXT
}

start() {
    setsid "$BIN/postgres" -D "$DIR/$1" -c config_file="$DIR/$1.conf" </dev/null >>"$1.log" 2>&1 &
}

ready() {
    until [ -f "$1/postmaster.pid" ] && sed -n 8p "$1/postmaster.pid" | grep -q -e ready -e standby; do sleep 0.005; done
}

sql() {
    "$BIN/psql" -XqAt -h "$DIR" -p "$primary" -U postgres -d postgres -c "$1"
}

printf 'local all all peer\nlocal replication all peer\nhostssl all all all scram-sha-256\nhostnossl all all all reject\n' >hba.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 365 -keyout server.key -out server.crt 2>/dev/null &
certificate=$!
conf "$primary"
locale=
[ "$MAJOR" -lt 17 ] || locale='--locale-provider=builtin --builtin-locale=C.UTF-8'
# shellcheck disable=SC2086
"$BIN/initdb" -D "$primary" -U postgres -k -E UTF8 --auth-local=peer --auth-host=reject --no-sync $locale --locale=C.UTF-8 >/dev/null
wait "$certificate"
start "$primary"
[ "$PORTS" != "$primary" ] || exit 0

ready "$primary"
replicas=${PORTS#* }
clones=
for port in $replicas; do sql "select pg_create_physical_replication_slot('s$port', true)" >/dev/null; done
for port in $replicas; do
    (
        conf "$port"
        source="host=$DIR port=$primary user=postgres"
        "$BIN/pg_basebackup" -D "$port" -d "$source" -S "s$port" -X stream -c fast --no-sync
        printf "primary_conninfo = '%s application_name=s%s'\nprimary_slot_name = 's%s'\n" "$source" "$port" "$port" >>"$port.conf"
        touch "$port/standby.signal"
        start "$port"
        ready "$port"
    ) &
    clones="$clones $!"
done
# shellcheck disable=SC2086
wait $clones
until [ "$(sql "select count(*) from pg_stat_replication where state = 'streaming'")" = 2 ]; do sleep 0.01; done
