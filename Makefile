# inside53: internal split-horizon DNS for AWS. `make help` lists what there is.
# Go and make are all that help, build, run, test, bench and cover need.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
VERSITYGW   := github.com/versity/versitygw/cmd/versitygw@v1.8.0
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
CYCLONEDX   := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
HCLFMT      := github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.25.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
# -s -w leave out what debuggers alone read: a quarter of the binary. Traces of the stack stay whole.
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The programs of test-clients, and the Debian packages that bring them.
CLIENTS  := chromium dig nsupdate named named-compilezone knotd nsd kdig knsupdate certbot aws ip unshare \
	systemd-analyze dnsdist rpm2cpio cpio promtool
PEERS    := nsd knotd unbound ip unshare nice
TORTURES := ip unshare nft
BUILDERS := $${CC:-gcc} debootstrap
PACKAGES := chromium fonts-inter fonts-jetbrains-mono bind9-dnsutils bind9 bind9-utils knot knot-dnsutils nsd unbound awscli certbot python3-certbot-dns-rfc2136 \
	systemd dnsdist iproute2 nftables util-linux gcc libc6-dev debootstrap rpm2cpio cpio prometheus

ATTACKTIME  ?= full
CHAOSROUNDS ?= 200
CHAOSSEED   ?=
FLEETTIME   ?= 10m
FLEETSEED   ?=
FRESH     ?= all
FUZZTIME  ?= 30s
BENCHTIME ?= 1s
ROUNDS    ?= 5
SCALE     ?= small
RACE      ?= full
# Packages tested at once: the tests wait for clocks for most of their time.
ATONCE    ?= 6

.DEFAULT_GOAL := help
.PHONY: help deps build run test lint race fuzz restarts bench bench-peers bench-observe bench-scale attack chaos test-fleet cover vuln \
	test-clients judge judge-files fresh dist clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install the programs that race, test-clients, attack and test-fleet need (Debian, Ubuntu; no daemon is started), build external-dns, versitygw
	@missing=; for c in $(CLIENTS) $(PEERS) $(TORTURES) $(BUILDERS); do command -v $$c >/dev/null || missing="$$missing $$c"; done; \
	if [ -z "$$missing" ]; then echo "deps: all there"; exit 0; fi; \
	echo "deps: missing$$missing"; \
	command -v apt-get >/dev/null || { echo "deps: no apt-get; install the packages of$$missing by hand" >&2; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
		printf '#!/bin/sh\nexit 101\n' | $$as tee $$policy >/dev/null && $$as chmod +x $$policy; \
		trap "$$as rm -f $$policy" EXIT; \
	fi; \
	$$as apt-get update -q && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES)
	CGO_ENABLED=0 $(GO) build -C server/testdata/externaldns -o /dev/null .
	[ -x bin/tools/versitygw ] || GOBIN='$(CURDIR)/bin/tools' CGO_ENABLED=0 $(GO) install $(VERSITYGW)
	@for c in nfpm@$(NFPM) cyclonedx-gomod@$(CYCLONEDX) hclfmt@$(HCLFMT); do \
		[ -x bin/tools/$${c%%@*} ] || GOBIN='$(CURDIR)/bin/tools' CGO_ENABLED=0 $(GO) install $${c#*@} || exit 1; done
	[ -e bin/tools/debian.tar ] || if [ "$$(id -u)" = 0 ]; then .ci/bare bin/tools/debian.tar; \
		else sudo .ci/bare bin/tools/debian.tar; fi

build: ## build bin/inside53
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/inside53 ./server/inside53

run: build ## build, and run the demo: the server on a simulated AWS
	bin/inside53 demo

test: ## run the tests
	$(GO) test -p $(ATONCE) ./...
	$(GO) test -tags portable_udp ./server/listen ./resolver/datagram

lint: ## gofmt, go vet, staticcheck, and the house rules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "lint: run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; fi
	$(GO) vet -tags clients,judge,manual ./...
	$(GO) vet -tags portable_udp,blind,fleettest ./server/listen ./resolver/datagram ./server/observe ./zonesource/clock
	GOOS=darwin CGO_ENABLED=0 $(GO) build -o /dev/null ./server/inside53
	$(GO) run $(STATICCHECK) -tags clients,judge,manual ./...
	$(GO) run $(STATICCHECK) -tags portable_udp,blind,fleettest ./server/listen ./resolver/datagram ./server/observe ./zonesource/clock
	$(GO) test -run '^Test(House|Imports)' ./...

# The short form leaves out what has one goroutine, what is the same many times, and the command line, which runs what
# package server does.
ALONE_TESTS = SpoiledPackets|EncoderEqualsOracle|LookupEqualsReference|ForwardedMessages|WorstPackets|Policies|UpdateMany$\
	|TransfersSweep|RandomInventories|ProgramLeavesNothing|FleetSpread|FleetArrivals
RACED       = $(if $(filter short,$(RACE)),-short -skip '^Test($(ALONE_TESTS))$$' \
	$$($(GO) list ./... | grep -v -e /server/inside53$$ -e /resolver/zone$$),./...)

race: ## run the tests under the race detector, RACE=full or short (needs a C compiler)
	@command -v $${CC:-gcc} >/dev/null || { echo "race: no C compiler; run: make deps" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) test -p $(ATONCE) -race $(RACED)

fuzz: ## run each fuzz test for FUZZTIME (30s), a million cases of the model of routing policies, 10,000 updates, 20 kills
	$(GO) test -timeout 30m -run '^TestModel$$' ./resolver -model 1000000
	$(GO) test -timeout 30m -count=1 -run '^TestUpdateMany$$' ./server -updates 10000
	$(GO) test -timeout 30m -count=1 -v -run '^TestFleet(Calls|Roamers|Arrivals|Spread|Start)$$' ./server \
		-members 30 -changes 1000 -turns 3 -seconds 30 -spread 1000 -records 100000
	$(GO) test -timeout 30m -count=1 -run '^TestUpdatesSurviveKills$$' ./server/inside53 -kills 20 -inflight 20 -survive 10000
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

restarts: ## planned restarts under load: 20,000 look-ups at 1,000 a second, ten times of each kind
	$(GO) test -count=1 -timeout 40m -v -run '^TestRestart(Beside|Terminated|Activated|Balanced)$$' ./server/inside53 -restarts 10 -lookups 20000

bench: build ## run the benchmarks, BENCHTIME (1s) each, and measure the whole program
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	$(GO) run ./server/bench program
	$(GO) run ./server/bench hits

bench-peers: build ## measure the program next to the peers on PATH, ROUNDS (5) times in turns
	$(GO) run ./server/bench peers -rounds $(ROUNDS) -chart server/bench/chart.svg -table server/bench/results.md

bench-observe: build ## measure what counters, metrics, dnstap and the query log cost, ROUNDS (5) times in turns
	CGO_ENABLED=0 $(GO) build -tags blind -trimpath -ldflags '$(LDFLAGS)' -o bin/inside53-blind ./server/inside53
	$(GO) run ./server/bench observe -rounds $(ROUNDS) -table server/bench/observe.md

bench-scale: build ## measure how costs grow with what there is (SCALE=small or full)
	CGO_ENABLED=0 $(GO) build -o bin/bench ./server/bench
	bin/bench scale -size $(SCALE) $(if $(filter full,$(SCALE)),-table server/bench/scale.md -chart server/bench/scale.svg)

# Who attacks and who is attacked have a network of their own, and mounts for a cgroup where there is none.
ALONE = unshare --net --mount $$([ "$$(id -u)" = 0 ] || echo --map-root-user) sh -c 'ip link set lo up && exec "$$@"' sh

attack: build ## attack the program beside clients that ask, and the peers too (ATTACKTIME=short or full)
	@for c in $(PEERS); do command -v $$c >/dev/null || { echo "attack: no $$c; run: make deps" >&2; exit 1; }; done
	CGO_ENABLED=0 $(GO) build -o bin/bench ./server/bench
	$(ALONE) bin/bench attack -time $(ATTACKTIME) $(if $(filter full,$(ATTACKTIME)),-table server/bench/attack.md)

chaos: build ## kill the program and break its disk and its AWS, CHAOSROUNDS (200) times; CHAOSSEED shows the same again
	@for c in ip unshare; do command -v $$c >/dev/null || { echo "chaos: no $$c; run: make deps" >&2; exit 1; }; done
	CGO_ENABLED=0 $(GO) build -o bin/bench ./server/bench
	$(ALONE) bin/bench chaos -rounds $(CHAOSROUNDS) $(if $(CHAOSSEED),-seed $(CHAOSSEED))

test-fleet: ## each rule of the fleet taken out once, then five servers on one S3: kill, stop and cut them off for FLEETTIME (10m), and replace one each 5 s at its end; FLEETSEED shows the same chance again
	@for c in $(TORTURES); do command -v $$c >/dev/null || { echo "test-fleet: no $$c; run: make deps" >&2; exit 1; }; done
	@[ -x bin/tools/versitygw ] || { echo "test-fleet: no bin/tools/versitygw; run: make deps" >&2; exit 1; }
	$(GO) test -count=1 -tags fleettest ./zonesource/clock
	$(GO) test -count=1 -timeout 10m -run '^TestRulesOut$$' ./zonesource/fleet -args -fleet.rules
	CGO_ENABLED=0 $(GO) build -tags fleettest -trimpath -ldflags '$(LDFLAGS)' -o bin/inside53-fleettest ./server/inside53
	CGO_ENABLED=0 $(GO) build -o bin/bench ./server/bench
	$(ALONE) bin/bench fleet -time $(FLEETTIME) $(if $(FLEETSEED),-seed $(FLEETSEED))

cover: ## run the tests and write cover.html
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -n 1
	$(GO) tool cover -html=cover.out -o cover.html

vuln: ## look for known vulnerabilities in what is used
	$(GO) run $(GOVULNCHECK) ./...

TEST_CLIENTS = $(GO) test -p $(ATONCE) -timeout 20m -tags clients -run '^TestClient' ./server/... ./zonesource/...

# The programs run in a network namespace that has loopback and no route: what asks the world outside fails there.
test-clients: ## run the tests that need real DNS clients and the AWS CLI (see deps)
	@for c in $(CLIENTS); do command -v $$c >/dev/null || { echo "test-clients: no $$c; run: make deps" >&2; exit 1; }; done
	@for c in versitygw nfpm cyclonedx-gomod hclfmt debian.tar; do [ -e bin/tools/$$c ] || \
		{ echo "test-clients: no bin/tools/$$c; run: make deps" >&2; exit 1; }; done
	$(GO) list -tags clients -test -deps ./server/... ./zonesource/... >/dev/null # downloads what isn't there
	@alone="unshare --net"; [ "$$(id -u)" = 0 ] || alone="unshare --map-root-user --net"; \
	if $$alone ip link set lo up; then set -x; $$alone sh -c 'ip link set lo up && exec "$$@"' sh $(TEST_CLIENTS); \
	else echo "test-clients: no network namespace here; run as root to hold the programs to loopback" >&2; $(TEST_CLIENTS); fi

# At AWS_ENDPOINT_URL, when it is set, nothing is written; moto is filled by the tests.
judge: build ## compare our answers with another Route 53, at AWS_ENDPOINT_URL or moto
	@command -v aws >/dev/null || { echo "judge: no AWS CLI; run: pip install awscli" >&2; exit 1; }
	@command -v dig >/dev/null || { echo "judge: no dig; run: make deps" >&2; exit 1; }
	@[ -n "$$AWS_ENDPOINT_URL" ] || python3 -c 'import moto.server' || { echo "judge: no moto; run: pip install 'moto[server]', or set AWS_ENDPOINT_URL" >&2; exit 1; }
	$(GO) test -count=1 -timeout 30m -tags judge -run '^TestJudge' ./server/inside53
	@[ -n "$$AWS_ENDPOINT_URL" ] || $(GO) test -count=1 -timeout 30m -tags judge ./zonesource/judge
	@[ -n "$$AWS_ENDPOINT_URL" ] || $(GO) test -count=1 -tags judge -run '^TestJudge' ./zonesource/events

fresh: ## run the README's two commands and .ci/run on a bare Debian; needs root and debootstrap (FRESH=commands: only those)
	@GO='$(GO)' FRESH='$(FRESH)' .ci/fresh

# ZONEFILES names more directories with zone files, with colons between: octet by octet as named reads them.
judge-files: ## compare what is read of zone files, answers and transfers with named, knotd and nsd
	@for c in named named-compilezone knotd nsd; do command -v $$c >/dev/null || { echo "judge-files: no $$c; run: make deps" >&2; exit 1; }; done
	$(GO) test -count=1 -tags judge -v -run '^TestJudgeMasterFiles$$' ./zonesource/zonefile
	$(GO) test -count=1 -tags judge -v -run '^TestFilesBesidePeers$$' ./server

# The time of all files is that of the commit, so that whoever builds it gets the same bytes.
dist: ## make dist/ for VERSION=v1.2.3: binaries, .deb, .rpm, an image, man pages, SBOM, sums
	rm -rf dist
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(GO) run ./server/dist -out dist \
		-version '$(VERSION)' -commit '$(COMMIT)' -nfpm '$(NFPM)' -cyclonedx '$(CYCLONEDX)'

clean: ## remove what the other targets made
	rm -rf bin dist cover.out cover.html
