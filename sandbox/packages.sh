#!/bin/sh
# Install the packages of packages.txt that the machine lacks: the only step that installs system packages.
set -eu
cd "$(dirname "$0")"

missing=
while read -r package file; do
	case "$package" in "" | "#"*) continue ;; esac
	[ -e "$file" ] || PATH="$PATH:/usr/sbin:/sbin" command -v "$file" >/dev/null || missing="$missing $package"
done <packages.txt
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "Install these with your package manager (Debian's names):$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word per package
apt-get install --yes --no-install-recommends $missing ||
	{ apt-get update && apt-get install --yes --no-install-recommends $missing; }

# The sandbox starts its own processes: the services of these packages would only listen on the host.
if [ -d /run/systemd/system ]; then
	for package in $missing; do
		case "$package" in
		etcd-server) systemctl disable --now etcd ;;
		docker-registry | containerd) systemctl disable --now "$package" ;;
		esac
	done
fi
