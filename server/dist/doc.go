// Command dist makes what is installed; `make dist VERSION=v1.2.3` runs it.
//
//	the module ──> inside53 for linux and darwin, amd64 and arm64 ─────────────> binaries
//	             └─> with the tag manual: man pages, completions ─┐
//	examples/  ──> units, sysctl, the least configuration ────────┼─> nfpm ────> .deb, .rpm
//	scripts/   ──> what they do when they come, change and go ────┘
//	x509roots  ──> certificates of the web's authorities ──────────> an image ──> OCI layout
//	the binary ──> the modules in it ──> cyclonedx-gomod ──────────────────────> SBOM
//	all of it  ────────────────────────────────────────────────────────────────> SHA256SUMS
//
// Two runs on one commit make the same bytes, in whatever directory: all times are that of
// the commit, or SOURCE_DATE_EPOCH. nfpm and cyclonedx-gomod are run by `go run` at the
// versions that the Makefile names; nothing of them is part of the program.
package main
