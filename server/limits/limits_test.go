package limits

import (
	"io/fs"
	"net/netip"
	"testing"
	"testing/fstest"

	"inside53/resolver/zone"
	"inside53/server/config"

	"github.com/google/go-cmp/cmp"
)

func TestFitWeb(t *testing.T) {
	for files, want := range map[uint64]int{0: 4, 128: 4, 1024: 16, 65536: 64, 1 << 63: 64} {
		if got := FitWeb(files); got != want {
			t.Errorf("%d files: %d, want %d", files, got, want)
		}
	}
}

func TestFitConnections(t *testing.T) {
	tests := []struct {
		want  int
		files uint64
		fit   int
	}{
		{10000, 1 << 63, 10000},
		{10000, 65536, 10000},
		{10000, 10512, 10000},
		{10000, 10511, 9999},
		{10000, 4096, 3584},
		{10000, 1024, 896},
		{10000, 128, 64},
		{50, 128, 50},
		{10000, 64, 1},
		{10000, 0, 1},
	}
	for _, tt := range tests {
		if got := fitConnections(tt.want, tt.files); got != tt.fit {
			t.Errorf("%d of %d files: %d, want %d", tt.want, tt.files, got, tt.fit)
		}
	}
}

func TestCgroupMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(text), Mode: fs.FileMode(0o444)}
	}
	const v1 = "sys/fs/cgroup/memory/"
	for _, tt := range []struct {
		name  string
		files fstest.MapFS
		want  int64 // 0: none
	}{
		{"no cgroups", fstest.MapFS{}, 0},
		{"version 2", fstest.MapFS{
			"proc/self/cgroup":                                        file("0::/system.slice/inside53.service\n"),
			"sys/fs/cgroup/system.slice/memory.max":                   file("max\n"),
			"sys/fs/cgroup/system.slice/inside53.service/memory.max":  file("268435456\n"),
			"sys/fs/cgroup/system.slice/inside53.service/memory.high": file("max\n"),
		}, 268435456},
		{"that of the slice", fstest.MapFS{
			"proc/self/cgroup":                                       file("0::/system.slice/inside53.service\n"),
			"sys/fs/cgroup/system.slice/memory.max":                  file("1000000\n"),
			"sys/fs/cgroup/system.slice/inside53.service/memory.max": file("268435456\n"),
		}, 1000000},
		{"throttled first", fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("3000000\n"),
			"sys/fs/cgroup/memory.high": file("2000000\n"),
		}, 2000000},
		{"version 2 without a limit", fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n"),
		}, 0},
		{"version 1", fstest.MapFS{
			"proc/self/cgroup":                        file("9:cpu,cpuacct:/a\n8:memory:/a\n0::/\n"),
			v1 + "memory.limit_in_bytes":              file("9223372036854771712\n"),
			v1 + "a/memory.limit_in_bytes":            file("268435456\n"),
			"sys/fs/cgroup/cpu/memory.limit_in_bytes": file("1\n"),
		}, 268435456},
		{"version 1 without a limit", fstest.MapFS{
			"proc/self/cgroup": file("8:memory:/a\n"), v1 + "memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 0},
		{"version 1 in a container", fstest.MapFS{
			"proc/self/cgroup": file("8:memory:/docker/0123\n"), v1 + "memory.limit_in_bytes": file("536870912\n"),
		}, 536870912},
		{"garbage", fstest.MapFS{
			"proc/self/cgroup": file("memory\n0::/\n"), "sys/fs/cgroup/memory.max": file("-1\n"),
		}, 0},
	} {
		got, ok := Memory(tt.files)
		if ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%s: %d %t, want %d", tt.name, got, ok, tt.want)
		}
	}
}

func TestPacketsOf(t *testing.T) {
	c, err := config.Parse([]byte(`
forward:
  - { zone: ".", upstreams: [169.254.169.253] }
  - { zone: a.example, upstreams: ["10.9.0.2", "tls://10.9.0.3"], packets: 50 }
  - { zone: b.example, upstreams: ["10.0.0.2"], packets: 0 }
`), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	configured := map[string]int{"10.9.0.2:53": 50, "tls://10.9.0.3:853": 50, "10.0.0.2:53": 0}
	if diff := cmp.Diff(configured, Packets(c, nil)); diff != "" {
		t.Errorf("without data (-want +got):\n%s", diff)
	}
	snap := &zone.Snapshot{
		Inventory: zone.NewInventory([]zone.Network{
			{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("fd00::/56")}},
			{ID: "vpc-2", CIDRs: []netip.Prefix{netip.MustParsePrefix("172.31.0.0/16")}},
		}, nil),
		Forwarders: []zone.Forwarder{
			{Upstreams: []string{"10.0.0.2:53"}}, {Upstreams: []string{"172.31.0.2:53", "172.31.0.3:53"}},
		},
	}
	configured["172.31.0.2:53"] = 900
	if diff := cmp.Diff(configured, Packets(c, snap)); diff != "" {
		t.Errorf("with data (-want +got):\n%s", diff)
	}
}

// TestFitSockets: upstreams have half of the descriptors that clients leave to the others.
func TestFitSockets(t *testing.T) {
	for files, want := range map[uint64]int{64: 32, 1024: 64, 4096: 256, 1 << 20: 256} {
		if got := fitSockets(files); got != want {
			t.Errorf("%d files: %d sockets, want %d", files, got, want)
		}
	}
}
