#!/bin/sh
set -e
# As the official image: bare options go to redis-server, which does not run as root and, since
# what reaches a container is for its network to decide, answers other machines.
case "$1" in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . ! -user redis -exec chown redis {} +
	exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi
if [ "$1" = redis-server ]; then
	case "$2" in
	*.conf) grep -q '^protected-mode' "$2" || set -- "$@" --protected-mode no ;;
	*) shift && set -- redis-server --protected-mode no "$@" ;;
	esac
fi
[ "$(umask)" = 0022 ] && umask 0077
exec "$@"
