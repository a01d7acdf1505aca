package export

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inside53/server/house"
)

// crashFile names the file that a process of the crash test writes until it is killed.
const crashFile = "INSIDE53_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	path := os.Getenv(crashFile)
	if path == "" {
		os.Exit(house.Loopback(m).Run())
	}
	for i := 0; ; i++ {
		_, err := UpdateHosts(path, crashBlock(i%2), false)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// crashBlock is a large block of one of two kinds.
func crashBlock(kind int) []byte {
	line := fmt.Sprintf("10.0.0.%d\thost-%d.internal\n", kind, kind)
	return []byte(beginMark + "\n" + strings.Repeat(line, 20000+kind) + endMark + "\n")
}

const foreignLines = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.9.9.9 mine # and stays\n"

// TestCrash: killed at any moment, a writer leaves the old file or the new one, whole, with
// its mode, and so does a reader see it meanwhile.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	err := os.WriteFile(path, []byte(foreignLines), 0o640)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	look := func() {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		block, ours := bytes.CutPrefix(text, []byte(foreignLines))
		switch {
		case !ours:
			t.Fatalf("the lines of others are gone: %.200q", text)
		case len(block) == 0:
			seen["none"]++
		case bytes.Equal(block, crashBlock(0)):
			seen["first"]++
		case bytes.Equal(block, crashBlock(1)):
			seen["second"]++
		default:
			t.Fatalf("a block of %d bytes that nobody wrote", len(block))
		}
	}
	for round := range 20 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashFile+"="+path)
		err := cmd.Start()
		if err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); round == 0 && time.Since(began) < 20*time.Second &&
			(seen["first"] == 0 || seen["second"] == 0); {
			look() // the first one has the time to begin
		}
		until := time.Now().Add(10*time.Millisecond + rand.N(60*time.Millisecond))
		for time.Now().Before(until) {
			look()
		}
		err = cmd.Process.Kill()
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		look()
	}
	if seen["first"] == 0 || seen["second"] == 0 {
		t.Errorf("seen %v: nothing was written", seen)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestUpdateHosts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	block := crashBlock(0)
	for i, want := range []bool{true, false} {
		done, err := UpdateHosts(path, block, false)
		if err != nil || done.Changed != want || done.Kept != "" {
			t.Errorf("time %d: %+v, %v", i+1, done, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(text, NewHosts(block)) {
		t.Errorf("%.200q, %v", text, err)
	}
	err = os.WriteFile(path, []byte(endMark+"\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = UpdateHosts(path, block, false)
	text, readErr := os.ReadFile(path)
	if err == nil || !strings.Contains(err.Error(), "is left alone, its markers are damaged: line 1") || readErr != nil ||
		string(text) != endMark+"\n" {
		t.Errorf("%v, %q, %v", err, text, readErr)
	}
}
