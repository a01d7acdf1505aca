//go:build clients

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startAWS stands where the AWS CLI is: it has the package and the key.
const startAWS = `#!/bin/sh
echo "aws $*" >>/recorded
case "$1 $2" in
"s3 cp") cp /package.deb "$4/inside53.deb" ;;
"ssm get-parameter") echo MDEyMzQ1Njc4OWFiY2RlZg== ;;
"cloudformation signal-resource") ;;
*) exit 1 ;;
esac
`

// startSystemctl starts nothing: it has the program check the configuration, as the unit does before it starts,
// and lets it be ready from then on.
const startSystemctl = `#!/bin/sh
echo "$*" >>/recorded
case $1 in
enable)
	su -s /bin/sh inside53 -c "/usr/bin/inside53 check --config /etc/inside53/inside53.yaml" >/checked 2>&1 || exit 1
	printf '#!/bin/sh\necho ready\n' >/usr/bin/inside53
	;;
is-active) exit 3 ;;
esac
`

// userData is the script that the template's servers start with, filled in.
func userData(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, filepath.Join(top, "examples/deploy/cloudformation.yaml")),
		"Fn::Base64: !Sub |\n")
	script, _, ends := strings.Cut(rest, "\n\n  # ")
	if !found || !ends {
		t.Fatal("the template starts nothing")
	}
	return strings.NewReplacer("\n            ", "\n", "${AWS::Region}", "eu-west-1", "${AWS::StackName}", "dns",
		"${Package}", "packages/inside53.deb", "${PackageSha256}", "SUM", "${FleetKey}", "/inside53/fleet-key",
		"${Bucket}", "ledger", "${Queue}", "https://sqs.eu-west-1.amazonaws.com/123456789012/events").
		Replace("\n" + script)[1:] + "\n"
}

// testStart runs what the template's servers start with in a bare Debian, from the package to the word to the stack.
func testStart(t *testing.T, dir string) {
	root := bareDebian(t)
	writeFile(t, filepath.Join(root, "usr/bin/systemctl"), startSystemctl, 0o755)
	writeFile(t, filepath.Join(root, "usr/local/bin/aws"), startAWS, 0o755)
	writeFile(t, filepath.Join(root, "usr/local/bin/journalctl"), "#!/bin/sh\n", 0o755)
	writeFile(t, filepath.Join(root, "var/lib/cloud/data/instance-id"), "i-0a1b2c3d4e5f60001\n", 0o644)
	writeFile(t, filepath.Join(root, "run/systemd/system/.running"), "", 0o644)
	for _, device := range []string{"dev/null"} {
		if !exists(filepath.Join(root, device)) {
			writeFile(t, filepath.Join(root, device), "", 0o666)
		}
	}
	must(t, "cp", one(t, dir, "*.deb"), filepath.Join(root, "package.deb"))
	sum := strings.Fields(must(t, "sha256sum", filepath.Join(root, "package.deb")))[0]
	for name, script := range map[string]string{
		"start": strings.Replace(userData(t), "SUM", sum, 1),
		"wrong": strings.Replace(userData(t), "SUM", strings.Repeat("0", 64), 1),
	} {
		writeFile(t, filepath.Join(root, name), script, 0o755)
	}
	const signal = "aws cloudformation signal-resource --region eu-west-1 --stack-name dns --logical-resource-id Fleet " +
		"--unique-id i-0a1b2c3d4e5f60001 --status "
	const copied = "aws s3 cp s3://packages/inside53.deb ."
	const resolver = "try-restart systemd-resolved"

	out, err := command(t, "chroot", root, "/wrong")
	if err == nil || exists(filepath.Join(root, "usr/bin/inside53")) {
		t.Errorf("it installs a package of another sum: %s", out)
	}
	wants(t, "with a package of another sum", root, resolver, copied, signal+"FAILURE")

	out, err = command(t, "chroot", root, "/start")
	if err != nil {
		checked, _ := os.ReadFile(filepath.Join(root, "checked")) // it may not have come so far
		t.Fatalf("%v: %s\n%s", err, out, checked)
	}
	wants(t, "starting", root, resolver, copied, "daemon-reload", "restart systemd-sysctl.service",
		"aws ssm get-parameter --region eu-west-1 --name /inside53/fleet-key --with-decryption --query Parameter.Value "+
			"--output text", "enable --now inside53.socket inside53.service", signal+"SUCCESS")
	if got := readFile(t, filepath.Join(root, "etc/systemd/resolved.conf.d/60-inside53.conf")); got !=
		"[Resolve]\nDNS=169.254.169.253\nDomains=~.\nDNSStubListener=no\n" {
		t.Errorf("the resolver's settings are %q", got)
	}
	info, err := os.Stat(filepath.Join(root, "etc/inside53/fleet.key"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the key is %v, %v", info, err)
	}
}
