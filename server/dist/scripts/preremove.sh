#!/bin/sh
# Before it goes; an upgrade is none of that. dpkg says "remove"; rpm says 0.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now inside53.socket inside53.service
