package export

import (
	"strings"
)

// HostsScript is a shell script that installs a block of [Hosts] on the host where it is run, as
// UpdateHosts does: into /etc/hosts, or into the file that is its argument. It needs no more
// than POSIX has, and may be read from standard input.
func HostsScript(block []byte, adopt bool) []byte {
	flag := "0"
	if adopt {
		flag = "1"
	}
	text := strings.ReplaceAll(hostsScript, "@ADOPT@", flag)
	text = strings.ReplaceAll(text, "@FRESH@", fresh)
	text = strings.ReplaceAll(text, "@BEGIN@", beginMark)
	text = strings.ReplaceAll(text, "@END@", endMark)
	return []byte(strings.ReplaceAll(text, "@BLOCK@", string(block)))
}

const hostsScript = `#!/bin/sh
# Made by inside53. Run as root it puts the lines below into /etc/hosts, or into the file that is
# its argument, and leaves all others as they are. Where nothing has changed it writes nothing.
set -eu
hosts=${1:-/etc/hosts}
adopt=@ADOPT@
if [ -L "$hosts" ]; then hosts=$(readlink -f "$hosts"); fi
new=$(mktemp "$hosts.inside53.XXXXXX")
trap 'rm -f "$new" "$new.block" "$new.theirs"' EXIT
cat >"$new.block" <<'INSIDE53_LINES'
@BLOCK@INSIDE53_LINES
if [ ! -e "$hosts" ]; then
	cat - "$new.block" >"$new" <<'INSIDE53_LINES'
@FRESH@INSIDE53_LINES
	chmod 0644 "$new"
	mv -f "$new" "$hosts"
	exit 0
fi
cp -p "$hosts" "$new" # for its mode and owner
awk -v adopt="$adopt" -v file="$new.block" -v theirs="$new.theirs" -v name="$hosts" '
	BEGIN {
		while ((getline line < file) > 0) {
			block = block line "\n"
			count = split(line, field)
			if (line !~ /^#/) for (i = 2; i <= count; i++) ours[tolower(field[i])] = ours[tolower(field[i])] " " field[1] " "
		}
	}
	{ bare = $0; gsub(/^[ \t\r]+|[ \t\r]+$/, "", bare) }
	bare == "@BEGIN@" { if (done) { damaged = 1; exit }; done = inside = 1; printf "%s", block; next }
	bare == "@END@" { if (!inside) { damaged = 1; exit }; inside = 0; next }
	inside { next }
	!done && bare !~ /^#/ {
		words = $0; sub(/#.*/, "", words); rest = substr($0, length(words) + 1)
		gsub(/\r/, " ", words)
		count = split(words, field); left = 0; mine = 0
		for (i = 2; i <= count; i++) if (tolower(field[i]) in ours) { if (!mine++) beside = field[i] } else left++
		if (mine && adopt) {
			print "" > theirs
			if (!left) next
			text = field[1]; old = index(ours[tolower(beside)], " " field[1] " ") == 0
			for (i = 2; i <= count; i++) if (!(tolower(field[i]) in ours)) {
				text = text "\t" field[i]
				if (old) print "inside53: " name ":" NR ": " field[i] " keeps " field[1] ", which is no address of " \
					beside " now" > "/dev/stderr"
			}
			print text (rest == "" ? "" : "\t" rest)
			next
		}
		for (i = 2; mine && i <= count; i++)
			if (tolower(field[i]) in ours && index(ours[tolower(field[i])], " " field[1] " ") == 0)
				print "inside53: " name ":" NR ": " field[i] " " field[1] " stands above our lines, and wins" > "/dev/stderr"
	}
	{ print }
	END {
		if (damaged || inside) { print "inside53: " name " is left alone, its marks are damaged" > "/dev/stderr"; exit 1 }
		if (!done) printf "%s", block
	}
' "$hosts" >"$new"
if cmp -s "$hosts" "$new"; then exit 0; fi
if ! grep -q '^[[:space:]]*@BEGIN@[[:space:]]*$' "$hosts" || { [ -e "$new.theirs" ] && [ ! -e "$hosts.bak" ]; }; then
	cp -p "$hosts" "$hosts.bak"
fi
mv -f "$new" "$hosts"
`
