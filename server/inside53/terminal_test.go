package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminalOf: colours are for terminals, and not where NO_COLOR says so.
func TestTerminalOf(t *testing.T) {
	master, slave := pseudoTerminal(t, 100)
	_ = master
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for _, p := range pairs {
				value, found := strings.CutPrefix(p, name+"=")
				if found {
					return value
				}
			}
			return ""
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	for _, tt := range []struct {
		name   string
		stream any
		getenv func(string) string
		want   terminal
	}{
		{"a buffer", new(strings.Builder), env("TERM=xterm"), terminal{}},
		{"no file", null, env("TERM=xterm"), terminal{}},
		{"a terminal", slave, env("TERM=xterm", "LANG=en_GB.UTF-8"), terminal{colours: true, width: 100, boxes: true}},
		{"NO_COLOR", slave, env("TERM=xterm", "NO_COLOR=1"), terminal{width: 100}},
		{"dumb", slave, env("TERM=dumb", "COLUMNS=60"), terminal{width: 60}},
		{"not UTF-8", slave, env("LC_ALL=C", "LANG=en_GB.UTF-8"), terminal{colours: true, width: 100}},
	} {
		if got := terminalOf(tt.stream, tt.getenv); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// pseudoTerminal opens a terminal of a width.
func pseudoTerminal(t *testing.T, width uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: width})
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onTerminal reads what is written to a terminal from now on. The function that it returns waits until nobody has the
// other end, and returns all that was written.
func onTerminal(master *os.File) func() string {
	var text []byte
	var reading sync.WaitGroup
	reading.Go(func() { text, _ = io.ReadAll(master) }) // an error is its end
	return func() string {
		reading.Wait()
		return string(text)
	}
}

// TestTerminalTable folds and colours what is a table.
func TestTerminalTable(t *testing.T) {
	text := "NAME  TTL  VALUES\nwww   60   192.0.2.1, 192.0.2.2, 192.0.2.3\n" +
		"+ a   60   192.0.2.4\n- b   60   192.0.2.5\n"
	plain := terminal{width: 30}
	want := "NAME  TTL  VALUES\nwww   60   192.0.2.1,\n           192.0.2.2,\n           192.0.2.3\n" +
		"+ a   60   192.0.2.4\n- b   60   192.0.2.5\n"
	if got := plain.table(text, true); got != want {
		t.Errorf("folded:\n%s\nwant\n%s", got, want)
	}
	coloured := terminal{width: 100, colours: true}
	want = "\x1b[1mNAME  TTL  VALUES\x1b[0m\nwww   60   192.0.2.1, 192.0.2.2, 192.0.2.3\n" +
		"\x1b[32m+ a   60   192.0.2.4\x1b[0m\n\x1b[31m- b   60   192.0.2.5\x1b[0m\n"
	if got := coloured.table(text, true); got != want {
		t.Errorf("coloured:\n%q\nwant\n%q", got, want)
	}
	for line, want := range map[string]string{
		strings.Repeat("x", 35): strings.Repeat("x", 30) + "|    xxxxx", "a " + strings.Repeat("é", 29): "a " +
			strings.Repeat("é", 28) + "|    é",
	} {
		if got := strings.Join(plain.fold(line, "    "), "|"); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// TestTerminalShows runs the program on a terminal: its list is coloured, and fits.
func TestTerminalShows(t *testing.T) {
	simulate(t)
	master, slave := pseudoTerminal(t, 60)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, "zone", "get", "example.com", "--private")
	c.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm", "NO_COLOR=", "COLUMNS=")
	c.Stdout = slave
	shown := onTerminal(master)
	err = c.Run()
	if err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	text := shown()
	if !strings.Contains(text, "\x1b[1mNAME") {
		t.Errorf("it prints\n%s", text)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		line = strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(line)
		if len(line) > 60 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
