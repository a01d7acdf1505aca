package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		stop()
		_, _ = fmt.Fprintf(os.Stderr, "dist: %s\n", err)
		os.Exit(1)
	}
}

// release is what is made, and of what.
type release struct {
	version   string // v1.2.3
	commit    string
	made      time.Time // of every file
	out       string
	work      string // goes at the end
	platforms []platform
	nfpm      tool
	cyclonedx tool
	log       io.Writer
}

// platform is a GOOS and a GOARCH.
type platform struct{ os, arch string }

// platforms are those of a release.
func platforms() []platform {
	return []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}
}

// versionPattern is how tags of versions look.
var versionPattern = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// number is the version as packages have it: 1.2.3.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// run makes a release as the arguments say.
func run(ctx context.Context, args []string, log io.Writer) (err error) {
	r, err := parse(args, log)
	if err != nil {
		return err
	}
	_, err = os.Stat("server/inside53")
	if err != nil {
		return fmt.Errorf("looking for the program: %w; run it at the top of the module", err)
	}
	r.work, err = os.MkdirTemp("", "inside53-dist-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.work)) }()
	err = os.MkdirAll(r.out, 0o755)
	if err != nil {
		return err
	}
	err = r.needs(ctx, r.nfpm, "--version")
	if err != nil {
		return err
	}
	err = r.needs(ctx, r.cyclonedx, "version")
	if err != nil {
		return err
	}
	return r.make(ctx)
}

// make makes all of it, the sums last.
func (r *release) make(ctx context.Context) error {
	err := r.writeManual(ctx)
	if err != nil {
		return err
	}
	var images []image
	for _, p := range r.platforms {
		binary, err := r.build(ctx, p)
		if err != nil {
			return err
		}
		if p.os != "linux" {
			continue
		}
		err = r.pack(ctx, p, binary)
		if err != nil {
			return err
		}
		i, err := r.image(p, binary)
		if err != nil {
			return err
		}
		images = append(images, i)
	}
	err = r.writeImages(images)
	if err != nil {
		return err
	}
	err = r.writeSBOM(ctx)
	if err != nil {
		return err
	}
	return r.writeSums()
}

// parse reads the command line and the environment.
func parse(args []string, log io.Writer) (*release, error) {
	r := &release{log: log}
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "the `tag` of the version: v1.2.3")
	flags.StringVar(&r.commit, "commit", "", "the commit that is built")
	flags.StringVar(&r.out, "out", "dist", "the `directory` of what is made")
	flags.StringVar((*string)(&r.nfpm), "nfpm", "", "the `program` nfpm: its path, or package@version")
	flags.StringVar((*string)(&r.cyclonedx), "cyclonedx", "", "the `program` cyclonedx-gomod: as nfpm")
	only := flags.String("only", "", "these `platforms` alone: linux/amd64,darwin/arm64")
	err := flags.Parse(args)
	if err != nil {
		return nil, err
	}
	if !versionPattern.MatchString(r.version) {
		return nil, fmt.Errorf("%q is no version like v1.2.3; run: make dist VERSION=v1.2.3", r.version)
	}
	if r.nfpm == "" || r.cyclonedx == "" {
		return nil, errors.New("no -nfpm or no -cyclonedx; run: make dist VERSION=" + r.version)
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading SOURCE_DATE_EPOCH, the time of all files: %w", err)
	}
	r.made = time.Unix(seconds, 0).UTC()
	r.out, err = filepath.Abs(r.out)
	if err != nil {
		return nil, err
	}
	r.platforms = platforms()
	if *only == "" {
		return r, nil
	}
	r.platforms = nil
	for word := range strings.SplitSeq(*only, ",") {
		name, arch, _ := strings.Cut(word, "/")
		p := platform{name, arch}
		if !slices.Contains(platforms(), p) {
			return nil, fmt.Errorf("%s is none of %v", word, platforms())
		}
		r.platforms = append(r.platforms, p)
	}
	return r, nil
}
