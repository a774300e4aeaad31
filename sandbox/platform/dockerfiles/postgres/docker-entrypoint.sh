#!/bin/sh
set -e
# As the official image: the first start makes the database of POSTGRES_DB, for POSTGRES_USER with POSTGRES_PASSWORD.
case "$1" in
-*) set -- postgres "$@" ;;
esac
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
	install -d -o postgres -m 0700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -n "$POSTGRES_PASSWORD_FILE" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
	if [ -z "$POSTGRES_PASSWORD" ]; then
		echo "Error: the database is empty, and POSTGRES_PASSWORD is not set" >&2
		exit 1
	fi
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	(umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password)
	initdb --username="$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust >&2
	rm /tmp/password
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	if [ "$database" != postgres ]; then
		echo "CREATE DATABASE \"$database\";" | postgres --single -j postgres >&2
	fi
	sed -i "s/^#listen_addresses.*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"
fi
exec "$@"
