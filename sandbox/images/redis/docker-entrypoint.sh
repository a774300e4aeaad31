#!/bin/sh
set -e
# As the official image: bare options go to redis-server, and the server does not run as root.
case "$1" in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . ! -user redis -exec chown redis {} +
	exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi
[ "$(umask)" = 0022 ] && umask 0077
exec "$@"
