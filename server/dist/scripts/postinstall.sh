#!/bin/sh
# After it has come or changed. dpkg says "configure" and which version was there before;
# rpm says how many versions are there.
set -e

before=
case "$1" in
configure) before=$2 ;;
1) ;;
[2-9]*) before=older ;;
*) exit 0 ;; # dpkg goes back on something: nothing has changed
esac

if ! getent passwd inside53 >/dev/null; then
	useradd --system --user-group --no-create-home --home-dir /var/lib/inside53 --shell /usr/sbin/nologin inside53
fi

# In an image that is being built, or a container, nothing runs.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl restart systemd-sysctl.service || :

if [ -z "$before" ]; then
	echo "inside53: installed, not started. Look at /etc/inside53/inside53.yaml, then:"
	echo "  inside53 check --config /etc/inside53/inside53.yaml --aws"
	echo "  systemctl enable --now inside53.socket inside53.service"
	exit 0
fi
systemctl is-active --quiet inside53.service || exit 0
# A version that doesn't accept the configuration would end what serves.
if ! /usr/bin/inside53 check --config /etc/inside53/inside53.yaml; then
	echo "inside53: the version before serves on; mend the configuration, then: systemctl restart inside53" >&2
	exit 0
fi
# The sockets are systemd's and stay: what comes meanwhile waits in them.
systemctl try-restart inside53.service
