package server

import "testing"

func TestFitWeb(t *testing.T) {
	for files, want := range map[uint64]int{0: 4, 128: 4, 1024: 16, 65536: 64, 1 << 63: 64} {
		if got := fitWeb(files); got != want {
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
