#!/bin/sh
# After it has gone. dpkg says "remove" or, for all traces, "purge"; rpm says 0. The user
# stays: files may be his.
set -e
case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac
if [ "$1" = purge ]; then
	rm -rf /var/lib/inside53 /var/lib/private/inside53
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
