package server

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

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
		got, ok := cgroupMemory(tt.files)
		if ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%s: %d %t, want %d", tt.name, got, ok, tt.want)
		}
	}
}
